//! Sessions and their lines as text.

use super::super::model::{Entry, Item, Meta, Permission, SessionBody};
use super::{WIDTH, age, chip, clean, count, one_line, padded, style, styled, wrapped};

/// Columns of the status chip.
const CHIP_COLUMNS: usize = 12;
/// Columns of an agent's handle beside a session's id; a longer one is cut.
const AGENT_COLUMNS: usize = 22;
/// Columns of an age such as `59 min ago`.
const AGE_COLUMNS: usize = 10;

/// The list: two lines a session.
pub(in crate::cli) fn list(items: &[Item], now_ms: u64) -> String {
    items.iter().map(|item| row(item, now_ms)).collect()
}

fn row(item: &Item, now_ms: u64) -> String {
    let room = WIDTH - CHIP_COLUMNS - AGE_COLUMNS - 1;
    let title = one_line(item.title.as_deref().unwrap_or("(no title yet)"), room);
    let age = age(&item.updated_at, now_ms);
    let first = format!(
        "{}{} {}",
        padded(&chip(&item.status), CHIP_COLUMNS),
        padded(&styled(style::BOLD, &title), room),
        styled(style::DIM, &format!("{age:>AGE_COLUMNS$}"))
    );
    let agent = one_line(&format!("@{}", item.agent_id), AGENT_COLUMNS);
    let who = format!("{}  {agent}", clean(&item.id));
    let room = WIDTH.saturating_sub(CHIP_COLUMNS + who.chars().count() + 2);
    let preview = match &item.found {
        Some(found) => one_line(&format!("L{}: {}", found.line_number, found.excerpt), room),
        None => one_line(&item.last_message_preview, room),
    };
    let second = format!("{}{who}  {preview}", " ".repeat(CHIP_COLUMNS));
    format!("{first}\n{}\n", styled(style::DIM, second.trim_end()))
}

/// A session with all its lines.
pub(in crate::cli) fn show(body: &SessionBody, now_ms: u64) -> String {
    let session = &body.session;
    let mut text = head(&session.meta, now_ms);
    if let Some(before) = &session.continues {
        text.push_str(&styled(style::DIM, &format!("continues session:{}\n", clean(before))));
    }
    for warning in &session.warnings {
        let proof = warning.records.iter().map(|id| clean(id)).collect::<Vec<_>>().join(" and ");
        let told = format!("! {} ({proof})", warning.detail);
        text.push_str(&styled(style::BAD, &wrapped(&told, 0)));
    }
    if session.uncounted > 0 {
        let records = count(usize::try_from(session.uncounted).unwrap_or(usize::MAX), "record");
        let told = format!("{records} by devices that were removed, not counted");
        text.push_str(&format!("{}\n", styled(style::DIM, &told)));
    }
    for entry in &session.entries {
        text.push('\n');
        text.push_str(&self::entry(entry, &session.meta.agent_id, now_ms));
    }
    if let Some(error) = &session.meta.error {
        text.push_str(&format!("\n{}", styled(style::BAD, &wrapped(&format!("✗ {error}"), 0))));
    } else if let Some(since) = &session.meta.processing_started_at {
        let agent = clean(&session.meta.agent_id);
        let line = format!("◐ @{agent} is working, since {}", age(since, now_ms));
        text.push_str(&format!("\n{}\n", styled(style::BUSY, &line)));
    }
    text
}

fn head(meta: &Meta, now_ms: u64) -> String {
    let title = one_line(meta.title.as_deref().unwrap_or("(no title yet)"), WIDTH - CHIP_COLUMNS);
    let who = format!(
        "session:{}  @{} → @{}  {}",
        clean(&meta.id),
        clean(&meta.created_by),
        clean(&meta.agent_id),
        age(&meta.updated_at, now_ms)
    );
    let summary = meta.summary.as_deref().map_or_else(String::new, |summary| {
        format!("{}{}", styled(style::DIM, "summary\n"), wrapped(summary, 2))
    });
    format!(
        "{}{}\n{}\n{summary}",
        padded(&chip(&meta.status), CHIP_COLUMNS),
        styled(style::BOLD, &title),
        styled(style::DIM, &who)
    )
}

/// What a session's turn waits for, and how it is answered.
pub(in crate::cli) fn permissions(session: &str, open: &[Permission]) -> String {
    let ours = open.iter().filter(|one| one.session_id == session);
    let line = |one: &Permission| {
        let asked = styled(
            style::CARE,
            &format!("? it waits for a permission: {}\n", one_line(&one.title, WIDTH - 30)),
        );
        let number = one.request;
        let how = if one.can_answer {
            format!(
                "  starling session allow {session} {number}\n  starling session deny {session} {number}\n"
            )
        } else {
            "  only whoever uses the device that hosts the agent can answer it\n".to_owned()
        };
        format!("{asked}{}", clean(&how))
    };
    ours.map(line).collect()
}

