//! The example agent of the protocol's TypeScript library. Each of its turns takes five seconds or so: it streams, reads a
//! file, streams again, asks for a permission, and says what it does about the answer. It never calls a tool of ours.

use starling_tests::{Node, Program, entries, processes_of, status_of};

use super::TURN;

const REFUSED: &str =
    "I understand you prefer not to make that change. I'll skip the configuration update.";

/// A node that hosts the example agent; `None` where it is not installed.
fn node() -> Option<Node> {
    let command = Program::Example.command()?;
    let node = Node::founded_by("alice");
    let mut add = vec!["agent", "add", "example", "--permissions", "refuse", "--acp"];
    add.extend(command.iter().map(String::as_str));
    let _added = node.cli(&add).ok();
    Some(node)
}

fn agents_of(node: &Node) -> Vec<String> {
    processes_of(&node.home()).into_iter().filter(|line| line.contains(": node ")).collect()
}

#[test]
fn its_words_and_calls_are_shown_and_its_final_text_is_the_answer() {
    let Some(node) = node() else { return };
    let events = node.api().listen();
    let id = node.open("example", "Please update the configuration.");
    let _titled = node.cli(&["session", "title", &id, "By hand"]).ok();
    let text = |begin: &'static str| {
        events.until(begin, TURN, move |event| {
            event.data["text"].as_str().is_some_and(|text| text.trim_start().starts_with(begin))
        });
    };
    let shown = |name: &'static str, value: &'static str| {
        events.until(value, TURN, move |event| event.kind == "activity" && event.data[name] == value);
    };
    text("I'll help you with that.");
    shown("title", "Reading project files");
    shown("status", "completed");
    text("Now I understand the project structure.");
    let asked = events.until("the permission request", TURN, |event| event.data["kind"] == "permission");
    assert_eq!(asked.data["title"], "Modifying critical configuration file");
    assert_eq!(asked.data["allowed"], false, "the agent's policy says so: {asked:?}");
    text("I understand you prefer not");

    let session =
        node.until_within(TURN, &id, "answered", |session| session["meta"]["status"] == "active");
    let lines = entries(&session);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((lines[1].1.as_str(), lines[1].2.as_str()), ("example", REFUSED));
}

#[test]
fn without_a_title_its_text_is_no_answer() {
    let Some(node) = node() else { return };
    let id = node.open("example", "Please update the configuration.");
    let failed = node.until_within(TURN, &id, "the turn failed", |session| status_of(session) == "error");
    assert!(failed["meta"]["error"].as_str().unwrap().contains("title_missing"), "{failed:#}");
    assert_eq!(entries(&failed).len(), 1, "{failed:#}");
}

#[test]
fn a_turn_that_is_stopped_ends_and_the_next_one_is_answered_by_the_same_process() {
    let Some(node) = node() else { return };
    let events = node.api().listen();
    let id = node.open("example", "Please update the configuration.");
    let _titled = node.cli(&["session", "title", &id, "By hand"]).ok();
    events.until("its first words", TURN, |event| event.data["kind"] == "text");
    let before = agents_of(&node);
    assert_eq!(before.len(), 1, "{:?}", processes_of(&node.home()));
    let _stopped = node.cli(&["session", "stop", &id]).ok();
    let stopped = node.until_within(TURN, &id, "stopped", |session| status_of(session) == "error");
    assert!(stopped["meta"]["error"].as_str().unwrap().contains("stopped"), "{stopped:#}");
    assert_eq!(entries(&stopped).len(), 1, "{stopped:#}");

    node.send(&id, "Go on, then.");
    let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    let lines = entries(&session);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[2].2, REFUSED);
    assert_eq!(agents_of(&node), before, "it heard the cancellation, so it did not have to be ended");
}
