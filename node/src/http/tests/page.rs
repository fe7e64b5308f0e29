//! The page's files, and how a browser gets to them: public, never stale, and with a policy under which no text becomes
//! code. What the files say is not looked at.

use serde_json::json;

use super::super::assets::Files;
use super::Node;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn the_page_needs_no_login_and_has_its_own_policy() {
    let node = Node::start().await;
    let page = node.bare("GET", "/").header("accept", BROWSER).send().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy").to_owned();
    for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "trusted-types 'none'"] {
        assert!(policy.split("; ").any(|had| had == rule), "{rule} of {policy}");
    }
    assert!(!policy.contains("unsafe"));
    let head = node.bare("HEAD", "/").send().await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    assert_eq!(head.header("etag"), page.header("etag"));
    // Everything else keeps the policy that permits nothing.
    let other = node.call("GET", "/status").send().await;
    assert!(!other.header("content-security-policy").contains("'self'"));
    node.end().await;
}

#[tokio::test]
async fn a_browser_keeps_a_file_until_it_changes() {
    let node = Node::start().await;
    let page = node.bare("GET", "/").send().await;
    assert_eq!(page.header("cache-control"), "no-cache");
    let version = page.header("etag").to_owned();
    assert!(version.starts_with('"') && version.ends_with('"') && version.len() > 16);
    let again = node.bare("GET", "/").header("if-none-match", &version).send().await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    assert_eq!(again.header("etag"), version);
    let old = node.bare("GET", "/").header("if-none-match", "\"0123\"").send().await;
    assert_eq!((old.status.as_u16(), old.bytes), (200, page.bytes));
    node.end().await;
}

#[tokio::test]
async fn files_have_their_types_and_no_path_leads_out() {
    let node = Node::start().await;
    let name = Files::iter().find(|name| name.ends_with(".js")).unwrap();
    let path = format!("/web/{name}");
    let script = node.bare("GET", &path).send().await;
    assert_eq!(script.status, 200);
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(script.header("x-content-type-options"), "nosniff");
    let again = node.bare("GET", &path).header("if-none-match", script.header("etag")).send().await;
    assert_eq!(again.status, 304);
    for path in [
        "/web/",
        "/web",
        "/web/nothing.js",
        "/web/../http.rs",
        "/web/%2e%2e/http.rs",
        "/web/..%2fhttp.rs",
        "/web//etc/passwd",
        "/web/%2fetc%2fpasswd",
        "/web/a.js/",
        "/web/index.html",
        "/web/%ff",
        "/web/a%00.js",
    ] {
        let reply = node.bare("GET", path).send().await;
        assert!(reply.status.is_client_error(), "{path}: {}", reply.status);
    }
    assert_eq!(
        node.bare("GET", "/web/nothing.js").send().await.problem(),
        (404, "no_such_endpoint".to_owned())
    );
    assert_eq!(node.bare("POST", &path).send().await.problem(), (405, "no_such_endpoint".to_owned()));
    node.end().await;
}

#[tokio::test]
async fn a_login_link_brings_the_browser_on_by_itself() {
    let node = Node::start().await;
    let origin = format!("http://{}", node.http);
    let link =
        node.call("POST", "/login-link").json(&json!({ "to": "#/sessions/qs-1:L000001" })).send().await;
    let url = link.json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&origin).unwrap();
    let page = node.bare("GET", path).header("accept", BROWSER).send().await;
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(text.contains("content=\"0; url=/#/sessions/qs-1:L000001\""), "{text}");
    assert!(page.header("set-cookie").contains("Max-Age="), "it lasts longer than the browser runs");

    let used = node.bare("GET", path).header("accept", BROWSER).send().await;
    assert_eq!((used.status.as_u16(), used.header("set-cookie")), (401, ""));
    assert!(used.header("content-type").starts_with("text/html"));
    assert!(String::from_utf8(used.bytes.to_vec()).unwrap().contains("starling open"));
    assert_eq!(node.bare("GET", path).send().await.problem(), (401, "unauthorized".to_owned()));
    node.end().await;
}

#[tokio::test]
async fn a_login_link_leads_nowhere_else() {
    let node = Node::start().await;
    for to in ["https://evil.example", "//evil.example", "/status", "#\"><script>", ""] {
        let refused = node.call("POST", "/login-link").json(&json!({ "to": to })).send().await;
        assert_eq!(refused.problem(), (422, "invalid_field".to_owned()), "{to}");
    }
    let link = node.call("POST", "/login-link").send().await.json();
    let path = link["url"].as_str().unwrap().split(&node.http.to_string()).nth(1).unwrap().to_owned();
    let refused = node.bare("GET", &format!("{path}&to=//evil.example")).send().await;
    assert_eq!(refused.problem(), (422, "invalid_field".to_owned()));
    assert_eq!(node.bare("GET", &path).send().await.status, 200, "the code was not used up");
    node.end().await;
}
