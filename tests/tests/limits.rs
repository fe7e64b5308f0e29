//! Bad input is refused with its code and exit status, by the command line and over HTTP alike, and changes nothing.

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE, join, pair, pairless, wait_for};

const UNKNOWN: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

/// A node with one settled session.
fn node_with_session() -> (Node, String) {
    let node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    let id = node.open("coder", "hello");
    node.settled(&id);
    (node, id)
}

/// All that a refusal could have changed.
fn state(node: &Node) -> (Vec<Value>, Vec<Value>) {
    let agents = node.api().get("/im/agents").body["agents"].clone();
    let handles = agents.as_array().unwrap().iter().map(|agent| agent["handle"].clone());
    (node.all_sessions(), handles.collect())
}

#[test]
fn titles_count_characters() {
    let (node, id) = node_with_session();
    let title = "\u{4e2d}".repeat(80);
    let set = node.cli(&["session", "title", &id, &title]).json();
    assert_eq!(set["title"], title.as_str());
    let before = state(&node);
    assert_eq!(before.0[0]["meta"]["title"], title.as_str());

    let long = "\u{4e2d}".repeat(81);
    for bad in [long.as_str(), "", "   ", "a\u{7}b", "two\nlines"] {
        node.cli(&["session", "title", &id, bad]).fails(2, "invalid_title");
        let path = format!("/im/quick-sessions/{id}/title");
        node.api().post(&path, &json!({ "title": bad })).refused(422, "invalid_title");
    }
    assert_eq!(state(&node), before, "a refusal changes nothing");
}

#[test]
fn messages_count_bytes() {
    let (node, id) = node_with_session();
    let before = state(&node);
    let long = "x".repeat(65_537);
    let path = format!("/im/quick-sessions/{id}/messages");
    for bad in [long.as_str(), "", " \n\t "] {
        node.run(&["session", "send", &id, "-"]).input(bad).end().fails(2, "invalid_message");
        let body = json!({ "body": bad, "request_id": "r-1" });
        node.api().post(&path, &body).refused(422, "invalid_message");
        let open = json!({ "agent_id": "coder", "first_message": bad });
        node.api().post("/im/quick-sessions", &open).refused(422, "invalid_message");
    }
    let huge = json!({ "body": "x".repeat(300_000), "request_id": "r-1" });
    node.api().post(&path, &huge).refused(413, "body_too_large");
    assert_eq!(state(&node), before, "a refusal changes nothing");

    // One final newline of a pipe is not part of the text.
    let whole = "x".repeat(65_536);
    let sent = node.run(&["session", "send", &id, "-"]).input(format!("{whole}\n")).end().json();
    let session = node.settled(&id);
    let line =
        session["entries"].as_array().unwrap().iter().find(|line| line["message_id"] == sent["message_id"]);
    assert_eq!(line.unwrap()["body"], whole.as_str());
}

#[test]
fn names_that_are_none_are_refused() {
    let (node, id) = node_with_session();
    let before = state(&node);
    let api = node.api();
    for handle in ["Coder", "a--b", "-a", "a-", "system", "", "a b", &"a".repeat(40)] {
        node.cli(&["session", "new", &format!("--agent={handle}"), "-m", "hi"]).fails(2, "invalid_handle");
        let open = json!({ "agent_id": handle, "first_message": "hi" });
        api.post("/im/quick-sessions", &open).refused(422, "invalid_handle");
        node.cli(&["agent", "add", "--demo", "--", handle]).fails(2, "invalid_handle");
    }
    for bad in ["qs-1", "qs-01jzzzzzzzzzzzzzzzzzzzzzzz", "qa-01JZZZZZZZZZZZZZZZZZZZZZZZ", "../../etc"] {
        let open = json!({ "agent_id": "coder", "first_message": "hi", "session_id": bad });
        api.post("/im/quick-sessions", &open).refused(400, "invalid_quick_session_id");
        node.cli(&["session", "new", "--agent", "coder", "-m", "hi", "--id", bad])
            .fails(2, "invalid_quick_session_id");
    }
    api.get("/im/quick-sessions/qs-1").refused(400, "invalid_quick_session_id");
    for bad in
        [format!("session:{id}:L1"), format!("session:{id}:L000001:L000002"), "session:qs-1".to_owned()]
    {
        node.cli(&["session", "ref", &bad]).fails(2, "invalid_reference");
    }
    assert_eq!(state(&node), before, "a refusal changes nothing");
}

