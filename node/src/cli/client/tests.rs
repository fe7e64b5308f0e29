//! The client alone, against servers on real Unix sockets that behave and that do not.

use std::path::PathBuf;

use axum::extract::Request as Incoming;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;

fn stage() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    (dir, socket)
}

/// Asks while `node` answers.
async fn ask(node: Router, call: Call) -> Result<Answer, Failure> {
    let (_dir, socket) = stage();
    let listener = UnixListener::bind(&socket).unwrap();
    let client = Client::new(&socket);
    tokio::select! {
        biased;
        answer = client.ask(call) => answer,
        ended = async { axum::serve(listener, node).await } => panic!("the node ended: {ended:?}"),
    }
}

#[tokio::test]
async fn a_turns_secret_travels_as_bearer() {
    let reply = |request: Incoming| async move {
        let header = request.headers()["authorization"].to_str().unwrap().to_owned();
        Json(json!({ "path": request.uri().path(), "bearer": header }))
    };
    let attempt = "qa-01JZZZZZZZZZZZZZZZZZZZZZZZ".parse().unwrap();
    let call = Call::post(paths::turn(attempt, "reply"), json!({ "body": "x" }))
        .bearer(Zeroizing::new("s3cret".to_owned()));
    let answer = ask(Router::new().fallback(reply), call).await.unwrap();
    let body: Value = answer.parse().unwrap();
    assert_eq!(body["path"], "/turns/qa-01JZZZZZZZZZZZZZZZZZZZZZZZ/reply");
    assert_eq!(body["bearer"], "Bearer s3cret");
    let call = Call::get("/").bearer(Zeroizing::new("a\nb".to_owned()));
    assert_eq!(ask(Router::new(), call).await.unwrap_err().exit, Exit::NotAllowed);
}

#[tokio::test]
async fn large_answers_arrive_whole() {
    let text = "x".repeat(3_000_000);
    let body = text.clone();
    let node = Router::new().route("/", get(move || async move { body }));
    assert_eq!(ask(node, Call::get("/")).await.unwrap().body, text.as_bytes());
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_a_failure_not_a_panic() {
    let node = Router::new().route("/", get(|| async { "<html>" }));
    let answer = ask(node, Call::get("/")).await.unwrap();
    assert_eq!(answer.parse::<Value>().unwrap_err().code, "bad_answer");
}

/// A server that reads a request and hangs up, every time.
async fn hang_up(listener: UnixListener, calls: &std::sync::atomic::AtomicU32) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = stream.read(&mut [0; 1_024]).await;
        calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn only_repeatable_calls_are_repeated() {
    for (call, tries) in [
        (Call::get("/"), TRIES_MAX),
        (Call::post("/", json!({})), 1),
        (Call::post("/", json!({})).repeatable(), TRIES_MAX),
        (Call::delete("/"), 1),
    ] {
        let (_dir, socket) = stage();
        let listener = UnixListener::bind(&socket).unwrap();
        let calls = std::sync::atomic::AtomicU32::new(0);
        let client = Client::new(&socket);
        let failure = tokio::select! {
            biased;
            answer = client.ask(call) => answer.unwrap_err(),
            () = hang_up(listener, &calls) => panic!("it never ends"),
        };
        assert_eq!(failure.code, BROKEN);
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(calls.into_inner(), tries);
    }
}

#[tokio::test]
async fn an_answer_with_the_end_of_the_connection_counts() {
    let (_dir, socket) = stage();
    let listener = UnixListener::bind(&socket).unwrap();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = stream.read(&mut [0; 1_024]).await.unwrap();
        let answer = b"HTTP/1.1 409 Conflict\r\nconnection: close\r\n\r\n{\"code\":\"handle_taken\"}";
        stream.write_all(answer).await.unwrap();
        drop(stream);
        std::future::pending::<()>().await;
    };
    let client = Client::new(&socket);
    let failure = tokio::select! {
        biased;
        answer = client.ask(Call::post("/", json!({}))) => answer.unwrap_err(),
        () = server => unreachable!(),
    };
    assert_eq!((failure.exit, failure.code.as_str()), (Exit::Conflict, "handle_taken"));
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_explained() {
    let long = PathBuf::from(format!("/tmp/{}", "x".repeat(200)));
    let failure = Client::new(&long).ask(Call::get("/")).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage, "{failure}");
}

#[tokio::test]
async fn events_come_one_by_one_and_begin_where_they_were_left() {
    let events = |request: Incoming| async move {
        let since = request.headers().get("last-event-id").map_or("none", |id| id.to_str().unwrap());
        format!("id: 8\nevent: session\ndata: \"{since}\"\n\nid: 9\nevent: resync\ndata: {{}}\n\n")
    };
    let node = Router::new().route("/events", get(events)).route("/", post(|| async {}));
    let (_dir, socket) = stage();
    let listener = UnixListener::bind(&socket).unwrap();
    let client = Client::new(&socket);
    let listen = async {
        let mut events = client.listen(Some("7")).await.unwrap();
        let mut all = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            all.push((event.kind, event.data));
        }
        (all, events.last_id().map(str::to_owned))
    };
    let (all, last) = tokio::select! {
        biased;
        heard = listen => heard,
        ended = async { axum::serve(listener, node).await } => panic!("the node ended: {ended:?}"),
    };
    assert_eq!(all[0], ("session".to_owned(), "\"7\"".to_owned()));
    assert_eq!(all[1].0, "resync");
    assert_eq!(last.as_deref(), Some("9"));
}
