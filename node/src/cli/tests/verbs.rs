//! Verbs against a node that answers as the interface says.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, Request};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use serde_json::{Value, json};

use super::play::Stage;
use crate::cli::Exit;
use crate::cli::render::node::testing::STATUS;

const ID: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";

fn problem(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let body = json!({ "status": status.as_u16(), "code": code, "detail": "because" });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

fn entry(id: &str, line: u64, author: &str) -> Value {
    json!({ "message_id": id, "line_number": line, "sealed": true, "point_to": 0, "author": author,
            "timestamp": "2026-07-12T23:59:00.000Z", "body": format!("text {line}"), "links": [] })
}

fn detail(status: &str, entries: &[Value]) -> Value {
    json!({ "session": { "archived": false, "entries": entries,
        "meta": { "id": ID, "agent_id": "scribe", "created_by": "alice", "status": status,
                  "updated_at": "2026-07-12T23:59:00.000Z", "error": (status == "error").then_some("crashed") } } })
}

#[tokio::test]
async fn without_a_node_the_exit_status_is_6() {
    let stage = Stage::new();
    let failure = stage.play_alone(&["status"]).await.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::NotRunning, "daemon_not_running"));
    assert!(failure.hint.unwrap().contains("starling up"));
    // A node that died leaves its socket.
    drop(std::os::unix::net::UnixListener::bind(stage.socket()).unwrap());
    assert_eq!(stage.play_alone(&["status"]).await.ended.unwrap_err().exit, Exit::NotRunning);
}

#[tokio::test]
async fn json_is_the_body_as_the_node_sent_it() {
    let node = || Router::new().route("/status", get(|| async { STATUS }));
    let played = Stage::new().play(node(), &["status", "--json"]).await;
    assert_eq!(played.data, format!("{STATUS}\n"));
    let played = Stage::new().play(node(), &["status"]).await;
    assert!(played.data.starts_with("you        @alice on laptop\n"), "{}", played.data);
    played.ended.unwrap();
}

#[tokio::test]
async fn refusals_become_exit_statuses() {
    for (status, code, exit) in [
        (404, "quick_session_not_found", Exit::NotFound),
        (403, "quick_session_forbidden", Exit::NotAllowed),
        (409, "quick_session_archived", Exit::Conflict),
        (422, "invalid_message", Exit::Usage),
        (503, "store_failed", Exit::Failed),
    ] {
        let refuse = move || async move { problem(status, code) };
        let node = Router::new().route("/im/quick-sessions/{id}/messages", post(refuse));
        let played = Stage::new().play(node, &["session", "send", ID, "hello"]).await;
        let failure = played.ended.unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (exit, code));
        assert_eq!(failure.to_document()["detail"], "because");
    }
}

#[tokio::test]
async fn a_send_carries_one_request_id_through_all_its_tries() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let write = move |Json(body): Json<Value>| {
        let log = Arc::clone(&log);
        async move {
            let mut log = log.lock().unwrap();
            log.push(body["request_id"].as_str().unwrap().to_owned());
            if log.len() == 1 {
                // The first answer breaks off in the middle.
                let broken = futures::stream::iter([Ok("{"), Err(std::io::Error::other("cut"))]);
                return axum::body::Body::from_stream(broken).into_response();
            }
            let answer =
                json!({ "session_id": ID, "status": "active", "ref": format!("session:{ID}:L000002") });
            (StatusCode::CREATED, Json(answer)).into_response()
        }
    };
    let node = Router::new().route("/im/quick-sessions/{id}/messages", post(write));
    let played = Stage::new().play(node, &["session", "send", ID, "hello"]).await;
    played.ended.unwrap();
    assert_eq!(played.data, format!("session:{ID}:L000002  ● active\n"));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].len(), 26, "a ULID: {}", seen[0]);
}

#[tokio::test]
async fn a_prefix_is_resolved_or_its_candidates_are_named() {
    let resolve = |Query(query): Query<std::collections::BTreeMap<String, String>>| async move {
        let all = [ID, "qs-01JZZZZZZZZZZZZZZZZZZZZZZY"];
        let fits = all.iter().filter(|id| id.starts_with(&query["prefix"]));
        Json(json!({ "ids": fits.collect::<Vec<_>>() }))
    };
    let stop = |Path(id): Path<String>| async move { Json(json!({ "session_id": id, "status": "active" })) };
    let node =
        || Router::new().route("/resolve", get(resolve)).route("/im/quick-sessions/{id}/stop", post(stop));
    let unique = "01jzzzzzzzzzzzzzzzzzzzzzzz";
    let played = Stage::new().play(node(), &["session", "stop", &unique[..25]]).await;
    let failure = played.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "ambiguous_prefix"));
    assert!(failure.hint.unwrap().contains(ID));
    let played = Stage::new().play(node(), &["session", "stop", "01Q"]).await;
    assert_eq!(played.ended.unwrap_err().exit, Exit::NotFound);
    let played = Stage::new().play(node(), &["session", "stop", ID]).await;
    assert_eq!(played.data, format!("session:{ID}  ● active\n"));
}

