//! The JSON of every answer, byte for byte as the interface names it, and what the loop was asked for it.

use serde_json::{Value, json};

use super::Node;
use super::fixtures::{self as f, ATTEMPT, SECRET, SESSION};
use crate::http::dto::{Detail, rfc3339};
use crate::machine::input::{AgentKind, AgentProfile};
use crate::machine::policy::AgentPolicy;
use crate::machine::request::{Change, Request, TurnCall};

fn reference() -> String {
    format!("session:{SESSION}")
}

fn meta() -> Value {
    json!({
        "id": SESSION,
        "title": "Build",
        "agent_id": "scribe",
        "created_by": "alice",
        "status": "running",
        "created_at": "2026-07-11T00:00:00.000Z",
        "updated_at": "2026-07-11T00:00:03.007Z",
        "summary": "all well",
        "summary_updated_at": "2026-07-11T00:00:02.500Z",
        "last_message_preview": format!("see session:{SESSION}:L000001, (session:{SESSION})"),
        "processing_input_line": 3,
        "processing_started_at": "2026-07-11T00:00:03.500Z",
        "attempt_id": ATTEMPT,
        "last_completed_attempt_id": "qa-01JZZZZZZZZZZZZZZZZZZZZZZ9",
        "last_completed_input_line": 1,
        "last_completed_line": 2,
        "last_human_request_id": "r-3",
        "last_human_line": 3,
        "revision": 6,
    })
}

fn entries() -> [Value; 3] {
    [
        json!({
            "message_id": "01".repeat(32), "line_number": 1, "sealed": true, "lost": false, "on_devices": 2, "point_to": 0, "author": "alice",
            "timestamp": "2026-07-11T00:00:01.007Z", "body": "Please check.", "links": [],
        }),
        json!({
            "message_id": "02".repeat(32), "line_number": 2, "sealed": true, "lost": false, "on_devices": 1, "point_to": 1, "author": "scribe",
            "timestamp": "2026-07-11T00:00:02.007Z", "body": "Done.", "links": [],
        }),
        json!({
            "message_id": "03".repeat(32), "line_number": 3, "sealed": false, "lost": false, "on_devices": 0, "point_to": 0, "author": "alice",
            "timestamp": "2026-07-11T00:00:03.007Z",
            "body": format!("see session:{SESSION}:L000001, (session:{SESSION})"),
            "links": [
                { "kind": "quick_session", "session_id": SESSION, "line_number": 1, "raw": format!("session:{SESSION}:L000001") },
                { "kind": "quick_session", "session_id": SESSION, "raw": reference() },
            ],
        }),
    ]
}

fn detail() -> Value {
    json!({ "meta": meta(), "entries": entries(), "archived": false, "devices": 2, "warnings": [], "uncounted": 0 })
}

#[test]
fn an_archived_session_has_its_own_fields() {
    let json = serde_json::to_value(Detail::whole(&f::archived_view(), &f::delivery())).unwrap();
    assert_eq!(json["archived"], true);
    let want = json!({
        "id": SESSION,
        "agent_id": "scribe",
        "created_by": "alice",
        "status": "archived",
        "created_at": "2026-07-11T00:00:00.000Z",
        "updated_at": "2026-07-11T00:00:03.007Z",
        "archived_at": "2026-07-11T00:00:09.000Z",
        "archived_from": "error",
        "last_message_preview": "Please check.",
        "error": "crashed",
        "last_failed_attempt_id": ATTEMPT,
        "last_human_request_id": SESSION,
        "last_human_line": 1,
        "revision": 6,
    });
    assert_eq!(json["meta"], want);
}

#[test]
fn meta_keeps_the_order_of_the_export() {
    let text = serde_json::to_string(&Detail::whole(&f::view(), &f::delivery())).unwrap();
    let at = |field: &str| text.find(&format!("\"{field}\":")).unwrap();
    let order = [
        "id",
        "title",
        "agent_id",
        "created_by",
        "status",
        "created_at",
        "summary",
        "attempt_id",
        "revision",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
}

#[test]
fn times_are_rfc3339_with_milliseconds() {
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(1), "1970-01-01T00:00:00.001Z");
    assert_eq!(rfc3339(starling_crdt::limits::AT_MS_MAX), "9999-12-31T23:59:59.999Z");
    assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
}

