//! `starling logs` and `starling agent logs`: what the node and its agents said, once or as it comes. Both are asked for
//! anew every half second while they are followed: a log is read by one person, and a stream of its own is not worth it.

use std::time::Duration;

use serde_json::Value;
use starling_crdt::id::Handle;

use super::Context;
use super::client::{Call, paths};
use super::failure::Failure;
use super::model::{AgentLog, LogLine, LogLines};
use super::render::{clean, style, styled};

/// Between two looks.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);

/// Prints the node's log lines after `since`; with `follow`, until interrupted.
pub(super) async fn node(cx: &mut Context, follow: bool, since: u64) -> Result<(), Failure> {
    let mut since = since;
    loop {
        let answer = cx.client.ask(Call::get(paths::logs(since))).await?;
        let news: LogLines = answer.parse()?;
        if news.next < since {
            // The node was started again, and numbers anew.
            since = 0;
            continue;
        }
        if cx.out.json {
            let lines = answer.parse::<Value>()?;
            for line in lines.get("lines").and_then(Value::as_array).into_iter().flatten() {
                cx.out.data(&format!("{line}\n"))?;
            }
        } else {
            let text: String = news.lines.iter().map(shown).collect();
            cx.out.data(&text)?;
        }
        if !follow {
            if news.lines.is_empty() {
                cx.out.note("the node has said nothing since it was started");
            }
            return Ok(());
        }
        since = news.next;
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

/// `2026-07-11 00:00:00 warn  cannot listen ...  starling_node::shell`
fn shown(line: &LogLine) -> String {
    let at: String = clean(&line.at).replace('T', " ").chars().take(19).collect();
    let level = format!("{:5}", clean(&line.level));
    let level = match line.level.as_str() {
        "error" => styled(style::BAD, &level),
        "warn" => styled(style::CARE, &level),
        _ => styled(style::DIM, &level),
    };
    // A line of the log is a line of the screen, or of what reads it.
    let text = clean(&line.text).replace('\n', " ");
    let target = styled(style::DIM, &clean(&line.target));
    format!("{} {level} {text}  {target}\n", styled(style::DIM, &at))
}

/// Prints what an agent of this device said on standard error; with `follow`, until interrupted.
pub(super) async fn agent(cx: &mut Context, handle: &Handle, follow: bool) -> Result<(), Failure> {
    let mut before = String::new();
    loop {
        let answer = cx.client.ask(Call::get(paths::agent_logs(handle))).await?;
        if cx.out.json && !follow {
            return cx.out.document(&answer.body);
        }
        let said = answer.parse::<AgentLog>()?.stderr;
        let new = clean(appended(&before, &said));
        if cx.out.json {
            for line in new.lines() {
                cx.out.data(&format!("{}\n", Value::from(line)))?;
            }
        } else if new.is_empty() && !follow {
            cx.out.note(&format!("@{handle} has said nothing on standard error since it was last started"));
        } else if follow || new.ends_with('\n') {
            cx.out.data(&new)?;
        } else {
            cx.out.data(&format!("{new}\n"))?;
        }
        if !follow {
            return Ok(());
        }
        before = said;
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

/// What came after `before`, of which `now` may show only the end.
fn appended<'a>(before: &str, now: &'a str) -> &'a str {
    let kept = (0..=before.len()).filter_map(|at| before.get(at..)).find(|end| now.starts_with(end));
    now.get(kept.map_or(0, str::len)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_printed() {
        assert_eq!(appended("", "a\n"), "a\n");
        assert_eq!(appended("a\n", "a\nb\n"), "b\n");
        assert_eq!(appended("abcd", "cdef"), "ef");
        assert_eq!(appended("same", "same"), "");
        assert_eq!(appended("gone", "other"), "other");
        assert_eq!(appended("né", "éa"), "a");
    }

    #[test]
    fn a_line_of_the_log_stays_one_line() {
        let line = LogLine {
            at: "2026-07-11T00:00:00.123Z".to_owned(),
            level: "warn".to_owned(),
            target: "starling_node".to_owned(),
            text: "a\u{1b}[31m\nb".to_owned(),
        };
        let plain = anstream::adapter::strip_str(&shown(&line)).to_string();
        assert_eq!(plain, "2026-07-11 00:00:00 warn  a\u{241b}[31m b  starling_node\n");
    }
}
