//! Texts byte by byte, and back through our own reader and one of YAML 1.1.

use std::process::Command;

use super::*;

pub(super) const ID: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";
pub(super) const ATTEMPT: &str = "qa-01JZZZZZZZZZZZZZZZZZZZZZZZ";
const TIME_MS: u64 = 1_783_728_000_000;

/// What a reader of YAML 1.1 or 1.2, or a careless one, would take for something other than this string.
const AWKWARD: [&str; 56] = [
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "True",
    "false",
    "null",
    "Null",
    "~",
    "",
    "0",
    "0123",
    "0o17",
    "0x1F",
    "0b1",
    "1e3",
    "1_000",
    "-.inf",
    ".nan",
    "+1",
    "1.",
    "1:30",
    "190:20:30",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "=",
    "<<",
    "#x",
    "a #b",
    "a: b",
    "a:",
    ": a",
    "- a",
    "? a",
    "-",
    "---",
    "...",
    "%YAML 1.2",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "|",
    ">",
    "@a",
    "`a",
    "{a}",
    "[a]",
    "\"a\"",
    "'a'",
    "it's",
    "\\n",
    "a\\",
];
const AWKWARD_TEXT: [&str; 22] = [
    " leading",
    "trailing ",
    "\ttab",
    "two\nlines",
    "\n",
    "\n\nleading",
    "trailing\n\n",
    " \n ",
    "a\r\nb",
    "a\rb",
    "\u{0}",
    "\u{1b}[31m",
    "\u{7f}",
    "a\u{85}b",
    "a\u{2028}b\u{2029}c",
    "\u{feff}bom",
    "\u{a0}nbsp",
    "中文",
    "👩‍👩‍👧‍👦 emoji",
    "'\u{2028}'",
    "\u{fffe}\u{ffff}",
    "\u{1ffff}\u{10ffff}",
];

fn awkward() -> Vec<String> {
    let long = ["x ".repeat(2_000), "界".repeat(4_000), "'\"\\\n".repeat(1_000)];
    AWKWARD.iter().chain(&AWKWARD_TEXT).map(ToString::to_string).chain(long).collect()
}

/// A titled session between two turns.
pub(super) fn active() -> SessionMeta {
    SessionMeta {
        id: ID.to_owned(),
        title: Some("Build".to_owned()),
        agent_id: "builder".to_owned(),
        created_by: "alice".to_owned(),
        status: Status::Active,
        created_at_ms: TIME_MS,
        updated_at_ms: TIME_MS + 9_000,
        archived_at_ms: None,
        archived_from: None,
        summary: None,
        summary_updated_at_ms: None,
        last_message_preview: "Done".to_owned(),
        error: None,
        processing_input_line: None,
        processing_started_at_ms: None,
        attempt_id: None,
        last_completed_attempt_id: Some(ATTEMPT.to_owned()),
        last_completed_input_line: Some(1),
        last_completed_line: Some(2),
        last_failed_attempt_id: None,
        last_human_request_id: Some("r-1".to_owned()),
        last_human_line: Some(1),
        revision: 4,
    }
}

pub(super) fn running() -> SessionMeta {
    SessionMeta {
        status: Status::Running,
        processing_input_line: Some(1),
        processing_started_at_ms: Some(TIME_MS),
        attempt_id: Some(ATTEMPT.to_owned()),
        ..active()
    }
}

pub(super) fn failed() -> SessionMeta {
    let last_failed_attempt_id = Some(ATTEMPT.to_owned());
    SessionMeta {
        status: Status::Error,
        error: Some("out of tokens".to_owned()),
        last_failed_attempt_id,
        ..active()
    }
}

pub(super) fn archived(from: SessionMeta) -> SessionMeta {
    let archived_from = Some(from.status);
    SessionMeta { status: Status::Archived, archived_at_ms: Some(TIME_MS), archived_from, ..from }
}

pub(super) fn needs_title() -> SessionMeta {
    SessionMeta { status: Status::NeedsTitle, title: None, ..active() }
}

pub(super) fn full() -> SessionMeta {
    let summary = Some("All is\nwell.".to_owned());
    SessionMeta { summary, summary_updated_at_ms: Some(TIME_MS), ..archived(failed()) }
}

#[test]
fn a_session_is_written_byte_by_byte() {
    let text = "id: 'qs-01JZZZZZZZZZZZZZZZZZZZZZZZ'\n\
                title: 'Build'\n\
                agent_id: 'builder'\n\
                created_by: 'alice'\n\
                status: 'active'\n\
                created_at: '20260711T000000Z'\n\
                updated_at: '20260711T000009Z'\n\
                last_message_preview: 'Done'\n\
                last_completed_attempt_id: 'qa-01JZZZZZZZZZZZZZZZZZZZZZZZ'\n\
                last_completed_input_line: 1\n\
                last_completed_line: 2\n\
                last_human_request_id: 'r-1'\n\
                last_human_line: 1\n\
                revision: 4\n";
    assert_eq!(render(&active()).expect("renders"), text);
}

