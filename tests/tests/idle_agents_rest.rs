//! Real agents hold hundreds of megabytes: of many that have answered, those that have been idle for longest give up their
//! processes, and answer again when they are asked again.

use starling_tests::{Node, PATIENCE, entries, processes_of, wait_for};

/// Agents whose processes may live at once.
const LIVE: usize = 8;
const AGENTS: usize = LIVE + 3;

/// The handles of the agents that have a process now: each works in a directory that is named after it.
fn live(node: &Node) -> Vec<String> {
    let api = node.api().get("/im/agents").body;
    let handles = api["agents"].as_array().unwrap().iter();
    let handles = handles.map(|agent| agent["handle"].as_str().unwrap().to_owned());
    handles.filter(|handle| !processes_of(&node.home().join("agents").join(handle)).is_empty()).collect()
}

#[test]
fn those_that_were_idle_for_longest_give_up_their_processes_and_answer_again() {
    let node = Node::founded_by("alice");
    let handles: Vec<String> = (0..AGENTS).map(|number| format!("helper-{number:02}")).collect();
    for handle in &handles {
        let _added = node.cli(&["agent", "add", handle, "--demo"]).ok();
    }
    let mut sessions = Vec::new();
    for handle in &handles {
        let id = node.open(handle, "Are you there?");
        node.settled(&id);
        sessions.push(id);
    }
    wait_for("the first ones rest", PATIENCE, || (live(&node) == handles[AGENTS - LIVE..]).then_some(()));

    node.send(&sessions[0], "And again?");
    let session = node.until(&sessions[0], "the second answer", |session| entries(session).len() == 4);
    assert_eq!(entries(&session)[3].1, handles[0]);
    let expected: Vec<&String> =
        handles.iter().filter(|handle| *handle == &handles[0] || **handle > handles[AGENTS - LIVE]).collect();
    wait_for("the next one rests", PATIENCE, || {
        live(&node).iter().eq(expected.iter().copied()).then_some(())
    });
}