#[tokio::test]
async fn a_new_session_is_followed_until_the_agent_has_answered() {
    let reads = Arc::new(AtomicUsize::new(0));
    let show = move || {
        let reads = Arc::clone(&reads);
        async move {
            let mut entries = vec![entry("m1", 1, "alice")];
            let answered = reads.fetch_add(1, Ordering::Relaxed) >= 1;
            if answered {
                entries.push(entry("m2", 2, "scribe"));
            }
            Json(detail(if answered { "active" } else { "running" }, &entries))
        }
    };
    let create = |Json(body): Json<Value>| async move {
        assert!(body["session_id"].as_str().unwrap().starts_with("qs-"));
        let mut answer = detail("needs_title", &[entry("m1", 1, "alice")]);
        answer["ref"] = json!(format!("session:{ID}"));
        (StatusCode::CREATED, Json(answer))
    };
    let events = || async {
        let other = Event::default().id("1").event("session").data(r#"{"id": "qs-other"}"#);
        let resync = Event::default().id("2").event("resync").data("{}");
        let items = futures::stream::iter([other, resync].map(Ok::<_, Infallible>));
        Sse::new(items.chain(futures::stream::pending()))
    };
    let node = Router::new()
        .route("/im/quick-sessions", post(create))
        .route("/im/quick-sessions/{id}", get(show))
        .route("/events", get(events));
    let words = ["session", "new", "--agent", "scribe", "-m", "Hello", "--follow"];
    let played = Stage::new().play(node.clone(), &words).await;
    played.ended.unwrap();
    assert_eq!(played.data, format!("session:{ID}\n@scribe L000002 · 1 min ago\n  text 2\n"));
    assert!(played.notes.contains("@scribe is working"));
    let played = Stage::new().play(node, &[&words[..], &["--json"]].concat()).await;
    let lines: Vec<Value> = played.data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{}", played.data);
    assert_eq!(lines[1]["message_id"], "m2");
}

#[tokio::test]
async fn a_turn_that_fails_ends_the_wait_for_its_answer() {
    let node = Router::new()
        .route(
            "/im/quick-sessions",
            post(|| async { Json(detail("needs_title", &[entry("m1", 1, "alice")])) }),
        )
        .route("/im/quick-sessions/{id}", get(|| async { Json(detail("error", &[entry("m1", 1, "alice")])) }))
        .route(
            "/events",
            get(|| async { Sse::new(futures::stream::pending::<Result<Event, Infallible>>()) }),
        );
    let words = ["session", "new", "--agent", "scribe", "-m", "Hello", "--follow"];
    let failure = Stage::new().play(node, &words).await.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Failed, "turn_failed"));
    assert!(failure.detail.contains("crashed"));
}

#[tokio::test]
async fn all_pages_of_the_list_are_shown() {
    let list = |Query(query): Query<std::collections::BTreeMap<String, String>>| async move {
        let item = |n: u32| json!({ "id": format!("{ID}{n}"), "title": format!("t{n}"), "status": "active" });
        assert_eq!(query["archived"], "true");
        Json(match query.get("cursor").map(String::as_str) {
            None => json!({ "sessions": [item(1)], "next_cursor": "a b" }),
            Some("a b") => json!({ "sessions": [item(2)] }),
            Some(other) => panic!("{other}"),
        })
    };
    let node = Router::new().route("/im/quick-sessions", get(list));
    let played = Stage::new().play(node.clone(), &["session", "list", "--archived"]).await;
    assert!(played.data.contains("t1") && played.data.contains("t2"), "{}", played.data);
    let played = Stage::new().play(node.clone(), &["session", "list", "--archived", "--json"]).await;
    let document: Value = serde_json::from_str(&played.data).unwrap();
    assert_eq!(document["sessions"].as_array().unwrap().len(), 2);
    assert!(document.get("next_cursor").is_none());
    let played = Stage::new().play(node, &["session", "list", "--archived", "--limit", "1", "--json"]).await;
    let document: Value = serde_json::from_str(&played.data).unwrap();
    assert_eq!(document["next_cursor"], "a b");
}