#[tokio::test]
async fn a_create_tells_new_from_repeated() {
    let node = Node::start().await;
    let want = json!({ "session": detail(), "line_number": 1, "ref": reference() });
    let body = json!({ "agent_id": "scribe", "first_message": "hi" });
    let reply = node.call("POST", "/im/quick-sessions").json(&body).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()), (201, want.clone()));
    let body =
        json!({ "session_id": SESSION, "agent_id": "scribe", "first_message": "hi\n", "request_id": "r" });
    let reply = node.local("POST", "/im/quick-sessions").json(&body).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, want));
    let asked = node.model.take_asked();
    let create = |session, text: &str, request: Option<&str>| Request::Create {
        continues: None,
        by_agent: None,
        session,
        agent: f::handle("scribe"),
        body: starling_crdt::text::Body::new(text).unwrap(),
        request_id: request.map(|text| starling_crdt::text::RequestId::new(text).unwrap()),
    };
    assert_eq!(asked, [create(None, "hi", None), create(Some(f::session()), "hi\n", Some("r"))]);
    node.end().await;
}

#[tokio::test]
async fn a_session_is_shown_whole_or_in_part() {
    let node = Node::start().await;
    let show = |query: &'static str| {
        let path = format!("/im/quick-sessions/{SESSION}{query}");
        let node = &node;
        async move { node.call("GET", &path).send().await.json()["session"].clone() }
    };
    assert_eq!(show("").await, detail());
    let lines = |json: &Value| {
        let lines = json["entries"].as_array().unwrap().iter();
        lines.map(|line| line["line_number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&show("?since=1").await), [2, 3]);
    assert_eq!(lines(&show("?limit=2").await), [2, 3]);
    assert_eq!(lines(&show("?limit=1&since=1").await), [2]);
    assert_eq!(lines(&show("?since=99").await), [0; 0]);
    assert_eq!(show("?limit=1").await["meta"], meta());
    node.end().await;
}

#[tokio::test]
async fn a_page_of_the_list() {
    let node = Node::start().await;
    let item = json!({
        "id": SESSION, "title": null, "agent_id": "scribe", "created_by": "alice", "status": "needs_title",
        "updated_at": "2026-07-11T00:00:00.000Z", "last_message_preview": "Please check.", "revision": 1,
        "archived": false, "ref": reference(),
    });
    let reply = node.call("GET", "/im/quick-sessions").send().await.json();
    assert_eq!(reply, json!({ "sessions": [item], "next_cursor": "next" }));
    let query = "?archived=true&agent_id=scribe&limit=7&cursor=next";
    node.call("GET", &format!("/im/quick-sessions{query}")).send().await;
    let list = |archived, agent: Option<&str>, limit, cursor: Option<&str>| Request::List {
        archived,
        agent: agent.map(f::handle),
        limit,
        cursor: cursor.map(str::to_owned),
    };
    assert_eq!(
        node.model.take_asked(),
        [list(false, None, 100, None), list(true, Some("scribe"), 7, Some("next"))]
    );
    node.end().await;
}

#[tokio::test]
async fn writes_to_a_session() {
    let node = Node::start().await;
    let one = format!("/im/quick-sessions/{SESSION}");
    let body = json!({ "body": "more", "request_id": "r", "reply_to": "02".repeat(32) });
    let reply = node.call("POST", &format!("{one}/messages")).json(&body).send().await;
    let want = json!({
        "session_id": SESSION, "message_id": "04".repeat(32), "line_number": 4, "status": "running", "revision": 7,
        "ref": format!("session:{SESSION}:L000004"),
    });
    assert_eq!((reply.status.as_u16(), reply.json()), (201, want));
    let title = node.call("POST", &format!("{one}/title")).json(&json!({ "title": " 好 " }));
    let want = json!({ "session_id": SESSION, "title": "好", "status": "running", "revision": 7 });
    assert_eq!(title.send().await.json(), want);
    let plain = json!({ "session_id": SESSION, "status": "running", "revision": 7 });
    for verb in ["archive", "unarchive", "retry"] {
        let reply = node.call("POST", &format!("{one}/{verb}")).send().await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, plain.clone()), "{verb}");
    }
    let changes: Vec<_> = node
        .model
        .take_asked()
        .into_iter()
        .filter_map(|request| match request {
            Request::Change { change, .. } => Some(change),
            _ => None,
        })
        .collect();
    let title = Change::Title(starling_crdt::text::Title::new("好").unwrap());
    assert_eq!(changes, [title, Change::Archive, Change::Unarchive, Change::Retry]);
    node.end().await;
}

#[tokio::test]
async fn calls_of_a_turn() {
    let node = Node::start().await;
    for (call, body) in [
        ("title", json!({ "title": "Build" })),
        ("reply", json!({ "body": "done" })),
        ("summary", json!({ "summary": "all well" })),
    ] {
        let path = format!("/turns/{ATTEMPT}/{call}");
        let reply = node.local("POST", &path).bearer(SECRET).json(&body).send().await;
        let want = json!({ "session_id": SESSION, "title": "Build", "status": "running", "revision": 7 });
        assert_eq!((reply.status.as_u16(), reply.json()), (200, want));
    }
    let asked = node.model.take_asked();
    let turn = |call| Request::Turn { attempt: f::attempt(), secret: SECRET.to_owned(), call };
    let body = TurnCall::Reply(starling_crdt::text::Body::new("done").unwrap());
    assert_eq!(asked[1], turn(body));
    assert_eq!(asked.len(), 3);
    node.end().await;
}

