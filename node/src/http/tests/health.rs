//! What a node says of its health: its checks, its log, its figures, round trips to its peers, and the agents it knows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Node;
use super::fixtures as f;

#[tokio::test]
async fn what_is_not_well_and_what_was_said() {
    let node = Node::start().await;
    let checks = node.call("GET", "/doctor").send().await.json();
    let checks = checks["checks"].as_array().unwrap();
    let find = |id: &str| checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(
        find("agent:scribe"),
        &json!({
            "id": "agent:scribe", "title": "Agent @scribe", "state": "fail",
            "detail": "its directory /srv/code is not there",
            "hint": "make it, or name another one: `starling agent add scribe --cwd DIR ...`",
        })
    );
    assert_eq!(
        (&find("waiting")["state"], &find("listen")["state"], &find("key")["state"]),
        (&json!("warn"), &json!("ok"), &json!("fail"))
    );
    node.log.push(f::START_MS, "warn", "starling_node::x", "cannot listen".to_owned());
    node.log.push(f::START_MS, "info", "starling_node::x", "up".to_owned());
    let line = |number: u64, level: &str, text: &str| {
        json!({
            "number": number, "at": "2026-07-11T00:00:00.000Z", "level": level, "target": "starling_node::x",
            "text": text,
        })
    };
    let all = json!({ "lines": [line(1, "warn", "cannot listen"), line(2, "info", "up")], "next": 2 });
    assert_eq!(node.call("GET", "/logs").send().await.json(), all);
    let rest = json!({ "lines": [line(2, "info", "up")], "next": 2 });
    assert_eq!(node.call("GET", "/logs?since=1").send().await.json(), rest);
    node.end().await;
}

#[tokio::test]
async fn round_trips_and_known_agents() {
    let node = Node::start().await;
    let device = "d2".repeat(32);
    let pong = node.call("POST", &format!("/peers/{device}/ping")).send().await.json();
    assert_eq!(pong, json!({ "device": device, "rtt_micros": 250 }));
    let wrong = node.call("POST", "/peers/d2/ping").send().await;
    assert_eq!(wrong.problem(), (422, "invalid_field".to_owned()));
    let known = node.call("GET", "/im/agents/detected").send().await.json();
    let goose = known["agents"].as_array().unwrap().iter().find(|agent| agent["handle"] == "goose").unwrap();
    assert_eq!(
        (&goose["name"], &goose["kind"], &goose["profile"], &goose["command"]),
        (&json!("Goose"), &json!("acp"), &Value::Null, &json!(["goose", "acp"]))
    );
    assert_eq!(goose["installed"].as_bool(), Some(!goose["program"].is_null()));
    node.end().await;
}

#[tokio::test]
async fn figures_for_prometheus() {
    let node = Node::start().await;
    let reply = node.call("GET", "/metrics").send().await;
    assert!(reply.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
    let active = "# TYPE starling_sessions gauge\nstarling_sessions{status=\"active\"} 2\n";
    assert!(text.contains(active), "{text}");
    assert!(text.contains("\nstarling_sessions_waiting 1\n") && text.ends_with('\n'), "{text}");
    node.end().await;
}

/// The parts of the text format (0.0.4) that are used here: comments first, each series once, labels quoted.
#[tokio::test]
async fn figures_are_in_the_text_format() {
    let node = Node::start().await;
    let reply = node.call("GET", "/metrics").send().await;
    let text = String::from_utf8(reply.bytes.to_vec()).unwrap();
    let is_name = |name: &str| {
        name.starts_with("starling_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    let (mut kinds, mut series) = (std::collections::BTreeMap::new(), BTreeSet::new());
    let mut helped = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && help.ends_with('.') && helped.insert(name), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name) && kinds.insert(name, kind).is_none(), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let (id, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok() && series.insert(id), "{line}");
            let (name, labels) = id.split_once('{').map_or((id, None), |(name, rest)| (name, Some(rest)));
            assert!(kinds.contains_key(name), "{line}");
            for label in labels.into_iter().flat_map(|rest| rest.strip_suffix('}').unwrap().split(',')) {
                let (key, value) = label.split_once('=').unwrap();
                assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
            }
        }
    }
    assert!(text.ends_with('\n') && !series.is_empty());
    node.end().await;
}