#[test]
fn the_fields_stand_in_the_documented_order() {
    let order = "id, title, agent_id, created_by, status, created_at, updated_at, archived_at, \
                 archived_from, summary, summary_updated_at, last_message_preview, error, \
                 processing_input_line, processing_started_at, attempt_id, \
                 last_completed_attempt_id, last_completed_input_line, last_completed_line, \
                 last_failed_attempt_id, last_human_request_id, last_human_line, revision";
    let mut all = full();
    all.processing_input_line = Some(1);
    all.processing_started_at_ms = Some(TIME_MS);
    all.attempt_id = Some(ATTEMPT.to_owned());
    let text = render(&all).expect("renders");
    let fields: Vec<_> =
        text.lines().filter_map(|line| line.split_once(": ")).map(|(field, _)| field).collect();
    assert_eq!(fields.join(", "), order);
    assert_eq!(text.lines().count(), fields.len(), "one line for each field");
}

#[test]
fn users_and_the_workspace_are_written_byte_by_byte() {
    let labels = vec!["rust".to_owned(), "yes".to_owned()];
    let user = UserMeta {
        display_name: "Alice".to_owned(),
        role: "member".to_owned(),
        introduction: String::new(),
        labels,
        kind: UserKind::Human,
    };
    let text = "display_name: 'Alice'\n\
                role: 'member'\n\
                introduction: ''\n\
                labels:\n\
                - 'rust'\n\
                - 'yes'\n\
                kind: 'human'\n";
    assert_eq!(render(&user).expect("renders"), text);
    let bare = UserMeta { labels: Vec::new(), kind: UserKind::Agent, ..user.clone() };
    assert!(render(&bare).expect("renders").ends_with("labels: []\nkind: 'agent'\n"));
    for user in [user, bare] {
        assert_eq!(parse::<UserMeta>(&render(&user).expect("renders")).expect("parses"), user);
    }
    let workspace = WorkspaceMeta { format: FORMAT, workspace: "0123".to_owned() };
    assert_eq!(render(&workspace).expect("renders"), "format: 1\nworkspace: '0123'\n");
}

#[test]
fn every_string_comes_back_from_our_own_reader() {
    for text in awkward() {
        let meta = SessionMeta { title: Some(text.clone()), last_message_preview: text, ..full() };
        let yaml = render(&meta).expect("renders");
        assert_eq!(parse::<SessionMeta>(&yaml).expect("parses"), meta, "{yaml}");
        assert!(yaml.ends_with('\n') && !yaml.starts_with("---"));
    }
}

/// `PyYAML` is the YAML 1.1 reader that most tools use. Without it on the machine there is nothing to ask.
#[test]
fn every_string_comes_back_from_a_yaml_1_1_reader() {
    if !Command::new("python3")
        .args(["-c", "import yaml"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("python3 with PyYAML is not installed: skipped");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut expected = String::new();
    for (number, text) in awkward().into_iter().enumerate() {
        let user = UserMeta {
            display_name: text.clone(),
            role: "member".to_owned(),
            introduction: text.clone(),
            labels: vec![text.clone()],
            kind: UserKind::Human,
        };
        std::fs::write(directory.path().join(format!("{number}.yaml")), render(&user).expect("renders"))
            .expect("writes");
        let hex = data_encoding::HEXLOWER.encode(text.as_bytes());
        expected.push_str(&format!("{hex} {hex} {hex}\n"));
    }
    let script = "import sys, yaml, os\n\
                  for n in range(len(os.listdir(sys.argv[1]))):\n\
                  \x20   d = yaml.safe_load(open(f'{sys.argv[1]}/{n}.yaml', encoding='utf-8', newline=''))\n\
                  \x20   assert list(d) == ['display_name', 'role', 'introduction', 'labels', 'kind'], d\n\
                  \x20   strings = d['display_name'], d['introduction'], d['labels'][0]\n\
                  \x20   print(*(s.encode('utf-8').hex() for s in strings))\n";
    let output = Command::new("python3").args(["-c", script]).arg(directory.path()).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn what_we_did_not_write_is_refused() {
    let text = render(&active()).expect("renders");
    for (from, to) in [
        ("revision: 4\n", ""),
        ("revision: 4\n", "revision: 4\nrevision: 5\n"),
        ("revision: 4\n", "revision: -4\n"),
        ("revision: 4\n", "revision: 4\nunknown: 1\n"),
        ("'active'", "'sleeping'"),
        ("20260711T000000Z", "2026-07-11"),
    ] {
        assert!(text.contains(from));
        assert!(matches!(parse::<SessionMeta>(&text.replace(from, to)), Err(YamlError::Read(_))), "{to}");
    }
    assert!(matches!(parse::<SessionMeta>(&" ".repeat(FILE_BYTES_MAX + 1)), Err(YamlError::TooLong)));
}

#[test]
fn the_longest_session_can_be_read_again() {
    let chars = "\u{85}".repeat(4_000);
    let preview = preview(&"\u{fffe}".repeat(200));
    assert_eq!(preview.chars().count(), 160);
    let meta = SessionMeta {
        summary: Some(chars.clone()),
        error: Some(chars),
        last_message_preview: preview,
        ..full()
    };
    assert_eq!(parse::<SessionMeta>(&render(&meta).expect("renders")).expect("parses"), meta);
}