#[tokio::test]
async fn waiting_without_peers_returns_at_once_and_says_so() {
    let body = |peers: Value, paused: bool| json!({ "paused": paused, "in_step": 1, "connected": 1, "peers": peers, "waiting": [] });
    let node = |body: Value| Router::new().route("/sync", get(move || async move { Json(body) }));
    let played = Stage::new().play(node(body(json!([]), false)), &["sync", "wait"]).await;
    played.ended.unwrap();
    assert!(played.notes.contains("no peers"), "{}", played.notes);
    let peers = json!([{ "device": "b0", "connected": true, "in_step": true }]);
    let played = Stage::new().play(node(body(peers.clone(), false)), &["sync", "wait", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&played.data).unwrap()["in_step"], 1);
    let failure = Stage::new().play(node(body(peers, true)), &["sync", "wait"]).await.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::NotYet, "sync_paused"));
}

#[tokio::test]
async fn writes_have_a_json_body_and_its_content_type() {
    let echo = |request: Request| async move {
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(request.headers()[header::HOST], "localhost");
        Json(
            json!({ "id": "i1", "ticket": "tick", "handle": "bob", "expires_at": "2026-07-14T00:00:00.000Z" }),
        )
    };
    let node = Router::new().route("/invites", post(echo));
    let played = Stage::new().play(node, &["invite", "create", "--as", "bob"]).await;
    played.ended.unwrap();
    assert_eq!(played.data, "tick\n");
    assert!(played.notes.contains("@bob") && played.notes.contains("expires in 1 d"), "{}", played.notes);
}

#[tokio::test]
async fn what_needs_no_node_asks_none() {
    let stage = Stage::new();
    let home = stage.home();
    home.create().unwrap();
    let key = crate::config::NodeKey::from_seed([3; 32]);
    assert_eq!(stage.play_alone(&["id"]).await.ended.unwrap_err().exit, Exit::NotFound);
    assert_eq!(stage.play_alone(&["recovery", "show"]).await.ended.unwrap_err().exit, Exit::NotFound);
    key.create(&home.node_key()).unwrap();
    key.create(&home.recovery_key()).unwrap();
    assert_eq!(stage.play_alone(&["id"]).await.data, format!("{}\n", key.device()));
    let played = stage.play_alone(&["recovery", "show", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&played.data).unwrap()["key"], "03".repeat(32));
    let played = stage.play_alone(&["session", "ref", &format!("{ID}:3")]).await;
    assert_eq!(played.data, format!("session:{ID}:L000003\n"));
    let played = stage.play_alone(&["completion", "bash"]).await;
    assert!(played.data.contains("starling__session") || played.data.contains("_starling"));
    // People do not reply as agents do: refused before the node is asked.
    let failure = stage.play_alone(&["session", "reply", ID, "x"]).await.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::NotAllowed, "not_in_a_turn"));
}

#[tokio::test]
async fn a_silent_node_is_given_up_with_7() {
    let stage = Stage::new();
    let _listens = std::os::unix::net::UnixListener::bind(stage.socket()).unwrap();
    let socket = stage.socket();
    let words =
        ["starling", "status", "--timeout", "100ms", "--socket", socket.to_str().unwrap(), "--home", "/h"];
    let invocation = crate::cli::parse(words.map(Into::into), &mut std::io::empty());
    let Ok(crate::cli::Invocation::Verb(command)) = invocation else {
        panic!("not a verb");
    };
    let failure = crate::cli::run(*command, crate::shell::ambient()).await.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::TimedOut, "timed_out"));
}

#[tokio::test]
async fn down_returns_when_the_node_is_gone() {
    let stage = Stage::new();
    let home = stage.home();
    home.create().unwrap();
    let endpoint = crate::config::Endpoint {
        http: "http://127.0.0.1:1".to_owned(),
        socket: stage.socket(),
        pid: std::process::id(),
    };
    home.write_endpoint(&endpoint).unwrap();
    let (socket, node_home) = (stage.socket(), home.clone());
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    let health = move || {
        let (socket, home, seen) = (socket.clone(), node_home.clone(), Arc::clone(&seen));
        async move {
            if seen.fetch_add(1, Ordering::Relaxed) == 2 {
                std::fs::remove_file(socket).unwrap();
                home.clear_endpoint();
            }
            "{}"
        }
    };
    let node = Router::new()
        .route("/shutdown", post(|| async { (StatusCode::ACCEPTED, "{}") }))
        .route("/healthz", get(health));
    let played = stage.play(node, &["down"]).await;
    played.ended.unwrap();
    assert!(played.notes.ends_with("stopped\n"), "{}", played.notes);
    assert_eq!(looks.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn an_export_that_failed_is_a_failure() {
    let node = |body: Value| Router::new().route("/export", post(move || async move { Json(body) }));
    let played = Stage::new().play(node(json!({ "commit": "c0", "tree": "7e" })), &["export"]).await;
    assert_eq!(played.data, "commit c0\ntree 7e\n");
    let broken = json!({ "commit": null, "tree": null, "error": "disk full" });
    let failure = Stage::new().play(node(broken), &["export"]).await.ended.unwrap_err();
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Failed, "export_failed"));
}
