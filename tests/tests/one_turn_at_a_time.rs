//! Fifty sessions of one agent: it answers all of them, one at a time, the first that came first, and none twice; also
//! when the node is killed in the middle.

use std::time::Duration;

use starling_tests::{Node, PATIENCE, entries, status_of, wait_for};

const SESSIONS: usize = 50;
/// For all of them: each starts a tool server, and the machine has other things to do.
const ALL: Duration = Duration::from_secs(180);
const SCRIPT: &str = "say begin\nset_title T\nsleep 5\nreply R\nsay end\n";

fn node() -> Node {
    let node = Node::founded_by("alice");
    let script = node.file("script", SCRIPT);
    let _added = node.cli(&["agent", "add", "coder", "--demo", "--script", &script]).ok();
    node
}

fn open_all(node: &Node) -> Vec<String> {
    (0..SESSIONS).map(|number| node.open("coder", &format!("question {number}"))).collect()
}

#[test]
fn fifty_sessions_are_answered_one_at_a_time_in_order() {
    let node = node();
    let events = node.api().listen();
    let ids = open_all(&node);
    // Each word of the agent, in the order in which it was said: which session, and whether it began or ended there.
    let mut words = Vec::new();
    for _ in 0..2 * SESSIONS {
        let said = events.until("the agent's next word", ALL, |event| {
            event.data["text"] == "begin\n" || event.data["text"] == "end\n"
        });
        let session = said.data["session_id"].as_str().unwrap().to_owned();
        words.push((session, said.data["text"] == "begin\n"));
    }
    let expected: Vec<_> = ids.iter().flat_map(|id| [(id.clone(), true), (id.clone(), false)]).collect();
    assert_eq!(words, expected, "one at a time, first in, first out");
    for id in &ids {
        let session = node.settled(id);
        let authors: Vec<_> = entries(&session).into_iter().map(|(_, author, _)| author).collect();
        assert_eq!(authors, ["alice", "coder"], "answered once: {session:#}");
    }
}

#[test]
fn none_is_answered_twice_when_the_node_is_killed_in_the_middle() {
    let mut node = node();
    let ids = open_all(&node);
    let answered = |node: &Node| ids.iter().filter(|id| entries(&node.show(id)).len() == 2).count();
    wait_for("some answers", ALL, || (answered(&node) >= 10).then_some(()));
    node.kill9();
    node.up();
    let done = |node: &Node| {
        let over = |id: &String| matches!(status_of(&node.show(id)), "active" | "error");
        ids.iter().all(over).then_some(())
    };
    wait_for("the others", ALL, || done(&node));
    let interrupted = ids.iter().filter(|id| status_of(&node.show(id)) == "error").count();
    assert!(interrupted <= 1, "only the one that was under way: {interrupted}");
    wait_for("all lines are sealed", PATIENCE, || {
        ids.iter().all(|id| entries(&node.show(id)).len() <= 2).then_some(())
    });
    assert_eq!(answered(&node) + interrupted, SESSIONS);
}
