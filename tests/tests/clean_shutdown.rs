//! A node that is told to stop leaves nothing behind: no process, no socket, no token, no store that needs repair. One
//! that is killed leaves files, which the next start clears away, but no process either.

use std::fs;
use std::time::{Duration, Instant};

use starling_tests::{Node, PATIENCE, pause, processes_of, status_of, wait_for};

/// A turn that would last for an hour.
const LONG: &str = "set_title Long\nsay working\nsleep 3600000\nreply never\n";
/// An agent that listens to nobody.
const STUCK: &str = "set_title Stuck\nsay working\nhang\n";

fn with_running_turn(script: &str) -> (Node, String) {
    let node = Node::founded_by("alice");
    let file = node.file("script", script);
    let _added = node.cli(&["agent", "add", "coder", "--demo", "--script", &file]).ok();
    let events = node.api().listen();
    let id = node.open("coder", "go");
    events.until("the agent's words", PATIENCE, |event| event.data["text"] == "working\n");
    // What comes after them says nothing; it is there within moments.
    pause(Duration::from_millis(300));
    node.until(&id, "the agent works", |session| {
        status_of(session) == "running" && session["meta"]["title"].is_string()
    });
    assert!(processes_of(&node.home()).len() > 1, "an agent runs");
    (node, id)
}

/// The lock's file stays: taken away, two processes could each hold a lock of that name.
fn left_in_run(node: &Node) -> Vec<String> {
    let run = fs::read_dir(node.home().join("run")).unwrap();
    run.flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != "lock")
        .collect()
}

fn no_process_is_left(node: &Node) {
    wait_for("no process of the home is left", PATIENCE, || {
        processes_of(&node.home()).is_empty().then_some(())
    });
}

#[test]
fn sigterm_ends_everything_within_ten_seconds() {
    for script in [LONG, STUCK] {
        let (mut node, id) = with_running_turn(script);
        let begun = Instant::now();
        let status = node.terminate();
        assert_eq!(status.code(), Some(0), "{}", node.log());
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(processes_of(&node.home()), Vec::<String>::new(), "nothing runs on");
        assert_eq!(left_in_run(&node), Vec::<String>::new(), "nothing is left in run/");
        node.up();
        let session = node.show(&id);
        assert_eq!(status_of(&session), "error", "the turn ended with a record: {session:#}");
        assert!(session["meta"]["error"].as_str().unwrap().contains("interrupted"), "{session:#}");
        node.stop();
    }
}

#[test]
fn kill_leaves_no_agent_and_the_next_start_clears_up() {
    for script in [LONG, STUCK] {
        let (mut node, id) = with_running_turn(script);
        node.kill9();
        no_process_is_left(&node);
        node.up();
        let session =
            node.until(&id, "the turn is known to be lost", |session| status_of(session) == "error");
        assert!(session["meta"]["error"].as_str().unwrap().contains("interrupted"), "{session:#}");
        node.stop();
        assert_eq!(left_in_run(&node), Vec::<String>::new(), "nothing is left in run/");
        no_process_is_left(&node);
    }
}
