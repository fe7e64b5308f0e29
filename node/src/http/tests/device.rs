//! The JSON of this device: its status, peers, exchange and figures, and the agents that it hosts.

use serde_json::{Value, json};

use super::Node;
use super::fixtures::{self as f, SESSION};
use crate::machine::exec::ExecProfile;
use crate::machine::input::AgentKind;
use crate::machine::request::Request;

fn peer() -> Value {
    json!({
        "device": "d2".repeat(32), "handle": "bob", "label": "desk", "connected": true,
        "addresses": ["/ip4/127.0.0.1/udp/4001/quic-v1"], "rtt_micros": 250,
        "last_seen": "2026-07-11T00:00:00.000Z", "in_step": true, "last_exchange": null, "records_sent": 3,
        "records_received": 4, "last_error": null,
    })
}

#[tokio::test]
async fn an_agent_of_the_command_line_and_what_it_said() {
    let node = Node::start().await;
    for (command, want) in [(json!([]), vec!["codex"]), (json!(["npx", "codex"]), vec!["npx", "codex"])] {
        let body = json!({ "handle": "helper", "kind": "exec", "profile": "codex", "command": command });
        let reply = node.call("POST", "/im/agents").json(&body).send().await;
        assert_eq!(reply.status.as_u16(), 201);
        let command = want.into_iter().map(str::to_owned).collect();
        let kind = AgentKind::Exec { profile: ExecProfile::Codex, command };
        let asked = node.model.take_asked();
        assert!(
            matches!(&asked[..], [Request::AddAgent { profile, .. }] if profile.kind == kind),
            "{asked:?}"
        );
    }
    let logs = || node.call("GET", "/im/agents/scribe/logs").send();
    assert_eq!(logs().await.json(), json!({ "handle": "scribe", "stderr": "" }));
    node.logs.insert(f::handle("scribe"), || "last words\n".to_owned());
    assert_eq!(logs().await.json(), json!({ "handle": "scribe", "stderr": "last words\n" }));
    node.logs.remove(&f::handle("scribe"));
    assert_eq!(logs().await.json()["stderr"], "");
    let nobody = node.call("GET", "/im/agents/nobody/logs").send().await;
    assert_eq!(nobody.problem(), (404, "quick_session_agent_not_found".to_owned()));
    node.end().await;
}

#[tokio::test]
async fn this_device() {
    let node = Node::start().await;
    let export = json!({ "commit": "c0".repeat(20), "tree": "7e".repeat(20) });
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "storage": { "home": "/srv/a/b", "store_bytes": 1, "export_bytes": 2 },
        "device": "d1".repeat(32), "label": "laptop", "workspace": "aa".repeat(32), "handle": "alice",
        "revoked": false,
        "http": format!("http://{}", node.http), "listen": ["/ip4/127.0.0.1/udp/4000/quic-v1"], "peers": [],
        "sessions": { "active": 2, "running": 1 }, "export": export,
        "waiting": [{
            "session": SESSION, "agent": "scribe", "reason": "its host is away",
            "last_seen": "2026-07-11T00:00:00.000Z", "ref": format!("session:{SESSION}"),
        }],
        "paused": false, "can_join": true, "join_error": null, "started_at": "2026-07-11T00:00:00.000Z",
    });
    assert_eq!(node.call("GET", "/status").send().await.json(), status);
    assert_eq!(node.call("GET", "/peers").send().await.json(), json!({ "peers": [peer()] }));
    let address = json!({ "address": "/ip4/192.0.2.7/udp/4001/quic-v1" });
    let reply = node.call("POST", "/peers").json(&address).send().await;
    assert_eq!(reply.json(), json!({ "peers": [peer()] }));
    let sync = json!({ "paused": false, "in_step": 1, "connected": 1, "peers": [peer()], "waiting": [] });
    for (method, path) in [("GET", "/sync"), ("POST", "/sync/pause"), ("POST", "/sync/resume")] {
        assert_eq!(node.call(method, path).send().await.json(), sync, "{path}");
    }
    assert_eq!(node.call("POST", "/export").send().await.json(), export);
    let ids = node.call("GET", "/resolve?prefix=qs-01").send().await.json();
    assert_eq!(ids, json!({ "ids": [SESSION] }));
    let asked = node.model.take_asked();
    assert!(asked.contains(&Request::Pause(true)) && asked.contains(&Request::Pause(false)));
    node.end().await;
}
