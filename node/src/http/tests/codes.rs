//! Every refusal is a problem document with its stable code, and bad input never reaches the loop.

use serde_json::{Value, json};

use super::Node;
use super::fixtures::{ABSENT, ATTEMPT, SECRET, SESSION};
use crate::machine::request::Code;

const ALL: [Code; 31] = [
    Code::InvalidQuickSessionId,
    Code::InvalidReference,
    Code::MalformedJson,
    Code::Unauthorized,
    Code::QuickSessionForbidden,
    Code::BadOrigin,
    Code::BadHost,
    Code::QuickSessionNotFound,
    Code::QuickSessionAgentNotFound,
    Code::NoSuchEndpoint,
    Code::NotFound,
    Code::QuickSessionTitleRequired,
    Code::QuickSessionIdCollision,
    Code::QuickSessionStaleAttempt,
    Code::QuickSessionArchived,
    Code::QuickSessionInvalidState,
    Code::RequestIdReused,
    Code::HandleTaken,
    Code::PeerNotConnected,
    Code::HomeInUse,
    Code::InviteExpired,
    Code::InvalidTicket,
    Code::BodyTooLarge,
    Code::NotJson,
    Code::InvalidTitle,
    Code::InvalidMessage,
    Code::InvalidHandle,
    Code::InvalidField,
    Code::RateLimited,
    Code::StoreFailed,
    Code::ShuttingDown,
];

#[tokio::test]
async fn the_loops_refusals_keep_status_and_code() {
    let node = Node::start().await;
    for code in ALL {
        node.model.refuse_with(Some(code));
        let reply = node.call("GET", "/status").send().await;
        let (status, name) = code.parts();
        assert_eq!(reply.problem(), (status, name.to_owned()));
        assert_eq!(reply.json()["detail"], "as the test wants it");
        assert_eq!(reply.headers.contains_key("retry-after"), matches!(status, 429 | 503));
    }
    node.end().await;
}

