//! Activity as text: whole lines, tool calls once, requests with the command that answers them.

use super::*;
use crate::cli::out::testing::captured;

const ID: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

fn shown(events: &[&str]) -> String {
    let (mut out, _, notes) = captured(false, false);
    let mut shown = Shown::new(&out);
    for event in events {
        let data = format!(r#"{{"scope":"quick_session","session_id":"{ID}","generation":0,{event}}}"#);
        shown.show(&mut out, read(&data).unwrap());
    }
    shown.end_line(&mut out);
    notes.text()
}

#[test]
fn streamed_text_is_shown_by_lines() {
    let text = shown(&[r#""kind":"thought","text":"let me see""#]);
    assert_eq!(text, "  · let me see\n");
    let text = shown(&[
        r#""kind":"text","text":"one\ntw""#,
        r#""kind":"text","text":"o\n""#,
        r#""kind":"text","text":"\u001b[2Jthree""#,
    ]);
    assert_eq!(text, "  ┆ one\n  ┆ two\n  ┆ ␛[2Jthree\n");
    let long = format!(r#""kind":"text","text":"{}""#, "word ".repeat(40));
    let text = shown(&[&long]);
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_tool_call_is_shown_when_it_begins_and_when_it_fails() {
    let tool = |title: &str, status: &str| {
        format!(r#""kind":"tool","id":"c1","title":"{title}","status":"{status}""#)
    };
    let text = shown(&[&tool("Read a.rs", "pending"), &tool("", "in_progress"), &tool("", "completed")]);
    assert_eq!(text, "  ⚙ Read a.rs\n");
    let text = shown(&[&tool("Read a.rs", "in_progress"), &tool("", "failed")]);
    assert_eq!(text, "  ⚙ Read a.rs\n  ✗ Read a.rs failed\n");
}

#[test]
fn a_request_is_shown_with_the_command_that_answers_it() {
    let ask = |state: &str, can: bool| {
        format!(
            r#""kind":"permission","request":3,"title":"rm -rf build","state":"{state}","can_answer":{can}"#
        )
    };
    let text = shown(&[&ask("asked", true), &ask("allowed", false)]);
    let command = format!("  starling session allow {ID} 3   (or deny)\n");
    assert_eq!(text, format!("? it asks for a permission: rm -rf build\n{command}  allowed: rm -rf build\n"));
    assert!(shown(&[&ask("asked", false)]).contains("on the device that hosts it"));
}

#[test]
fn plans_and_full_contexts_are_said_in_a_line_and_what_is_new_is_passed_over() {
    let plan = r#""kind":"plan","steps":[{"text":"look","status":"completed"},{"text":"mend","status":"in_progress"}]"#;
    let (low, high) = (r#""kind":"usage","used":10,"size":100"#, r#""kind":"usage","used":85,"size":100"#);
    let text = shown(&[plan, low, high, r#""kind":"later","x":1"#]);
    assert_eq!(text, "  ☰ plan, 1 of 2 done: mend\n  ◔ 85 % of the agent's context is in use\n");
}