#[test]
fn what_is_not_there_is_not_found() {
    let (node, id) = node_with_session();
    let before = state(&node);
    for verb in [&["show", UNKNOWN][..], &["send", UNKNOWN, "hi"], &["archive", UNKNOWN], &["stop", UNKNOWN]]
    {
        node.cli(&[&["session"], verb].concat()).fails(3, "quick_session_not_found");
    }
    node.cli(&["session", "show", "qs-7ZZ"]).fails(3, "quick_session_not_found");
    node.cli(&["session", "new", "--agent", "nobody", "-m", "hi"]).fails(3, "quick_session_agent_not_found");
    let none = node.api().get(&format!("/im/quick-sessions/{UNKNOWN}"));
    none.refused(404, "quick_session_not_found");
    // A prefix that names one session is as good as its id.
    assert_eq!(node.cli(&["session", "show", &id[..12]]).json()["session"]["meta"]["id"], id.as_str());
    assert_eq!(state(&node), before, "a refusal changes nothing");
}

#[test]
fn conflicts_are_told() {
    let (node, id) = node_with_session();
    let _other = node.cli(&["agent", "add", "other", "--demo"]).ok();
    let first = node.cli(&["session", "send", &id, "same", "--request-id", "r-7"]).json();
    node.settled(&id);
    let before = state(&node);

    let again = node.cli(&["session", "send", &id, "same", "--request-id", "r-7"]).json();
    assert_eq!(again["message_id"], first["message_id"]);
    node.cli(&["session", "send", &id, "other", "--request-id", "r-7"]).fails(5, "request_id_reused");
    node.cli(&["session", "new", "--agent", "other", "-m", "hi", "--id", &id])
        .fails(5, "quick_session_id_collision");
    node.cli(&["session", "stop", &id]).fails(5, "quick_session_invalid_state");
    node.cli(&["session", "retry", &id]).fails(5, "quick_session_invalid_state");
    assert_eq!(state(&node), before, "a refusal changes nothing");

    let archived = node.cli(&["session", "archive", &id]).json();
    assert_eq!(archived["status"], "archived");
    node.cli(&["session", "send", &id, "too late"]).fails(5, "quick_session_archived");
    assert_eq!(node.show(&id)["meta"]["revision"], archived["revision"]);
    assert_eq!(node.cli(&["session", "unarchive", &id]).json()["status"], "active");
}

#[test]
fn only_the_creator_changes_a_session() {
    let pair = pair();
    let id = pair.a.open("coder", "of alice");
    pair.a.settled(&id);
    let mut bob = Node::new();
    let _joined = join(&pair.a, &bob, "bob").ok();
    bob.up();
    wait_for("bob has the session", PATIENCE, || (!bob.show(&id).is_null()).then_some(()));
    pair.in_step();
    let before = (pair.a.show(&id), bob.show(&id));
    for verb in [&["archive", &id][..], &["send", &id, "hi"], &["title", &id, "Mine"], &["stop", &id]] {
        bob.cli(&[&["session"], verb].concat()).fails(4, "quick_session_forbidden");
    }
    bob.cli(&["session", "new", "--agent", "coder", "-m", "mine now", "--id", &id])
        .fails(5, "quick_session_id_collision");
    bob.cli(&["invite", "create", "--as", "carol"]).fails(4, "quick_session_forbidden");
    assert_eq!((pair.a.show(&id), bob.show(&id)), before, "a refusal changes nothing");
    // What is bob's own he may do.
    let own = bob.open("coder", "of bob");
    bob.settled(&own);
    assert_eq!(bob.cli(&["session", "archive", &own]).json()["status"], "archived");
}

#[test]
fn nobody_there_and_nobody_answering() {
    let empty = Node::new();
    empty.cli(&["status"]).fails(6, "daemon_not_running");
    empty.cli(&["session", "list"]).fails(6, "daemon_not_running");

    let mut pair = pairless();
    pair.b.stop();
    pair.a.cli(&["sync", "wait", "--timeout", "700ms"]).fails(7, "timed_out");
    let alone = Node::founded_by("carol");
    let nobody = alone.plain(&["sync", "wait", "--timeout", "20s"]).ok();
    assert!(nobody.stderr.contains("no peers"), "it says so: {nobody:?}");
}
