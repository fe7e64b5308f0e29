//! A newcomer pastes a ticket into the page of a running node: the same process, at the same address and with the same
//! login, goes on as a member of the other workspace. What cannot be joined leaves everything as it was.

use std::time::Duration;

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE, wait_for};

fn ticket(node: &Node) -> String {
    let invite = node.cli(&["invite", "create", "--as", "bob"]).json();
    invite["ticket"].as_str().unwrap().to_owned()
}

/// What the node says of itself, over the address and the token that it had before.
fn status(node: &Node) -> Option<Value> {
    let answer = node.try_api()?.try_get("/status")?;
    (answer.status == 200).then_some(answer.body)
}

#[test]
fn a_pasted_ticket_brings_a_running_node_into_the_workspace() {
    let a = Node::founded_by("alice");
    let _added = a.cli(&["agent", "add", "coder", "--demo"]).ok();
    let b = Node::founded_by("bob");
    let (pid, before) = (b.pid(), b.status());
    assert_eq!((&before["can_join"], &before["join_error"]), (&json!(true), &Value::Null));
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert!(before["storage"]["store_bytes"].as_u64().unwrap() > 0);
    let token = std::fs::read_to_string(b.home().join("run/token")).unwrap();

    // A QR code has it in upper case.
    let answer = b.api().post("/join", &json!({ "ticket": ticket(&a).to_uppercase() }));
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("joining")));
    let workspace = &a.greeting()["workspace"];
    let after = wait_for("the node comes back as a member", PATIENCE, || {
        status(&b).filter(|status| status["workspace"] == *workspace)
    });
    assert_eq!((&after["handle"], &after["can_join"]), (&json!("bob"), &json!(false)));
    assert_eq!((b.pid(), &after["http"]), (pid, &before["http"]));
    assert_eq!(std::fs::read_to_string(b.home().join("run/token")).unwrap(), token);
    assert!(!b.home().join("pending.ticket").exists());

    let id = b.open("coder", "hello from the newcomer");
    b.settled(&id);
    a.settled(&id);
    let again = b.api().post("/join", &json!({ "ticket": ticket(&a) }));
    again.refused(409, "home_in_use");
}

#[test]
fn what_cannot_be_joined_leaves_the_node_as_it_was() {
    let a = Node::founded_by("alice");
    let b = Node::founded_by("bob");
    let join = |ticket: &str| b.api().post("/join", &json!({ "ticket": ticket }));
    join("hello").refused(422, "invalid_ticket");
    let short = a.cli(&["invite", "create", "--expires", "1s"]).json();
    starling_tests::pause(Duration::from_millis(1_100));
    join(short["ticket"].as_str().unwrap()).refused(403, "invite_expired");
    b.api().with_token(None).post("/join", &json!({ "ticket": "x" })).refused(401, "unauthorized");

    // The inviter has withdrawn it: that shows only when it is met.
    let withdrawn = a.cli(&["invite", "create"]).json();
    let _revoked = a.cli(&["invite", "revoke", withdrawn["id"].as_str().unwrap()]).ok();
    assert_eq!(join(withdrawn["ticket"].as_str().unwrap()).status, 202);
    let after = wait_for("the node comes back as it was", PATIENCE, || {
        status(&b).filter(|status| !status["join_error"].is_null())
    });
    assert_eq!((&after["workspace"], &after["can_join"]), (&b.greeting()["workspace"], &json!(true)));
    assert_eq!(after["handle"], "bob");
    assert!(!b.home().join("pending.ticket").exists());

    // A session is something to lose.
    let _added = b.cli(&["agent", "add", "coder", "--demo"]).ok();
    let id = b.open("coder", "precious");
    b.settled(&id);
    let refused = join(&ticket(&a));
    refused.refused(409, "home_in_use");
    assert_eq!(b.status()["can_join"], false);
    assert_eq!(b.show(&id)["meta"]["status"], "active");
}

#[test]
fn a_node_that_waits_for_its_inviter_stops_cleanly_and_keeps_the_ticket() {
    let mut a = Node::founded_by("alice");
    let ticket = ticket(&a);
    a.stop();
    let mut b = Node::founded_by("bob");
    assert_eq!(b.api().post("/join", &json!({ "ticket": ticket })).status, 202);
    wait_for("it says that it waits", PATIENCE, || {
        b.log().contains("waiting for the inviting device").then_some(())
    });
    assert!(b.terminate().success());
    assert!(b.home().join("pending.ticket").exists());
    a.up();
    b.up();
    assert_eq!(b.greeting()["workspace"], a.greeting()["workspace"], "the next start joins");
}

#[test]
fn a_browser_stays_signed_in_over_a_restart() {
    let mut a = Node::founded_by("alice");
    let token = a.api();
    a.stop();
    a.up();
    assert_eq!(token.get("/status").status, 200);
    // Who removes the token while the node is stopped signs everybody out.
    a.stop();
    std::fs::remove_file(a.home().join("http.token")).unwrap();
    a.up();
    token.get("/status").refused(401, "unauthorized");
}
