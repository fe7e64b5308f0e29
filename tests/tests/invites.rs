//! A ticket lets one device in, once, for a time; it can be withdrawn, and it waits for an inviter that is away. Who has
//! none learns nothing.

use std::time::Duration;

use serde_json::Value;
use starling_tests::{Impostor, Node, PATIENCE, join, pairless, stays, wait_for};

fn invite(node: &Node, options: &[&str]) -> Value {
    node.cli(&[&["invite", "create"], options].concat()).json()
}

fn ticket(invite: &Value) -> &str {
    invite["ticket"].as_str().unwrap()
}

fn devices(node: &Node) -> usize {
    let members = node.api().get("/im/members").body;
    let members = members["members"].as_array().unwrap().iter();
    members.map(|member| member["devices"].as_array().unwrap().len()).sum()
}

#[test]
fn a_ticket_is_for_one_device() {
    let a = Node::founded_by("alice");
    let invited = invite(&a, &["--as", "bob"]);
    let (b, c) = (Node::new(), Node::new());
    let joined = b.cli(&["join", ticket(&invited)]).json();
    assert_eq!(joined["handle"], "bob");
    assert_eq!(joined["workspace"], a.greeting()["workspace"]);
    assert_eq!(devices(&a), 2);

    // The same device may ask again: the answer may have been lost.
    let again = b.cli(&["join", ticket(&invited)]).json();
    assert_eq!(again, joined);
    std::fs::remove_file(b.home().join("store.redb")).unwrap();
    assert_eq!(b.cli(&["join", ticket(&invited)]).json(), joined);

    c.cli(&["join", ticket(&invited)]).fails(4, "invite_used");
    assert_eq!(devices(&a), 2, "nobody else got in");
    assert!(!c.home().join("pending.ticket").exists(), "a refusal is final");
}

#[test]
fn a_ticket_expires_and_can_be_withdrawn() {
    let a = Node::founded_by("alice");
    let b = Node::new();
    let short = invite(&a, &["--expires", "1s"]);
    let withdrawn = invite(&a, &[]);
    let _revoked = a.cli(&["invite", "revoke", withdrawn["id"].as_str().unwrap()]).ok();
    b.cli(&["join", ticket(&withdrawn)]).fails(4, "invite_unknown");
    starling_tests::pause(Duration::from_millis(1_100));
    b.cli(&["join", ticket(&short)]).fails(4, "invite_expired");
    a.cli(&["invite", "revoke", "nothing"]).fails(3, "not_found");
    assert_eq!(devices(&a), 1);

    let good = invite(&a, &[]);
    let mut broken = ticket(&good).to_owned();
    broken.pop();
    b.cli(&["join", &broken]).fails(2, "invalid_ticket");
    b.cli(&["join", "hello"]).fails(2, "invalid_ticket");
    let _joined = b.run(&["join", "-"]).input(ticket(&good)).end().ok();
    assert_eq!(devices(&a), 2);
}

#[test]
fn a_join_waits_for_its_inviter() {
    let mut a = Node::founded_by("alice");
    let invited = invite(&a, &[]);
    a.stop();
    let mut b = Node::new();
    b.cli(&["join", ticket(&invited), "--timeout", "1s"]).fails(7, "inviter_unreachable");

    let greeting = b.spawn_up(&["--json", "--no-mdns", "--http", "127.0.0.1:0"]);
    assert!(greeting.recv_timeout(Duration::from_secs(2)).is_err(), "it is not up before it is a member");
    a.up();
    let line = greeting.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it never joined:\n{}", b.log()));
    let greeting: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(greeting["workspace"], a.greeting()["workspace"]);
    assert_eq!(greeting["handle"], "alice");
    assert_eq!(devices(&a), 2);
    assert_eq!(b.cli(&["sync", "wait"]).json()["connected"], 1);
}

#[test]
fn a_home_in_use_is_not_given_up() {
    let a = Node::founded_by("alice");
    let mut own = Node::founded_by("carol");
    let _added = own.cli(&["agent", "add", "coder", "--demo"]).ok();
    let id = own.open("coder", "precious");
    own.settled(&id);
    own.stop();
    join(&a, &own, "carol").fails(5, "home_in_use");
    own.up();
    assert_eq!(own.show(&id)["meta"]["status"], "active", "its session is still there");

    // One that was never used may join another workspace.
    let mut unused = Node::founded_by("dave");
    unused.stop();
    let _joined = join(&a, &unused, "dave").ok();
    unused.up();
    assert_eq!(unused.greeting()["workspace"], a.greeting()["workspace"]);
}

#[test]
fn a_node_that_runs_joins_by_itself_if_it_was_never_used() {
    let a = Node::founded_by("alice");
    let unused = Node::founded_by("dave");
    let pid = unused.pid();
    unused.cli(&["join", "no-ticket"]).fails(2, "invalid_ticket");
    let withdrawn = a.cli(&["invite", "create"]).json();
    let _revoked = a.cli(&["invite", "revoke", withdrawn["id"].as_str().unwrap()]).ok();
    // Twice, since what the first try came to must not be taken for an answer to the second.
    for _ in 0..2 {
        unused.cli(&["join", withdrawn["ticket"].as_str().unwrap()]).fails(4, "not_joined");
    }
    let joined = join(&a, &unused, "dave").ok();
    let document: Value = serde_json::from_str(&joined.stdout).unwrap();
    assert_eq!(document["handle"], "dave");
    let status = unused.status();
    assert_eq!((&status["workspace"], unused.pid()), (&a.greeting()["workspace"], pid));
    assert_eq!(join(&a, &unused, "dave").json()["workspace"], status["workspace"], "a member already");

    let used = Node::founded_by("carol");
    let _added = used.cli(&["agent", "add", "coder", "--demo"]).ok();
    let id = used.open("coder", "precious");
    used.settled(&id);
    join(&a, &used, "carol").fails(5, "home_in_use");
    assert_eq!(used.show(&id)["meta"]["status"], "active", "its session is still there");
}

#[test]
fn a_stranger_learns_nothing() {
    let pair = pairless();
    let _added = pair.b.cli(&["agent", "add", "coder", "--demo"]).ok();
    // One who knows where the nodes are, and one who even knows the workspace.
    let knowing = Impostor::stranger([7; 32], pair.a.greeting()["workspace"].as_str());
    let groping = Impostor::stranger([8; 32], None);
    for stranger in [&knowing, &groping] {
        stranger.dial(&pair.a);
        wait_for("the stranger is sent away", PATIENCE, || stranger.was_dropped().then_some(()));
    }
    let before = pair.a.status();
    let id = pair.b.open("coder", "a secret word");
    pair.a.settled(&id);
    for stranger in [&knowing, &groping] {
        stranger.dial(&pair.a);
        stays("the stranger hears nothing of it", Duration::from_millis(1500), || {
            stranger.records_seen().is_empty()
        });
        let heard = stranger.heard();
        assert!(heard.len() < 2_000, "a refusal and no more: {} bytes", heard.len());
        for secret in ["secret", "alice", "coder", before["device"].as_str().unwrap()] {
            assert!(!contains(&heard, secret.as_bytes()), "it was told {secret:?}");
        }
    }
    let peers = pair.a.status()["peers"].clone();
    assert_eq!(peers.as_array().map(Vec::len), Some(1), "and is nobody's peer: {peers}");
}

fn contains(heard: &[u8], word: &[u8]) -> bool {
    heard.windows(word.len()).any(|window| window == word)
}
