//! Recorded transcripts, one a file: what a program printed goes in, and what a session makes of it is compared with the
//! expectation beside it. The transcripts were written by hand after what the real programs print.

use std::fmt::Write;

use tokio::sync::mpsc;

use super::command::{usable, words};
use super::reading::{End, Reading};
use super::{CLAUDE, CODEX, GEMINI, OPENCODE, Profile};
use crate::agent::{PlanStep, TurnEvent};

/// Checks one transcript against its expectation.
macro_rules! transcript {
    ($name:ident, $profile:expr) => {
        #[test]
        fn $name() {
            let name = stringify!($name);
            let jsonl = include_str!(concat!("transcripts/", stringify!($name), ".jsonl"));
            let expected = include_str!(concat!("transcripts/", stringify!($name), ".txt"));
            let seen = rendered(&$profile, jsonl);
            assert_eq!(seen, expected, "{name} reads as:\n{seen}");
        }
    };
}

transcript!(claude_answers, CLAUDE);
transcript!(claude_fails, CLAUDE);
transcript!(claude_cannot_resume, CLAUDE);
transcript!(claude_makes_too_many_requests, CLAUDE);
transcript!(codex_answers, CODEX);
transcript!(codex_fails, CODEX);
transcript!(gemini_answers, GEMINI);
transcript!(gemini_fails, GEMINI);
transcript!(opencode_answers, OPENCODE);
transcript!(opencode_fails, OPENCODE);

/// What the lines of a program become, as text: one event a line, then the state at the end.
fn rendered(profile: &Profile, jsonl: &str) -> String {
    let (events, mut received) = mpsc::channel(256);
    let mut reading = Reading::new(profile.rules, events);
    let mut out = String::new();
    for (number, line) in jsonl.lines().enumerate() {
        let alive = reading.line(line.as_bytes());
        while let Ok(event) = received.try_recv() {
            writeln!(out, "{}", shown(&event)).unwrap();
        }
        if !alive {
            writeln!(out, "(line {} is no sign of life)", number + 1).unwrap();
        }
    }
    let end = match reading.end.take() {
        None => "none".to_owned(),
        Some(End::Done(stop)) => format!("done, {stop:?}"),
        Some(End::Failed(why)) => format!("failed, {why}"),
        Some(End::LoginWanted(why)) => format!("login wanted, {why}"),
    };
    let token = reading.token.clone().unwrap_or_default();
    let complaint = reading.complaint.clone().unwrap_or_default();
    let worked = reading.worked;
    let text = reading.take_text();
    writeln!(out, "---\nend: {end}\ntoken: {token}\nworked: {worked}\ncomplaint: {complaint}\ntext: {text}")
        .unwrap();
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn shown(event: &TurnEvent) -> String {
    let step = |step: &PlanStep| format!("{} {}", step.status, step.text);
    match event {
        TurnEvent::Text(text) => format!("text: {text}"),
        TurnEvent::Thought(text) => format!("thought: {text}"),
        TurnEvent::ToolCall { id, title, status } => format!("tool {id}: {status} {title}"),
        TurnEvent::Plan(steps) => format!("plan: {}", steps.iter().map(step).collect::<Vec<_>>().join(", ")),
        TurnEvent::Usage { used, size } => format!("usage: {used} of {size}"),
        other => format!("{other:?}"),
    }
}

const ALL: [&Profile; 4] = [&CLAUDE, &CODEX, &GEMINI, &OPENCODE];

#[test]
fn no_line_can_break_a_reading() {
    let deep = "[".repeat(100_000);
    let lines = [
        "",
        "null",
        "{}",
        "[1]",
        "{\"type\":",
        "{\"type\":7}",
        r#"{"type":"assistant","message":{"content":"text"}}"#,
        r#"{"type":"assistant","message":{"content":[null,{"type":"text"},{"type":"tool_use","id":[]}]}}"#,
        r#"{"type":"item.completed","item":{"type":"todo_list","items":{"a":1}}}"#,
        r#"{"type":"result","modelUsage":[1],"is_error":"true","errors":"x"}"#,
        r#"{"type":"step_finish","part":null}"#,
        r#"{"type":"error","error":null}"#,
        &deep,
    ];
    for profile in ALL {
        let (events, _received) = mpsc::channel(1);
        let mut reading = Reading::new(profile.rules, events);
        for line in lines {
            reading.line(line.as_bytes());
        }
        reading.line(&[0xff, 0xfe]);
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let flood = serde_json::json!({ "type": "text", "sessionID": "s".repeat(1_000), "part": { "text": "x".repeat(50_000) } });
    let (events, mut received) = mpsc::channel(4);
    let mut reading = Reading::new(OPENCODE.rules, events);
    for _ in 0..10 {
        reading.line(flood.to_string().as_bytes());
    }
    assert_eq!(reading.token, None, "a token that long is none");
    assert!(reading.take_text().len() <= crate::agent::FINAL_TEXT_BYTES_MAX);
    let shown = std::iter::from_fn(|| received.try_recv().ok());
    let sizes: Vec<usize> = shown.map(|event| shown_bytes(&event)).collect();
    assert_eq!(sizes, [crate::agent::EVENT_TEXT_BYTES_MAX; 4]);
}

fn shown_bytes(event: &TurnEvent) -> usize {
    match event {
        TurnEvent::Text(text) => text.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_is_never_an_option() {
    assert!(usable("9c9028c0-ca8d-448e-9471-ab96d21def1b") && usable("ses_ddfb2bf97ffeqwoUe2O3EPAPsx"));
    for bad in ["", "-", "--yolo", "a b", "a\nb", "../x", &"x".repeat(129)] {
        assert!(!usable(bad), "{bad}");
    }
}

#[test]
fn the_users_words_come_first_and_the_binary_is_quoted() {
    let own = ["npx".to_owned(), "codex".to_owned()];
    let words = words(&CODEX, &own, std::path::Path::new("/a \"b\"/starling"), Some("t-1"));
    assert_eq!(words[..4], ["npx", "codex", "exec", "resume"]);
    assert_eq!(words[words.len() - 2..], ["t-1", "-"]);
    let config = words.iter().find(|word| word.starts_with("mcp_servers.")).unwrap();
    assert!(config.contains(r#"command="/a \"b\"/starling","#), "{config}");
    let claude = super::command::words(&CLAUDE, &[], std::path::Path::new("/x/starling"), None);
    let config = claude.iter().find(|word| word.starts_with('{')).unwrap();
    let config: serde_json::Value = serde_json::from_str(config).unwrap();
    assert_eq!(config["mcpServers"]["starling"]["command"], "/x/starling");
}
