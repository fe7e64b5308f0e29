//! Connections: whose they are, how they end, and that one bad request ends nothing else.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::fixtures::SESSION;
use super::{Node, soon, spawner};
use crate::http::auth::Door;
use crate::http::serve::{OneUser, serve};
use crate::http::{App, ServeError, guarded, router, serve_tcp};

#[tokio::test]
async fn a_panic_fails_one_request_only() {
    async fn broken() -> &'static str {
        panic!("as the test wants it")
    }
    let mut node = Node::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::new(node.context.clone(), Door::tcp(address), node.shutdown.clone());
    let service = guarded(Router::new().route("/broken", get(broken)), app);
    let served = serve(listener, service, spawner(), node.shutdown.clone());
    spawner().spawn("broken", node.tasks.track_future(served));
    node.http = address;
    for _ in 0..2 {
        let reply = node.call("GET", "/broken").send().await;
        assert_eq!(reply.problem(), (500, "internal".to_owned()));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    node.end().await;
}

#[tokio::test]
async fn another_users_process_gets_nothing() {
    let node = Node::start().await;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let uid = rustix::process::geteuid().as_raw() + 1;
    let app = App::new(node.context.clone(), Door::Socket, node.shutdown.clone());
    let served = serve(OneUser { listener, uid }, router(app), spawner(), node.shutdown.clone());
    spawner().spawn("other user", node.tasks.track_future(served));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let _maybe_closed = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut got = Vec::new();
    let _maybe_reset = soon(stream.read_to_end(&mut got)).await;
    assert_eq!(got, b"");
    node.end().await;
}

#[tokio::test]
async fn only_loopback_is_served() {
    let node = Node::start().await;
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let served = serve_tcp(listener, node.context.clone(), node.shutdown.clone());
    assert!(matches!(soon(served).await, Err(ServeError::NotLoopback(_))));
    node.end().await;
}

#[tokio::test]
async fn shutdown_is_answered_and_handed_on() {
    let node = Node::start().await;
    assert!(!node.stop.is_cancelled());
    let reply = node.local("POST", "/shutdown").send().await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({ "status": "stopping" })));
    assert!(node.stop.is_cancelled());
    // The interface itself stays until the shell ends it, so that others get their answers.
    assert_eq!(node.call("GET", "/status").send().await.status, 200);
    node.end().await;
}

#[tokio::test]
async fn a_long_poll_ends_with_its_client_or_with_the_node() {
    let node = Node::start().await;
    let gone = node.model.somebody_gone();
    let mut stream = UnixStream::connect(&node.socket).await.unwrap();
    stream.write_all(b"GET /sync?wait=true HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while node.model.take_asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    soon(gone).await.expect("the question is withdrawn");

    let waiting = async {
        let reply = node.call("GET", "/sync?wait=true").send().await;
        reply.problem()
    };
    let ending = async {
        while node.model.take_asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        node.shutdown.cancel();
    };
    let (problem, ()) = tokio::join!(waiting, ending);
    assert_eq!(problem, (503, "shutting_down".to_owned()));
    node.end().await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_node() {
    let node = Node::start().await;
    let mut fresh = TcpStream::connect(node.http).await.unwrap();
    let mut used = TcpStream::connect(node.http).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", node.http);
    used.write_all(request.as_bytes()).await.unwrap();
    assert!(soon(used.read(&mut [0; 4_096])).await.unwrap() > 0);
    let ended = tokio::time::timeout(Duration::from_secs(2), node.end()).await;
    ended.expect("nobody waits for an idle client");
    for stream in [&mut fresh, &mut used] {
        let _maybe_reset = soon(stream.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut() {
    let node = Node::start().await;
    let mut half = TcpStream::connect(node.http).await.unwrap();
    half.write_all(b"POST /im/quick-sessions HTT").await.unwrap();
    node.call("GET", "/healthz").send().await;
    node.end().await;
    let _maybe_reset = soon(half.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let node = Node::start().await;
    let mut stream = UnixStream::connect(&node.socket).await.unwrap();
    let request = format!("GET /im/quick-sessions/{SESSION} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
    let mut text = String::new();
    while text.matches("HTTP/1.1 200 OK").count() < 3 {
        let mut bytes = [0; 4_096];
        let got = soon(stream.read(&mut bytes)).await.unwrap();
        assert!(got > 0, "closed after {text}");
        text += std::str::from_utf8(&bytes[..got]).unwrap();
    }
    node.end().await;
}
