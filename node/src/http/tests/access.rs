//! Who gets in: nobody without token, cookie or socket, and no web page of another site, whatever it holds.

use serde_json::json;

use super::fixtures::{ATTEMPT, SECRET, SESSION};
use super::{Node, TOKEN};

#[tokio::test]
async fn tcp_needs_the_token() {
    let node = Node::start().await;
    assert_eq!(node.call("GET", "/status").send().await.status, 200);
    for call in [
        node.bare("GET", "/status"),
        node.bare("GET", "/status").bearer("wrong"),
        node.bare("GET", "/status").bearer(&TOKEN[1..]),
        node.bare("GET", "/status").header("authorization", TOKEN),
        node.bare("GET", "/status").header("authorization", "Bearer "),
        node.call("GET", "/status").also("authorization", "Bearer wrong"),
        node.bare("GET", "/status").header("cookie", &format!("token={TOKEN}")),
        node.bare("GET", "/events"),
        node.bare("GET", "/openapi.json"),
        node.bare("POST", "/shutdown").json(&json!({})),
        node.bare("POST", "/im/quick-sessions").text("application/json", "{"),
        node.bare("POST", "/login-link"),
    ] {
        let reply = call.send().await;
        assert_eq!(reply.problem(), (401, "unauthorized".to_owned()));
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert!(!node.stop.is_cancelled());
    assert_eq!(node.model.take_asked().len(), 1, "nobody else reached the loop");
    assert_eq!(node.bare("GET", "/healthz").send().await.json(), json!({ "status": "ok" }));
    node.end().await;
}

#[tokio::test]
async fn a_rebound_name_and_a_foreign_page_stay_outside() {
    let node = Node::start().await;
    let port = node.http.port();
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1", ""] {
        for path in ["/status", "/healthz", "/nothing"] {
            let reply = node.call("GET", path).header("host", host).send().await;
            assert_eq!(reply.problem(), (403, "bad_host".to_owned()), "{host}");
        }
    }
    let twice = node.call("GET", "/status").also("host", "evil.example");
    assert_eq!(twice.send().await.problem().1, "bad_host");
    let none = node.call("GET", "/status").without("host");
    assert_eq!(none.send().await.problem().1, "bad_host");
    let target = node.call("GET", "http://evil.example/status");
    assert_eq!(target.send().await.problem().1, "bad_host");
    for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        let call = node.call("GET", "/status").header("host", &format!("{host}:{port}"));
        assert_eq!(call.send().await.status, 200, "{host}");
    }
    for origin in ["http://evil.example", "null", "https://127.0.0.1", &format!("https://127.0.0.1:{port}")] {
        let reply = node.call("GET", "/status").header("origin", origin).send().await;
        assert_eq!(reply.problem(), (403, "bad_origin".to_owned()), "{origin}");
    }
    let own = node.call("GET", "/status").header("origin", &format!("http://localhost:{port}"));
    assert_eq!(own.send().await.status, 200);
    node.end().await;
}

