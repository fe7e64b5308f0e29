//! Sessions are found by what was said in them, on any device; and a line tells on how many other devices it is, never
//! more than there are.

use std::time::Duration;

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE, pair, stays, wait_for};

fn on_devices(node: &Node, id: &str) -> (u64, Vec<u64>) {
    let session = node.api().get(&format!("/im/quick-sessions/{id}")).body["session"].take();
    let entries = session["entries"].as_array().unwrap().iter();
    (
        session["devices"].as_u64().unwrap(),
        entries.map(|entry| entry["on_devices"].as_u64().unwrap()).collect(),
    )
}

#[test]
fn a_line_is_on_the_other_device_once_that_has_it_and_the_page_hears_of_it() {
    let mut pair = pair();
    let events = pair.a.api().listen();
    let id = pair.a.open("coder", "where is this?");
    pair.a.settled(&id);
    wait_for("all lines are on both", PATIENCE, || {
        let (devices, on) = on_devices(&pair.a, &id);
        (devices == 1 && on.len() == 2 && on.iter().all(|on| *on == 1)).then_some(())
    });
    events.until("the news that it caught up", PATIENCE, |event| event.kind == "peers");

    pair.b.stop();
    let _sent = pair.a.send(&id, "nobody hears this yet");
    stays("it is on no other device", Duration::from_millis(1_500), || {
        on_devices(&pair.a, &id).1 == [1, 1, 0]
    });
    let events = pair.a.api().listen();
    pair.b.up();
    events.until("the news that it is back", PATIENCE, |event| event.kind == "peers");
    wait_for("it has arrived", PATIENCE, || {
        let on = on_devices(&pair.a, &id).1;
        (on.len() >= 3 && on.iter().all(|on| *on == 1)).then_some(())
    });
}

#[test]
fn sessions_are_found_by_what_was_said() {
    let pair = pair();
    let first = pair.a.open("coder", "Die Größe der\nNADEL im Heu");
    let second = pair.a.open("coder", "nothing but hay");
    for id in [&first, &second] {
        pair.a.settled(id);
        pair.b.settled(id);
    }
    for node in [&pair.a, &pair.b] {
        let found = node.api().get("/im/quick-sessions?q=gr%C3%B6%C3%9Fe%20der%20nadel").body;
        let sessions = found["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1, "{found}");
        assert_eq!(sessions[0]["id"], first.as_str());
        assert_eq!(sessions[0]["match"]["line_number"], 1);
        assert_eq!(sessions[0]["match"]["excerpt"], "Die Größe der NADEL im Heu");
        assert_eq!(found.get("next_cursor"), None);
        let named = node.api().get(&format!("/im/quick-sessions?q={}", second.to_lowercase())).body;
        assert_eq!(named["sessions"].as_array().map(Vec::len), Some(1), "by its id: {named}");
        assert_eq!(named["sessions"][0].get("match"), Some(&Value::Null));
    }
    let listed = pair.a.cli(&["session", "list", "--search", "HAY"]).json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(1), "{listed}");
    let plain = pair.a.plain(&["session", "list", "--search", "nadel"]).ok();
    assert!(plain.stdout.contains(&first) && !plain.stdout.contains(&second), "{}", plain.stdout);
    assert!(plain.stdout.contains("L1: "), "{}", plain.stdout);
    let nothing = pair.a.plain(&["session", "list", "--search", "haystack"]).ok();
    assert!(nothing.stderr.contains("nothing was found"), "{}", nothing.stderr);
    pair.a.cli(&["session", "list", "--search", "  "]).fails(2, "invalid_field");

    let archived = pair.a.api().post(&format!("/im/quick-sessions/{first}/archive"), &json!({}));
    assert_eq!(archived.status, 200);
    let count = |path: &str| pair.a.api().get(path).body["sessions"].as_array().map(Vec::len);
    assert_eq!(count("/im/quick-sessions?q=nadel"), Some(0));
    assert_eq!(count("/im/quick-sessions?q=nadel&archived=true&agent_id=coder"), Some(1));
}

#[test]
fn a_ticket_can_be_drawn() {
    let a = Node::founded_by("alice");
    let invite = a.cli(&["invite", "create"]).json();
    let rows = invite["qr"].as_array().unwrap();
    assert!(rows.iter().all(|row| row.as_str().unwrap().len() == rows.len()));
    let drawn = a.plain(&["invite", "create", "--qr"]).ok();
    let wide = drawn.stdout.lines().filter(|line| line.chars().all(|c| "█▀▄ ".contains(c))).count();
    assert!(wide > 20, "{}", drawn.stdout);
}