#[tokio::test]
async fn a_loop_that_drops_the_question_is_shutting_down() {
    let node = Node::start().await;
    let reply = node.call("GET", "/resolve?prefix=drop").send().await;
    assert_eq!(reply.problem(), (503, "shutting_down".to_owned()));
    node.end().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_say_so() {
    let node = Node::start().await;
    for path in ["/nothing", "/im", "/im/quick-sessions/", "/turns/x", "/..%2f..%2fetc/passwd"] {
        let reply = node.call("GET", path).send().await;
        assert_eq!(reply.problem(), (404, "no_such_endpoint".to_owned()), "{path}");
    }
    for (method, path) in [("PUT", "/status"), ("DELETE", "/healthz"), ("PATCH", "/im/quick-sessions")] {
        let reply = node.call(method, path).send().await;
        assert_eq!(reply.problem(), (405, "no_such_endpoint".to_owned()), "{method} {path}");
        assert!(reply.header("allow").contains("GET"), "{method} {path}");
    }
    node.end().await;
}

/// What is wrong with a request, and its code.
async fn refused(node: &Node, method: &str, path: &str, body: Option<Value>, want: (u16, &str)) {
    let mut call =
        node.call(method, path).bearer(if path.starts_with("/turns") { SECRET } else { super::TOKEN });
    if let Some(body) = &body {
        call = call.json(body);
    }
    let (status, code) = call.send().await.problem();
    assert_eq!((status, code.as_str()), want, "{method} {path} {body:?}");
}

#[tokio::test]
async fn fields_are_checked_before_anything_is_asked() {
    let node = Node::start().await;
    let create = |agent: &str, message: &str| json!({ "agent_id": agent, "first_message": message });
    let one = format!("/im/quick-sessions/{SESSION}");
    let (messages, title) = (format!("{one}/messages"), format!("{one}/title"));
    let [turn_title, turn_reply, turn_summary] =
        ["title", "reply", "summary"].map(|call| format!("/turns/{ATTEMPT}/{call}"));
    let message = |body: &str, request: &str| json!({ "body": body, "request_id": request });
    let (big, wide) = ("x".repeat(65_537), "好".repeat(81));
    let posts: Vec<(&str, Value, (u16, &str))> = vec![
        ("/im/quick-sessions", create("Scribe", "hi"), (422, "invalid_handle")),
        ("/im/quick-sessions", create("@scribe", "hi"), (422, "invalid_handle")),
        ("/im/quick-sessions", create("scribe", " \n"), (422, "invalid_message")),
        ("/im/quick-sessions", create("scribe", &big), (422, "invalid_message")),
        ("/im/quick-sessions", json!({ "agent_id": "scribe" }), (422, "invalid_field")),
        ("/im/quick-sessions", json!({ "agent_id": 1, "first_message": "hi" }), (422, "invalid_field")),
        ("/im/quick-sessions", json!([]), (422, "invalid_field")),
        ("/im/quick-sessions", json!([SESSION, "scribe", "hi", null]), (422, "invalid_field")),
        (
            "/im/quick-sessions",
            json!({ "agent_id": "scribe", "first_message": "hi", "session_id": "qs-1" }),
            (400, "invalid_quick_session_id"),
        ),
        (
            "/im/quick-sessions",
            json!({ "agent_id": "scribe", "first_message": "hi", "request_id": " " }),
            (422, "invalid_field"),
        ),
        (
            "/im/quick-sessions",
            json!({ "agent_id": "scribe", "first_message": "hi", "author": "bob" }),
            (422, "invalid_field"),
        ),
        (&messages, message("", "r"), (422, "invalid_message")),
        (&messages, message("hi", ""), (422, "invalid_field")),
        (&messages, message("hi", &"r".repeat(129)), (422, "invalid_field")),
        (&messages, json!({ "body": "hi" }), (422, "invalid_field")),
        (&messages, json!({ "body": "hi", "request_id": "r", "reply_to": "7" }), (422, "invalid_field")),
        (&title, json!({ "title": wide }), (422, "invalid_title")),
        (&title, json!({ "title": " " }), (422, "invalid_title")),
        (&title, json!({ "title": "a\u{7}b" }), (422, "invalid_title")),
        (&title, json!({ "title": "ok", "attempt_id": "qa-1" }), (422, "invalid_field")),
        ("/im/quick-sessions/qs-1/archive", json!({}), (400, "invalid_quick_session_id")),
        ("/im/quick-sessions/%ff/archive", json!({}), (400, "invalid_quick_session_id")),
        ("/turns/qa-1/title", json!({ "title": "ok" }), (422, "invalid_field")),
        (&turn_title, json!({ "title": "" }), (422, "invalid_title")),
        (&turn_reply, json!({ "body": " " }), (422, "invalid_message")),
        (&turn_summary, json!({ "summary": "x".repeat(4_001) }), (422, "invalid_field")),
        ("/peers", json!({ "address": "127.0.0.1:1" }), (422, "invalid_field")),
        ("/peers", json!({ "address": format!("/{}", "x".repeat(512)) }), (422, "invalid_field")),
        ("/invites", json!({ "handle": "system" }), (422, "invalid_handle")),
        ("/invites", json!({ "expires_in_seconds": 0 }), (422, "invalid_field")),
        ("/invites", json!({ "expires_in_seconds": u64::MAX }), (422, "invalid_field")),
        ("/invites", json!({ "expires_in_seconds": -1 }), (422, "invalid_field")),
        ("/sync/pause", json!({ "for": 1 }), (422, "invalid_field")),
    ];
    for (path, body, want) in posts {
        refused(&node, "POST", path, Some(body), want).await;
    }
    for (path, want) in [
        ("/im/quick-sessions/qs-01jzzzzzzzzzzzzzzzzzzzzzzz", (400, "invalid_quick_session_id")),
        ("/im/quick-sessions/..%2f..%2fetc", (400, "invalid_quick_session_id")),
        ("/im/quick-sessions?limit=0", (422, "invalid_field")),
        ("/im/quick-sessions?limit=1001", (422, "invalid_field")),
        ("/im/quick-sessions?limit=x", (422, "invalid_field")),
        ("/im/quick-sessions?archived=maybe", (422, "invalid_field")),
        ("/im/quick-sessions?agent_id=A", (422, "invalid_handle")),
        ("/im/quick-sessions?color=red", (422, "invalid_field")),
        ("/events?since=x", (422, "invalid_field")),
        ("/sync?wait=1", (422, "invalid_field")),
        ("/resolve", (422, "invalid_field")),
    ] {
        refused(&node, "GET", path, None, want).await;
    }
    refused(&node, "DELETE", "/im/agents/A", None, (422, "invalid_handle")).await;
    assert_eq!(node.model.take_asked(), vec![]);
    node.end().await;
}

#[tokio::test]
async fn profiles_of_agents_are_bounded() {
    let node = Node::start().await;
    for (patch, what) in [
        (json!({ "kind": "shell" }), "kind"),
        (json!({ "kind": "acp" }), "command"),
        (json!({ "kind": "acp", "command": ["x"], "script": "/s" }), "script"),
        (json!({ "kind": "acp", "command": ["a\u{0}b"] }), "command"),
        (json!({ "kind": "acp", "command": vec!["x"; 65] }), "command"),
        (json!({ "kind": "exec" }), "profile"),
        (json!({ "kind": "exec", "profile": "nano" }), "profile"),
        (json!({ "kind": "exec", "profile": "codex", "script": "/s" }), "script"),
        (json!({ "kind": "exec", "profile": "codex", "command": vec!["x"; 65] }), "command"),
        (json!({ "kind": "acp", "command": ["x"], "profile": "codex" }), "profile"),
        (json!({ "kind": "demo", "command": ["x"] }), "command"),
        (json!({ "kind": "demo", "script": "s" }), "script"),
        (json!({ "kind": "demo", "cwd": "here" }), "cwd"),
        (json!({ "kind": "demo", "env": ["A=B"] }), "env"),
    ] {
        let mut body = patch;
        body["handle"] = json!("helper");
        let reply = node.call("POST", "/im/agents").json(&body).send().await;
        assert_eq!(reply.problem(), (422, "invalid_field".to_owned()), "{what}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(what), "{what}");
    }
    assert_eq!(node.model.take_asked(), vec![]);
    node.end().await;
}

#[tokio::test]
async fn a_body_is_json_and_bounded() {
    let node = Node::start().await;
    let path = format!("/im/quick-sessions/{SESSION}/messages");
    let post = |kind: &str, body: &str| node.call("POST", &path).text(kind, body).send();
    for body in ["", "{", "{\"body\":}", "nope", "{} {}", &"[".repeat(10_000), "{\"body\":\"\u{0}\"}"] {
        assert_eq!(post("application/json", body).await.problem(), (400, "malformed_json".to_owned()));
    }
    let bytes = node.call("POST", &path).text("application/json", vec![b'"', 0xff, b'"']);
    assert_eq!(bytes.send().await.problem().1, "malformed_json");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        assert_eq!(post(kind, "{}").await.problem(), (415, "not_json".to_owned()), "{kind}");
    }
    let untyped = node.call("POST", &path).raw_body("{}").send().await;
    assert_eq!(untyped.problem(), (415, "not_json".to_owned()));
    for bytes in [256 * 1024 + 1, 3 * 1024 * 1024] {
        assert_eq!(
            post("application/json", &" ".repeat(bytes)).await.problem(),
            (413, "body_too_large".to_owned())
        );
    }
    // The largest message passes even when each of its characters is escaped as `\\`.
    let largest = json!({ "body": "\\".repeat(65_536), "request_id": "r" });
    let kind = "application/json; charset=utf-8";
    assert_eq!(post(kind, &largest.to_string()).await.status, 201);
    node.end().await;
}

#[tokio::test]
async fn writes_without_a_body_take_none_or_an_empty_object() {
    let node = Node::start().await;
    let path = format!("/im/quick-sessions/{SESSION}/archive");
    assert_eq!(node.call("POST", &path).send().await.status, 200);
    assert_eq!(node.local("POST", &path).send().await.status, 200);
    assert_eq!(node.call("POST", &path).json(&json!({})).send().await.status, 200);
    assert_eq!(node.call("POST", &path).text("application/json", "").send().await.status, 200);
    let plain = node.call("POST", &path).text("text/plain", "").send().await;
    assert_eq!(plain.problem().0, 415);
    let untyped = node.call("POST", &path).raw_body("{}").send().await;
    assert_eq!(untyped.problem().0, 415);
    node.end().await;
}

#[tokio::test]
async fn what_the_loop_does_not_know_is_not_found() {
    let node = Node::start().await;
    let reply = node.call("GET", &format!("/im/quick-sessions/{ABSENT}")).send().await;
    assert_eq!(reply.problem(), (404, "quick_session_not_found".to_owned()));
    let stop = node.call("POST", &format!("/im/quick-sessions/{SESSION}/stop")).send().await;
    assert_eq!(stop.problem(), (409, "quick_session_invalid_state".to_owned()));
    let stale = json!({ "title": "ok", "attempt_id": "qa-01JZZZZZZZZZZZZZZZZZZZZZZ9" });
    let path = format!("/im/quick-sessions/{SESSION}/title");
    let reply = node.call("POST", &path).json(&stale).send().await;
    assert_eq!(reply.problem(), (409, "quick_session_stale_attempt".to_owned()));
    let fresh = json!({ "title": "ok", "attempt_id": ATTEMPT });
    assert_eq!(node.call("POST", &path).json(&fresh).send().await.status, 200);
    node.end().await;
}