/// One line of a session: who, when, what. A line number that may still move has a `~`.
pub(in crate::cli) fn entry(entry: &Entry, agent: &str, now_ms: u64) -> String {
    let by_agent = entry.author == agent;
    let author =
        styled(if by_agent { style::BUSY } else { style::GOOD }, &format!("@{}", clean(&entry.author)));
    let moves = match (entry.lost, entry.sealed) {
        (true, _) => " (lost its place)",
        (false, true) => "",
        (false, false) => "~",
    };
    let answers = match entry.point_to {
        0 => String::new(),
        line => format!(" ↩ L{line:06}"),
    };
    let about = format!("L{:06}{moves}{answers} · {}", entry.line_number, age(&entry.timestamp, now_ms));
    format!("{author} {}\n{}", styled(style::DIM, &about), wrapped(&entry.body, 2))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::cli::render::node::testing::NOW_MS;

    const SESSION: &str = r#"{"session": {"archived": false, "meta": {"id": "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ",
        "title": "Flaky build", "agent_id": "scribe", "created_by": "alice", "status": "active",
        "updated_at": "2026-07-12T23:57:00Z", "summary": "The cache was stale.", "unknown": 1},
        "entries": [
          {"message_id": "aa", "line_number": 1, "sealed": true, "point_to": 0, "author": "alice",
           "timestamp": "2026-07-12T23:55:00Z", "body": "Please check\nthe \u001b[31mbuild", "links": []},
          {"message_id": "bb", "line_number": 2, "sealed": false, "point_to": 1, "author": "scribe",
           "timestamp": "2026-07-12T23:57:00Z", "body": "Done."}]}}"#;

    #[test]
    fn a_session_looks_like_this() {
        let body: SessionBody = serde_json::from_str(SESSION).unwrap();
        let shown = show(&body, NOW_MS);
        assert!(shown.contains('\u{1b}'), "styled");
        assert_eq!(
            strip_str(&shown).to_string(),
            "● active    Flaky build\n\
             session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ  @alice → @scribe  3 min ago\n\
             summary\n  The cache was stale.\n\n\
             @alice L000001 · 5 min ago\n  Please check\n  the ␛[31mbuild\n\n\
             @scribe L000002~ ↩ L000001 · 3 min ago\n  Done.\n"
        );
    }

    #[test]
    fn forks_lost_answers_and_what_does_not_count_are_told() {
        let mut body: SessionBody = serde_json::from_str(SESSION).unwrap();
        let fork =
            r#"[{"code": "agent_forked", "detail": "the history forked", "records": ["aa", "bb\u001b"]}]"#;
        body.session.warnings = serde_json::from_str(fork).unwrap();
        body.session.uncounted = 2;
        body.session.continues = Some("qs-01JYYYYYYYYYYYYYYYYYYYYYYY".to_owned());
        body.session.entries[1].lost = true;
        let shown = strip_str(&show(&body, NOW_MS)).to_string();
        assert!(shown.contains("\n! the history forked (aa and bb␛)\n"), "{shown}");
        assert!(shown.contains("\n2 records by devices that were removed, not counted\n"), "{shown}");
        assert!(shown.contains("\ncontinues session:qs-01JYYYYYYYYYYYYYYYYYYYYYYY\n"), "{shown}");
        assert!(shown.contains("L000002 (lost its place) ↩ L000001"), "{shown}");
    }

    #[test]
    fn a_turn_that_waits_for_a_permission_says_how_it_is_answered() {
        let of = |session: &str, can_answer| Permission {
            session_id: session.to_owned(),
            request: 3,
            title: "rm -rf \u{1b} build ".repeat(9),
            can_answer,
        };
        let shown = permissions("qs-1", &[of("qs-2", true), of("qs-1", true)]);
        let shown = strip_str(&shown).to_string();
        assert!(
            shown.ends_with("…\n  starling session allow qs-1 3\n  starling session deny qs-1 3\n"),
            "{shown}"
        );
        assert!(
            shown.lines().all(|line| line.chars().count() <= WIDTH) && shown.lines().count() == 3,
            "{shown}"
        );
        assert!(permissions("qs-1", &[of("qs-1", false)]).contains("hosts the agent"));
    }

    #[test]
    fn an_error_and_a_running_turn_are_told() {
        let mut body: SessionBody = serde_json::from_str(SESSION).unwrap();
        body.session.meta.processing_started_at = Some("2026-07-12T23:59:00Z".to_owned());
        assert!(
            strip_str(&show(&body, NOW_MS)).to_string().ends_with("◐ @scribe is working, since 1 min ago\n")
        );
        body.session.meta.error = Some("crashed: it ended".to_owned());
        assert!(strip_str(&show(&body, NOW_MS)).to_string().ends_with("\n✗ crashed: it ended\n"));
    }

    #[test]
    fn the_list_fits_the_screen() {
        let items = [
            Item {
                id: "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ".to_owned(),
                title: Some("A title that is rather long ".repeat(3)),
                agent_id: "scribe".to_owned(),
                status: "running".to_owned(),
                updated_at: "2026-07-12T23:57:00Z".to_owned(),
                last_message_preview: "words\n".repeat(30),
                ..Item::default()
            },
            Item {
                id: "qs-01JYYYYYYYYYYYYYYYYYYYYYYY".to_owned(),
                agent_id: "a".repeat(39),
                last_message_preview: "words\n".repeat(30),
                status: "needs_title".to_owned(),
                ..Item::default()
            },
        ];
        let shown = strip_str(&list(&items, NOW_MS)).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{shown}");
        assert!(lines[0].starts_with("◐ running   A title that is rather long"));
        assert!(lines[0].ends_with("…  3 min ago"), "{shown}");
        assert!(lines[1].starts_with("            qs-01JZZZZZZZZZZZZZZZZZZZZZZZ  @scribe  words words"));
        assert!(lines[2].starts_with("○ new       (no title yet)"));
    }
}
