//! ELIZA as an agent. Told `use tool SERVER::TOOL with JSON`, she starts that MCP server as the session named it, makes
//! this one call, and says what came of it; anything else she answers as she did in 1966. She wants to be told in so many
//! words, while our prompt is more than the message: a line of `sed` before her takes the newest such message out of it.

use starling_tests::{Node, Program, entries, status_of};

use super::TURN;

/// From the prompt, as it stands in its JSON line, the newest message that is a command. Other prompts go by.
const FILTER: &str = r#"s/"text":".*\\n\| (use tool (\\"|[^"\\])*)\\n.*"(\}\])/"text":"\1"\3/"#;

/// A node that hosts her; `None` where she is not installed.
fn node() -> Option<Node> {
    let command = Program::Eliza.command()?;
    let node = Node::founded_by("alice");
    let pipe = format!("sed -uE '{FILTER}' | {}", command.join(" "));
    let _added = node.cli(&["agent", "add", "eliza", "--acp", "sh", "-c", &pipe]).ok();
    Some(node)
}

#[test]
fn she_sets_the_title_and_replies_through_our_mcp_server() {
    let Some(node) = node() else { return };
    let id = node.open("eliza", r#"use tool starling::set_title with {"title": "On her own couch"}"#);
    let titled = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    assert_eq!(titled["meta"]["title"], "On her own couch");
    let lines = entries(&titled);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].2.starts_with("OK: CallToolResult"), "her final text: {lines:?}");

    node.send(&id, r#"use tool starling::reply with {"body": "How do you feel about that?"}"#);
    let answered = node.until_within(TURN, &id, "the second answer", |session| {
        status_of(session) == "active" && entries(session).len() == 4
    });
    let lines = entries(&answered);
    assert_eq!((lines[3].1.as_str(), lines[3].2.as_str()), ("eliza", "How do you feel about that?"));

    node.send(&id, r#"use tool starling::summarize with {"summary": "She asked how he felt."}"#);
    let summed = node.until_within(TURN, &id, "the summary", |session| {
        status_of(session) == "active" && entries(session).len() == 6
    });
    assert_eq!(summed["meta"]["summary"], "She asked how he felt.");
}

#[test]
fn she_is_told_what_is_missing() {
    let Some(node) = node() else { return };
    let events = node.api().listen();
    let id = node.open("eliza", r#"use tool starling::reply with {"body": "Too early"}"#);
    events.until("the refusal, in plain words", TURN, |event| {
        let text = event.data["text"].as_str().unwrap_or_default();
        text.contains("quick_session_title_required: call set_title first, then reply again")
    });
    let failed = node.until_within(TURN, &id, "the turn failed", |session| status_of(session) == "error");
    assert!(failed["meta"]["error"].as_str().unwrap().contains("title_missing"), "{failed:#}");
    assert_eq!(entries(&failed).len(), 1, "nothing was published: {failed:#}");
}
