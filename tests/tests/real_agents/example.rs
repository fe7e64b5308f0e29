//! The example agent of the protocol's TypeScript library. Each of its turns takes five seconds or so: it streams, reads a
//! file, streams again, asks for a permission, and says what it does about the answer. It never calls a tool of ours.

use serde_json::json;
use starling_tests::{Events, Node, PATIENCE, Program, entries, processes_of, status_of, wait_for};

use super::TURN;

const REFUSED: &str = "I understand you prefer not to make that change. I'll skip the configuration update.";
const ALLOWED: &str = "Perfect! I've successfully updated the configuration. The changes have been applied.";

/// Starts a program of Node.js as a child, as `npx` does.
const LAUNCHER: &str = "require('node:child_process').spawn('node', [process.argv[1]], { stdio: 'inherit' })";

/// A node that hosts the example agent; `None` where it is not installed.
fn node(permissions: &str) -> Option<Node> {
    Some(host(permissions, &Program::Example.command()?))
}

fn host(permissions: &str, command: &[String]) -> Node {
    let node = Node::founded_by("alice");
    let mut add = vec!["agent", "add", "example", "--permissions", permissions, "--acp"];
    add.extend(command.iter().map(String::as_str));
    let _added = node.cli(&add).ok();
    node
}

/// Opens a session that has a title: then the agent's final text is its answer.
fn open(node: &Node) -> String {
    let id = node.open("example", "Please update the configuration.");
    let _titled = node.cli(&["session", "title", &id, "By hand"]).ok();
    id
}

fn agents_of(node: &Node) -> Vec<String> {
    processes_of(&node.home()).into_iter().filter(|line| line.contains(": node ")).collect()
}

/// The number of the request for a permission, once there is one.
fn asked(events: &Events) -> u64 {
    let asked = events.until("the permission request", TURN, |event| event.data["state"] == "asked");
    assert_eq!(asked.data["title"], "Modifying critical configuration file");
    assert_eq!((&asked.data["kind"], &asked.data["can_answer"]), (&json!("permission"), &json!(true)));
    asked.data["request"].as_u64().unwrap()
}

#[test]
fn its_words_and_calls_are_shown_and_its_final_text_is_the_answer() {
    let Some(node) = node("refuse") else { return };
    let events = node.api().listen();
    let id = open(&node);
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
    let refused = events.until("the permission request", TURN, |event| event.data["kind"] == "permission");
    assert_eq!(refused.data["title"], "Modifying critical configuration file");
    assert_eq!(refused.data["state"], "refused", "the agent's policy says so, nobody is asked: {refused:?}");
    text("I understand you prefer not");

    let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    let lines = entries(&session);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((lines[1].1.as_str(), lines[1].2.as_str()), ("example", REFUSED));
}

#[test]
fn a_permission_is_allowed_and_another_one_refused() {
    let Some(node) = node("host") else { return };
    let events = node.api().listen();
    let id = open(&node);
    for (verb, state, answer) in [("allow", "allowed", ALLOWED), ("deny", "refused", REFUSED)] {
        let request = asked(&events);
        let _answered = node.cli(&["session", verb, &id, &request.to_string()]).ok();
        events.until(state, TURN, |event| event.data["request"] == request && event.data["state"] == state);
        let session = node.until_within(TURN, &id, answer, |session| {
            status_of(session) == "active" && entries(session).last().is_some_and(|last| last.2 == answer)
        });
        if verb == "allow" {
            assert_eq!(entries(&session).len(), 2, "{session:#}");
            node.send(&id, "And once more.");
        }
    }
}

#[test]
fn without_a_title_its_text_is_no_answer() {
    let Some(node) = node("refuse") else { return };
    let id = node.open("example", "Please update the configuration.");
    let failed = node.until_within(TURN, &id, "the turn failed", |session| status_of(session) == "error");
    assert!(failed["meta"]["error"].as_str().unwrap().contains("title_missing"), "{failed:#}");
    assert_eq!(entries(&failed).len(), 1, "{failed:#}");
}

/// At its first words, and while it waits for a permission: what it asked is over then.
#[test]
fn a_turn_that_is_stopped_ends_and_the_next_one_is_answered_by_the_same_process() {
    let Some(node) = node("host") else { return };
    let events = node.api().listen();
    let id = open(&node);
    events.until("its first words", TURN, |event| event.data["kind"] == "text");
    let before = agents_of(&node);
    assert_eq!(before.len(), 1, "{:?}", processes_of(&node.home()));
    for again in ["Go on, then.", "Now really."] {
        let _stopped = node.cli(&["session", "stop", &id]).ok();
        let stopped = node.until_within(TURN, &id, "stopped", |session| status_of(session) == "error");
        assert!(stopped["meta"]["error"].as_str().unwrap().contains("stopped"), "{stopped:#}");
        assert!(entries(&stopped).iter().all(|(_, author, _)| author == "alice"), "{stopped:#}");
        assert_eq!(node.api().get("/im/permissions").body["permissions"], json!([]));
        node.send(&id, again);
        let request = asked(&events);
        if again == "Now really." {
            let _allowed = node.cli(&["session", "allow", &id, &request.to_string()]).ok();
        }
    }
    let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    assert_eq!(entries(&session).last().unwrap().2, ALLOWED);
    assert_eq!(agents_of(&node), before, "it heard the cancellations, so it did not have to be ended");
}

#[test]
fn neither_it_nor_what_launched_it_outlives_the_node() {
    let Some(command) = Program::Example.command() else { return };
    let launched = [&command[..1], &["-e".to_owned(), LAUNCHER.to_owned()], &command[1..]].concat();
    let mut node = host("refuse", &launched);
    for kill in [true, false] {
        let events = node.api().listen();
        let _id = node.open("example", "Please update the configuration.");
        events.until("its first words", TURN, |event| event.data["kind"] == "text");
        assert_eq!(agents_of(&node).len(), 2, "{:?}", processes_of(&node.home()));
        if kill {
            node.kill9();
        } else {
            node.stop();
        }
        wait_for("nothing is left", PATIENCE, || processes_of(&node.home()).is_empty().then_some(()));
        node.up();
    }
}
