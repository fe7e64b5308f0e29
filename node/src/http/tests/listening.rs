//! Listeners miss nothing, or are told that they did.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::client::Call;
use super::{Node, fixtures, soon};
use crate::machine::activity::{Activity, Doing};
use crate::machine::info::Notice;

/// A client that reads a stream event by event.
struct Ear {
    body: Incoming,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Heard {
    id: u64,
    event: String,
    data: Value,
}

impl Ear {
    async fn open(call: Call<'_>) -> Self {
        let response = soon(call.open()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut ear = Self { body: response.into_body(), text: String::new() };
        assert_eq!(ear.block().await.as_deref(), Some(": listening"), "the stream stands");
        ear
    }

    /// The next block of lines; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let frame = soon(self.body.frame()).await?.unwrap();
            self.text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
        }
    }

    async fn next(&mut self) -> Option<Heard> {
        let block = self.block().await?;
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {block}")).trim().to_owned()
        };
        Some(Heard {
            id: field("id:").parse().unwrap(),
            event: field("event:"),
            data: serde_json::from_str(&field("data:")).unwrap(),
        })
    }

    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.unwrap().id);
        }
        ids
    }
}

#[tokio::test]
async fn events_are_numbered_and_typed() {
    let node = Node::start().await;
    let mut ear = Ear::open(node.call("GET", "/events")).await;
    node.events.notice(&Notice::Session(fixtures::item()));
    node.events.notice(&Notice::Peers);
    node.events.notice(&Notice::Roster);
    node.events.activity(&Activity {
        session: fixtures::session(),
        attempt: fixtures::attempt(),
        generation: 2,
        from: None,
        doing: Doing::Text { text: "line 1\n\nline 2".to_owned() },
    });
    let first = ear.next().await.unwrap();
    assert_eq!((first.id, first.event.as_str()), (1, "session"));
    assert_eq!(first.data["id"], fixtures::SESSION);
    assert_eq!(ear.next().await.unwrap().event, "peers");
    assert_eq!(ear.next().await.unwrap().event, "roster");
    let last = ear.next().await.unwrap();
    let data = json!({
        "scope": "quick_session", "session_id": fixtures::SESSION, "attempt_id": fixtures::ATTEMPT,
        "generation": 2, "from": null, "kind": "text", "text": "line 1\n\nline 2",
    });
    assert_eq!(last, Heard { id: 4, event: "activity".to_owned(), data: data.clone() });
    node.events.notice(&Notice::Peers);
    let lately = node.call("GET", "/activity").send().await.json();
    assert_eq!(lately, json!({ "latest": 5, "activity": [data] }), "who comes later reads what was");
    node.end().await;
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let node = Node::start().await;
    for _ in 0..200 {
        node.events.notice(&Notice::Peers);
    }
    let mut ear = Ear::open(node.call("GET", "/events").header("last-event-id", "150")).await;
    assert_eq!(ear.ids(50).await, (151..=200).collect::<Vec<_>>());
    node.events.notice(&Notice::Roster);
    assert_eq!(ear.ids(1).await, [201]);
    let mut ear = Ear::open(node.local("GET", "/events?since=0")).await;
    assert_eq!(ear.ids(201).await, (1..=201).collect::<Vec<_>>());
    // What a browser repeats in the header is newer than what stands in its address.
    let mut ear = Ear::open(node.call("GET", "/events?since=0").header("last-event-id", "200")).await;
    assert_eq!(ear.ids(1).await, [201]);
    node.end().await;
}

#[tokio::test]
async fn a_client_that_missed_something_is_told_so() {
    let node = Node::start().await;
    for _ in 0..2_000 {
        node.events.notice(&Notice::Peers);
    }
    for id in ["3", "99999", "other-run", ""] {
        let mut ear = Ear::open(node.call("GET", "/events").header("last-event-id", id)).await;
        let heard = ear.next().await.unwrap();
        assert_eq!((heard.id, heard.event.as_str()), (2_000, "resync"), "{id}");
    }
    let mut ear = Ear::open(node.call("GET", "/events").header("last-event-id", "3")).await;
    ear.next().await.unwrap();
    node.events.notice(&Notice::Roster);
    let heard = ear.next().await.unwrap();
    assert_eq!((heard.id, heard.event.as_str()), (2_001, "roster"));
    node.end().await;
}

#[tokio::test]
async fn a_slow_reader_gets_resync_and_nobody_waits_for_it() {
    let node = Node::start().await;
    let mut slow = Ear::open(node.call("GET", "/events")).await;
    let text = "x".repeat(64 * 1024);
    for _ in 0..400 {
        node.events.activity(&Activity {
            session: fixtures::session(),
            attempt: fixtures::attempt(),
            generation: 0,
            from: None,
            doing: Doing::Text { text: text.clone() },
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut resyncs = 0;
    let mut last = 0;
    while last < 400 {
        let heard = slow.next().await.unwrap();
        assert!(heard.event == "resync" || heard.id == last + 1, "a gap without resync at {}", heard.id);
        resyncs += usize::from(heard.event == "resync");
        last = heard.id;
    }
    assert!(resyncs > 0, "25 MB fit into no buffer between us");
    node.end().await;
}

#[tokio::test]
async fn streams_are_bounded_and_end_with_the_node() {
    let node = Node::start().await;
    let mut ears = Vec::new();
    for _ in 0..super::super::EVENT_STREAMS_MAX {
        ears.push(Ear::open(node.call("GET", "/events")).await);
    }
    let reply = node.call("GET", "/events").send().await;
    assert_eq!(reply.problem(), (429, "rate_limited".to_owned()));
    let mut last = ears.pop().unwrap();
    drop(ears);
    let mut again = None;
    for _ in 0..100 {
        let response = soon(node.call("GET", "/events").open()).await;
        if response.status() == 200 {
            again = Some(response);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(again.is_some(), "a stream whose reader went leaves its seat");
    let (_, ended) = tokio::join!(node.end(), last.next());
    assert_eq!(ended, None);
}