#[tokio::test]
async fn no_answer_invites_other_sites() {
    let node = Node::start().await;
    let preflight = node
        .bare("OPTIONS", "/im/quick-sessions")
        .header("origin", "http://evil.example")
        .header("access-control-request-method", "POST");
    for reply in [
        preflight.send().await,
        node.call("GET", "/status").send().await,
        node.bare("GET", "/status").send().await,
        node.call("GET", "/nothing").send().await,
        node.bare("OPTIONS", "/status").send().await,
    ] {
        let cors = |name: &str| name.starts_with("access-control");
        assert!(!reply.headers.keys().any(|name| cors(name.as_str())));
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    node.end().await;
}

#[tokio::test]
async fn a_login_link_works_once_and_its_cookie_is_no_free_pass() {
    let node = Node::start().await;
    let link = node.local("POST", "/login-link").send().await.json();
    let origin = format!("http://{}", node.http);
    let path = link["url"].as_str().unwrap().strip_prefix(&origin).unwrap().to_owned();
    let looked = node.bare("HEAD", &path).send().await;
    assert_eq!(looked.status, 405);
    assert_eq!(looked.header("allow"), "GET");
    assert_eq!(looked.header("content-type"), "application/problem+json");
    assert_eq!(looked.header("set-cookie"), "");
    let page = node.bare("GET", &path).send().await;
    assert_eq!(page.status, 200, "looking did not use the code up");
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src"));
    let cookie = page.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN));
    assert_eq!(node.bare("GET", &path).send().await.problem().0, 401);
    assert_eq!(node.bare("GET", "/login?code=").send().await.problem().0, 401);
    assert_eq!(node.bare("GET", "/login").send().await.problem().1, "invalid_field");

    let cookie = cookie.split(';').next().unwrap();
    let cookies = format!("other=1; {cookie}");
    let with = |method: &str, path: &str| node.bare(method, path).header("cookie", &cookies);
    assert_eq!(with("GET", "/status").send().await.status, 200);
    let changed = node.bare("GET", "/status").header("cookie", &format!("{cookie}0"));
    assert_eq!(changed.send().await.problem().0, 401);
    // The cookie alone does not outweigh a wrong token.
    assert_eq!(with("GET", "/status").bearer("wrong").send().await.problem().0, 401);
    let foreign = with("GET", "/status").header("origin", "http://evil.example");
    assert_eq!(foreign.send().await.problem().1, "bad_origin");
    // What a form of another site could send.
    let archive = format!("/im/quick-sessions/{SESSION}/archive");
    assert_eq!(with("POST", &archive).send().await.problem(), (415, "not_json".to_owned()));
    let form = with("POST", &archive).text("text/plain", "{}");
    assert_eq!(form.send().await.problem(), (415, "not_json".to_owned()));
    assert_eq!(with("POST", &archive).json(&json!({})).send().await.status, 200);
    node.end().await;
}

#[tokio::test]
async fn login_codes_are_few() {
    let node = Node::start().await;
    let mut paths = Vec::new();
    for _ in 0..9 {
        let link = node.call("POST", "/login-link").send().await.json();
        paths.push(link["url"].as_str().unwrap().split(&node.http.to_string()).nth(1).unwrap().to_owned());
    }
    assert_eq!(node.bare("GET", &paths[0]).send().await.status, 401, "the ninth made the first go");
    assert_eq!(node.bare("GET", &paths[1]).send().await.status, 200);
    node.end().await;
}

#[tokio::test]
async fn the_socket_needs_no_token_but_our_user() {
    let node = Node::start().await;
    assert_eq!(node.local("GET", "/status").send().await.status, 200);
    let foreign = node.local("GET", "/status").header("origin", "http://evil.example");
    assert_eq!(foreign.send().await.status, 200, "no browser reaches a Unix socket");
    node.end().await;
}

#[tokio::test]
async fn a_turn_is_known_by_its_secret_alone() {
    let node = Node::start().await;
    let path = format!("/turns/{ATTEMPT}/reply");
    let body = json!({ "body": "done" });
    for call in [node.bare("POST", &path), node.local("POST", &path)] {
        assert_eq!(call.bearer(SECRET).json(&body).send().await.status, 200);
    }
    for call in [
        node.bare("POST", &path),
        node.local("POST", &path),
        node.call("POST", &path),
        node.local("POST", &path).bearer("wrong"),
    ] {
        assert_eq!(call.json(&body).send().await.problem(), (401, "unauthorized".to_owned()));
    }
    let foreign = node.bare("POST", &path).bearer(SECRET).header("origin", "http://evil.example");
    assert_eq!(foreign.json(&body).send().await.problem().1, "bad_origin");
    assert_eq!(node.bare("GET", "/status").bearer(SECRET).send().await.status, 401);
    node.end().await;
}
