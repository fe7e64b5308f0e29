//! What an agent does on one device is seen live on the creator's other one, its permission requests are answered from
//! there where the host's policy lets them, and the agent moves between devices as people ask for it.

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE, Pair, pairless, status_of, wait_for};

const SCRIPT: &str =
    "say let me look\ntool Read notes\nask_permission rm -rf build\nset_title Cleaning up\nreply done\n";

/// Two devices of @alice; `b` hosts `@worker`, with this policy.
fn pair(who_answers: &str) -> Pair {
    let pair = pairless();
    host(&pair.b, &["--permissions", who_answers]);
    wait_for("a knows the agent", PATIENCE, || is_hosted_by(&pair.a, &pair.b).then_some(()));
    pair
}

fn host(node: &Node, more: &[&str]) {
    let script = node.file("steps", SCRIPT);
    let add = [&["agent", "add", "worker", "--demo", "--script", &script], more].concat();
    let _added = node.cli(&add).ok();
}

fn is_hosted_by(node: &Node, host: &Node) -> bool {
    let agents = node.api().get("/im/agents").body;
    let hosted = |agent: &Value| agent["handle"] == "worker" && agent["host"] == host.device();
    agents["agents"].as_array().is_some_and(|agents| agents.iter().any(hosted))
}

/// The one permission request that a node knows of.
fn asked(node: &Node, id: &str) -> Value {
    wait_for("a permission request", PATIENCE, || {
        let open = node.api().get("/im/permissions").body;
        open["permissions"].as_array()?.iter().find(|open| open["session_id"] == id).cloned()
    })
}

#[test]
fn the_creator_sees_the_agent_at_work_elsewhere_and_answers_it() {
    let Pair { a, b } = pair("creator");
    let events = a.api().listen();
    let id = a.open("worker", "please clean up");
    let shown = |what: &str, field: &str, value: Value| {
        let is_it = |event: &Value| {
            event["session_id"] == id.as_str() && event[field] == value && event["from"] == b.device()
        };
        events.until(what, PATIENCE, |event| event.kind == "activity" && is_it(&event.data))
    };
    let said = shown("its words", "text", json!("let me look\n"));
    assert_eq!((&said.data["scope"], &said.data["generation"]), (&json!("quick_session"), &json!(0)));
    shown("its tool", "title", json!("Read notes"));
    shown("its request", "state", json!("asked"));
    let open = asked(&a, &id);
    assert_eq!(
        (&open["title"], &open["can_answer"], &open["here"]),
        (&json!("rm -rf build"), &json!(true), &json!(false))
    );
    let number = open["request"].to_string();
    let allowed = a.plain(&["session", "allow", &id, &number]).ok();
    assert_eq!(allowed.stdout, "allowed  rm -rf build\n");
    shown("the answer", "state", json!("allowed"));
    shown("what it made of it", "text", json!("permission granted\n"));
    assert_eq!(status_of(&a.settled(&id)), "active");
    a.cli(&["session", "deny", &id, &number]).fails(3, "not_found");
    // The next turn is refused what it asks, at the host this time.
    a.send(&id, "once more");
    asked(&b, &id);
    let unseen = b.cli(&["session", "allow", &id]);
    unseen.fails(2, "invalid_field");
    assert!(unseen.stderr.contains("rm -rf build"), "{unseen:?}");
    let denied = b.plain(&["session", "deny", &id]).ok();
    assert_eq!(denied.stdout, "refused  rm -rf build\n", "the one that waits");
    b.cli(&["session", "deny", &id]).fails(3, "not_found");
    shown("the refusal", "text", json!("permission refused\n"));
}

#[test]
fn a_host_that_keeps_its_answers_to_itself_is_not_answered_from_afar() {
    let Pair { a, b } = pair("host");
    let id = a.open("worker", "please clean up");
    let open = asked(&a, &id);
    assert_eq!(open["can_answer"], false);
    let number = open["request"].to_string();
    a.cli(&["session", "allow", &id, &number]).fails(4, "quick_session_forbidden");
    let _allowed = b.cli(&["session", "allow", &id, &number]).ok();
    assert_eq!(status_of(&a.settled(&id)), "active");
}

#[test]
fn an_agent_moves_by_handover_and_by_force() {
    let Pair { a, b } = pair("refuse");
    let first = a.open("worker", "before");
    assert_eq!(status_of(&a.settled(&first)), "active");
    let script = a.file("steps", SCRIPT);
    let add = ["agent", "add", "worker", "--demo", "--script", &script, "--permissions", "refuse"];
    a.cli(&add).fails(5, "handle_taken");
    b.cli(&["agent", "handover", "worker", "nobody"]).fails(3, "not_found");
    let _handed = b.cli(&["agent", "handover", "worker", &a.device()[..8]]).ok();
    let in_step = || a.cli(&["sync", "wait", "--timeout", "40s"]).ok();
    let _waited = in_step();
    wait_for("a may take it", PATIENCE, || (a.cli(&add).code == 0).then_some(()));
    assert!(is_hosted_by(&a, &a));
    a.send(&first, "and after");
    let lines = wait_for("an answer at its new place", PATIENCE, || {
        let session = a.show(&first);
        let lines = session["entries"].as_array()?.len();
        (lines == 4 && status_of(&session) == "active").then_some(lines)
    });
    assert_eq!(lines, 4);
    // The device is gone: the other one takes the agent without it.
    let mut a = a;
    wait_for("b knows", PATIENCE, || is_hosted_by(&b, &a).then_some(()));
    a.kill9();
    let script = b.file("steps", SCRIPT);
    let take =
        ["agent", "add", "worker", "--demo", "--script", &script, "--permissions", "refuse", "--force"];
    let _taken = b.cli(&take).ok();
    assert_eq!(status_of(&b.settled(&b.open("worker", "are you there?"))), "active");
}
