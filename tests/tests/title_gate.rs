//! No answer without a title: an agent that forgets it is told what to do, one that refuses fails visibly, and a peer
//! with a modified program is not believed.

use std::time::{Duration, SystemTime};

use starling_crdt::id::AttemptId;
use starling_crdt::payload::Payload;
use starling_crdt::text::{Body, Title};
use starling_tests::{
    Impostor, Node, PATIENCE, entries, join, pair_with, pairless, processes_of, status_of, stays, turn,
    wait_for,
};

/// Long enough for what must not happen to happen: gossip takes milliseconds, an exchange a second.
const QUIET: Duration = Duration::from_secs(2);

#[test]
fn an_agent_that_forgets_the_title_is_told_what_to_do() {
    let pair = pair_with(Some("reply too early\nset_title Late but here\nreply now it works\n"));
    let events = pair.b.api().listen();
    let id = pair.a.open("coder", "hello");
    events.until("the refusal, in plain words", PATIENCE, |event| {
        let text = event.data["text"].as_str().unwrap_or_default();
        event.kind == "activity"
            && text.contains("quick_session_title_required: call set_title first, then reply again")
    });
    let session = pair.a.settled(&id);
    assert_eq!(session["meta"]["title"], "Late but here");
    let lines = entries(&session);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1].2, "now it works");
}

#[test]
fn an_agent_that_never_sets_a_title_fails_visibly() {
    let pair = pair_with(Some("skip_title\n"));
    let id = pair.a.open("coder", "hello");
    let failed = pair.a.until(&id, "the turn failed", |session| status_of(session) == "error");
    assert!(failed["meta"]["error"].as_str().unwrap().contains("title_missing"), "{failed:#}");
    pair.in_step();
    for node in [&pair.a, &pair.b] {
        let session = node.show(&id);
        assert!(session["meta"]["title"].is_null(), "{session:#}");
        assert!(entries(&session).iter().all(|(_, author, _)| author != "coder"), "{session:#}");
    }
    // The user may name it and try again; the agent then has nothing to forget.
    let _titled = pair.a.cli(&["session", "title", &id, "By hand"]).ok();
    let _retried = pair.a.cli(&["session", "retry", &id]).ok();
    let answered = pair.a.until(&id, "an answer", |session| entries(session).len() == 2);
    assert_eq!(answered["meta"]["title"], "By hand");
}

/// A sends to an observer in C's place what it holds to be good, so C's eyes show what A forwards. B's host is modified.
#[test]
fn a_modified_host_is_not_believed() {
    let mut pair = pairless();
    let _added = pair.b.cli(&["agent", "add", "coder", "--demo"]).ok();
    wait_for("a knows the agent", PATIENCE, || {
        (pair.a.api().get("/im/agents").body["agents"].as_array()?.len() == 1).then_some(())
    });
    pair.b.stop();
    assert!(processes_of(&pair.b.home()).is_empty());
    let c = Node::new();
    let _joined = join(&pair.a, &c, "alice").ok();
    let id = pair.a.open("coder", "hello");

    let workspace = pair.a.greeting()["workspace"].as_str().unwrap().to_owned();
    let liar = Impostor::in_place_of(&pair.b, &workspace, &[&pair.a]);
    let observer = Impostor::in_place_of(&c, &workspace, &[&pair.a]);
    for impostor in [&liar, &observer] {
        impostor.enter(&pair.a);
    }
    let attempt = AttemptId::from_parts(now_ms(), 1);
    let claim = liar.sign(&id, now_ms(), |session| Payload::Claim { turn: turn(session, attempt) });
    liar.gossip(&claim);
    let running = pair.a.until(&id, "what is allowed is taken", |session| status_of(session) == "running");
    wait_for("and forwarded", PATIENCE, || observer.records_seen().contains(&claim.id()).then_some(()));

    let tree = exported(&pair.a);
    let reply = |text: &str| {
        let body = Body::new(text).unwrap();
        liar.sign(&id, now_ms(), |session| Payload::Reply {
            turn: turn(session, attempt),
            body: body.clone(),
        })
    };
    let (gossiped, exchanged) = (reply("without a title, by gossip"), reply("without a title, by exchange"));
    liar.gossip(&gossiped);
    liar.exchange(&exchanged);
    stays("the reply is nowhere", QUIET, || {
        let seen = observer.records_seen();
        pair.a.show(&id) == running && !seen.contains(&gossiped.id()) && !seen.contains(&exchanged.id())
    });
    assert_eq!(exported(&pair.a), tree, "nor in the export");

    // The very same hands, with a title: so it was the rule that kept them out.
    let title = Payload::Title { title: Title::trimmed("Now with a title").unwrap(), turn: None };
    let title = liar.sign(&id, now_ms(), |_| title.clone());
    liar.exchange(&title);
    let late = reply("with a title");
    liar.exchange(&late);
    let session = pair.a.settled(&id);
    assert_eq!(entries(&session)[1].2, "with a title");
    wait_for("it is forwarded", PATIENCE, || observer.records_seen().contains(&late.id()).then_some(()));
    let seen = observer.records_seen();
    assert!(!seen.contains(&gossiped.id()) && !seen.contains(&exchanged.id()));
    pair.a.stop();
    pair.a.up();
    assert_eq!(pair.a.show(&id), session, "nor was it stored");
}

fn exported(node: &Node) -> String {
    let _exported = node.cli(&["export"]).ok();
    node.tree()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