/// How the agent of this device is run.
fn profile() -> Value {
    json!({
        "kind": "exec", "command": ["no-such-codex", "--fast"], "script": null, "exec_profile": "codex", "cwd": "/srv/code",
        "env": ["KEY"], "allow": ["alice"], "mode": null,
        "policy": {
            "on_interrupt": "fail", "permissions": "host", "turn_seconds": 3600, "silence_seconds": 300,
            "turns_per_hour": 240, "memory_mb": 8192,
        },
    })
}

#[tokio::test]
async fn the_workspace_and_its_people() {
    let node = Node::start().await;
    let agents = json!({ "agents": [{
        "handle": "scribe", "host": "d1".repeat(32), "host_label": "laptop", "owner": "alice", "here": true,
        "online": true, "last_seen": null, "running": SESSION, "queued": 2, "profile": profile(),
        "capabilities": { "program": "Codex 1.2", "resumes": true, "modes": [{ "id": "plan", "name": "Plan" }] },
    }] });
    assert_eq!(node.call("GET", "/im/agents").send().await.json(), agents);
    let body = json!({
        "handle": "helper", "kind": "acp", "command": ["helper", "--acp", ""], "cwd": "/srv", "env": ["API_KEY"],
        "allow": ["alice"],
    });
    let reply = node.call("POST", "/im/agents").json(&body).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()), (201, agents.clone()));
    assert_eq!(node.call("DELETE", "/im/agents/helper").send().await.json(), agents);
    let profile = AgentProfile {
        kind: AgentKind::Acp { command: vec!["helper".to_owned(), "--acp".to_owned(), String::new()] },
        cwd: Some("/srv".to_owned()),
        env: vec!["API_KEY".to_owned()],
        allow: vec![f::handle("alice")],
        policy: AgentPolicy::DEFAULT,
        mode: None,
    };
    let handle = f::handle("helper");
    let want = [
        Request::Agents,
        Request::AddAgent { handle: handle.clone(), profile, force: false },
        Request::RemoveAgent { handle },
    ];
    assert_eq!(node.model.take_asked(), want);
    let members = json!({ "members": [{ "handle": "alice", "role": "founder", "devices": [{
        "device": "d1".repeat(32), "label": "laptop", "here": true, "online": true,
        "last_seen": "2026-07-11T00:00:00.000Z",
    }] }] });
    assert_eq!(node.call("GET", "/im/members").send().await.json(), members);
    let device = "d2".repeat(32);
    for (keep_none, kept) in [(false, 1), (true, 0)] {
        let path = format!("/im/devices/{device}/revoke");
        let reply = node.call("POST", &path).json(&json!({ "keep_none": keep_none })).send().await;
        let want =
            json!({ "devices": [device], "agents": ["scribe"], "kept_sessions": kept, "already": false });
        assert_eq!((reply.status.as_u16(), reply.json()), (200, want));
    }
    let reply = node.call("POST", "/im/devices/nonsense/revoke").json(&json!({})).send().await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (422, &json!("invalid_field")));
    let reply = node.call("POST", "/im/members/bob/remove").json(&json!({})).send().await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &json!("not_found")));
    node.end().await;
}

#[tokio::test]
async fn invitations() {
    let node = Node::start().await;
    let invites = json!({ "invites": [{
        "id": "inv-1", "handle": "bob", "expires_at": "2026-07-11T00:00:00.000Z", "used_by": null,
    }] });
    assert_eq!(node.call("GET", "/invites").send().await.json(), invites);
    assert_eq!(node.call("DELETE", "/invites/inv-1").send().await.json(), invites);
    let reply = node.call("POST", "/invites").json(&json!({})).send().await;
    let want = json!({
        "ticket": "starling1ticket", "qr": reply.json()["qr"], "id": "inv-1", "handle": "alice", "expires_at": "2026-07-11T00:00:00.000Z",
    });
    assert_eq!((reply.status.as_u16(), reply.json()), (201, want));
    let body = json!({ "handle": "bob", "expires_in_seconds": 60 });
    node.call("POST", "/invites").json(&body).send().await;
    let asked = node.model.take_asked();
    assert_eq!(asked[1], Request::RevokeInvite("inv-1".to_owned()));
    let invite = |handle, expires_in_ms| Request::Invite { handle, expires_in_ms };
    assert_eq!(asked[2], invite(None, 86_400_000));
    assert_eq!(asked[3], invite(Some(f::handle("bob")), 60_000));
    node.end().await;
}
