//! An agent whose machine is off costs patience and nothing else: messages are kept, the node says what it waits for,
//! and lines that were sealed before keep their numbers. Nodes that were stopped find each other again by themselves.

use starling_tests::{PATIENCE, entries, pair, wait_for};

#[test]
fn messages_wait_for_the_agent_and_are_answered_when_it_is_back() {
    let mut pair = pair();
    let old = pair.a.open("coder", "before");
    let sealed = pair.a.settled(&old);
    pair.in_step();
    pair.b.stop();

    let new = pair.a.open("coder", "first");
    pair.a.send(&new, "second");
    pair.a.send(&old, "third");
    let waiting = wait_for("a says what it waits for", PATIENCE, || {
        let waiting = pair.a.status()["waiting"].as_array().cloned().unwrap_or_default();
        let named = |id: &str| waiting.iter().find(|entry| entry["session"] == id).cloned();
        Some([named(&new)?, named(&old)?])
    });
    for entry in &waiting {
        assert_eq!(entry["agent"], "coder");
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.contains("coder") && reason.contains("not connected"), "{reason}");
        assert!(entry["last_seen"].is_string(), "{entry}");
    }
    let shown = pair.a.show(&new);
    assert_eq!(shown["meta"]["status"], "needs_title");
    assert!(shown["entries"].as_array().unwrap().iter().all(|entry| entry["sealed"] == false));

    pair.b.up();
    let answered = entries(&pair.a.settled(&new));
    let authors: Vec<_> = answered.iter().map(|(_, author, _)| author.as_str()).collect();
    assert_eq!(authors.iter().filter(|author| **author == "alice").count(), 2);
    assert_eq!(authors.last(), Some(&"coder"), "one answer may be for both: {answered:?}");
    let numbers: Vec<_> = answered.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=answered.len() as u64).collect::<Vec<_>>());

    let later = pair.a.settled(&old);
    let before = sealed["entries"].as_array().unwrap();
    assert_eq!(&later["entries"].as_array().unwrap()[..before.len()], before, "sealed lines never move");
    assert_eq!(entries(&later).len(), 4);
    wait_for("nothing is waited for", PATIENCE, || {
        pair.a.status()["waiting"].as_array()?.is_empty().then_some(())
    });
}

#[test]
fn nodes_that_were_stopped_find_each_other_again() {
    let mut pair = pair();
    pair.a.stop();
    pair.b.stop();
    pair.a.up();
    pair.b.up();
    let id = pair.a.open("coder", "Are you back?");
    let session = pair.a.settled(&id);
    assert_eq!(entries(&session).len(), 2);
    // The other way round too: who comes up last is not who has to dial.
    pair.b.stop();
    pair.a.stop();
    pair.b.up();
    pair.a.up();
    pair.b.send(&id, "And now?");
    pair.a.until(&id, "the message and its answer", |session| entries(session).len() == 4);
}
