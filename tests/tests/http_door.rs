//! The HTTP interface lets in who holds the token, or reaches the socket as the same user, and nobody's web page.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE};

fn node() -> Node {
    let node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    node
}

#[test]
fn tcp_needs_the_token() {
    let node = node();
    let api = node.api();
    assert_eq!(api.get("/status").status, 200);
    for wrong in [None, Some(""), Some("0000"), Some(&"0".repeat(64))] {
        let stranger = api.with_token(wrong);
        for path in ["/status", "/im/quick-sessions", "/im/agents", "/peers", "/events", "/metrics"] {
            stranger.get(path).refused(401, "unauthorized");
        }
        let open = json!({ "agent_id": "coder", "first_message": "hi" });
        stranger.post("/im/quick-sessions", &open).refused(401, "unauthorized");
    }
    assert_eq!(api.get("/im/quick-sessions").body["sessions"], json!([]), "nothing was opened");
    let mode = |name: &str| {
        let found = std::fs::metadata(node.home().join(name)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("run"), mode("run/token"), mode("run/starling.sock")), (0o700, 0o600, 0o600));
    assert_eq!(mode("node.key"), 0o600);
}

#[test]
fn other_sites_are_kept_out() {
    let node = node();
    let api = node.api();
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:80"] {
        api.with_header("host", host).get("/status").refused(403, "bad_host");
    }
    let own = node.greeting()["http"].as_str().unwrap();
    assert_eq!(api.with_header("origin", own).get("/status").status, 200);
    for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"] {
        let page = api.with_header("origin", origin);
        page.get("/status").refused(403, "bad_origin");
        let open = json!({ "agent_id": "coder", "first_message": "hi" });
        page.post("/im/quick-sessions", &open).refused(403, "bad_origin");
    }
    assert_eq!(api.get("/im/quick-sessions").body["sessions"], json!([]), "nothing was opened");
}

/// `GET path` over the socket: status and body.
fn over_socket(node: &Node, path: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(node.home().join("run/starling.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn the_socket_needs_no_token() {
    let node = node();
    let (status, body) = over_socket(&node, "/status");
    assert_eq!(status, 200);
    assert_eq!(body["device"], node.device().as_str());
    let (status, body) = over_socket(&node, "/nothing");
    assert_eq!((status, body["code"].as_str()), (404, Some("no_such_endpoint")));
}

#[test]
fn a_repeated_create_is_one_session() {
    let node = node();
    let api = node.api();
    let open =
        json!({ "session_id": "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ", "agent_id": "coder", "first_message": "hi" });
    let created = api.post("/im/quick-sessions", &open);
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.body["line_number"], 1);
    assert_eq!(created.body["ref"], "session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ");
    let again = api.post("/im/quick-sessions", &open);
    assert_eq!(again.status, 200, "{again:?}");
    let other =
        json!({ "session_id": "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ", "agent_id": "coder", "first_message": "ho" });
    api.post("/im/quick-sessions", &other).refused(409, "quick_session_id_collision");
    let list = api.get("/im/quick-sessions").body;
    assert_eq!(list["sessions"].as_array().map(Vec::len), Some(1));

    let message = json!({ "body": "more", "request_id": "r-1" });
    let path = "/im/quick-sessions/qs-01JZZZZZZZZZZZZZZZZZZZZZZZ/messages";
    let first = api.post(path, &message);
    assert_eq!(first.status, 201, "{first:?}");
    let second = api.post(path, &message);
    assert!([200, 201].contains(&second.status), "{second:?}");
    assert_eq!(first.body["message_id"], second.body["message_id"]);
}

#[test]
fn events_tell_of_a_new_message() {
    let node = node();
    let id = node.open("coder", "hi");
    node.settled(&id);
    let events = node.api().listen();
    node.send(&id, "something new");
    let seen = events.until("the message", PATIENCE, |event| {
        event.kind == "session" && event.data["last_message_preview"] == "something new"
    });
    assert_eq!(seen.data["id"], id.as_str());
    let number: u64 = seen.id.parse().unwrap();
    events.until("the agent's words", PATIENCE, |event| {
        event.kind == "activity"
            && event.data["session_id"] == id.as_str()
            && event.data["scope"] == "quick_session"
    });
    // Who comes back with the number of the last one it saw misses nothing.
    let back = node.api().with_header("last-event-id", &(number - 1).to_string()).listen();
    let first = back.until("the missed event", Duration::from_secs(5), |_| true);
    assert_eq!((first.id.as_str(), first.data), (seen.id.as_str(), seen.data));
    let lost = node.api().with_header("last-event-id", "1").listen();
    assert_eq!(lost.until("a resync", Duration::from_secs(5), |_| true).kind, "resync");
}

#[test]
fn the_interface_describes_itself() {
    let node = node();
    let api = node.api();
    let described = api.get("/openapi.json");
    assert_eq!((described.status, described.content_type.as_str()), (200, "application/json"));
    assert!(described.body["openapi"].as_str().unwrap().starts_with("3."));
    for path in
        ["/im/quick-sessions", "/im/quick-sessions/{id}/messages", "/events", "/turns/{attempt}/reply"]
    {
        assert!(described.body["paths"][path].is_object(), "{path} is described");
    }
    api.get("/nothing/here").refused(404, "no_such_endpoint");
    api.get("/im/quick-sessions?limit=0").refused(422, "invalid_field");
    api.get("/im/quick-sessions?colour=red").refused(422, "invalid_field");
    let form = api.post("/im/quick-sessions", &json!("text"));
    assert_eq!(form.status, 422, "{form:?}");
    assert_eq!(api.with_token(None).get("/healthz").status, 200);
    let metrics = api.get("/metrics");
    assert_eq!((metrics.status, metrics.content_type.as_str()), (200, "text/plain"));
}

#[test]
fn a_login_link_opens_the_page_once() {
    let node = node();
    let printed = node.cli(&["open", "--print"]).ok();
    let url = serde_json::from_str::<Value>(&printed.stdout).unwrap()["url"].as_str().unwrap().to_owned();
    let base = node.greeting()["http"].as_str().unwrap();
    let path = url.strip_prefix(base).unwrap();
    let anyone = node.api().with_token(None);
    assert_eq!(anyone.get(path).status, 200);
    assert_eq!(anyone.get(path).status, 401, "a second use opens nothing");
}
