//! Texts that people paste or look for are read before anything is asked, and their answers have the documented shape.

use serde_json::{Value, json};

use super::Node;
use super::fixtures::{self as f, SESSION};
use crate::machine::request::Request;

#[tokio::test]
async fn a_page_of_what_was_found() {
    let node = Node::start().await;
    let path = "/im/quick-sessions?q=%20Well%20done%20&archived=true&agent_id=scribe&limit=7&cursor=next";
    let reply = node.call("GET", path).send().await.json();
    assert_eq!(reply["sessions"][0]["id"], SESSION);
    assert_eq!(reply["sessions"][0]["match"], json!({ "line_number": 2, "excerpt": "all is well" }));
    let second = reply["sessions"][1].as_object().unwrap();
    assert_eq!(second.get("match"), Some(&Value::Null), "the key is there when a text was looked for");
    let want = Request::Search {
        text: "Well done".to_owned(),
        archived: true,
        agent: Some(f::handle("scribe")),
        limit: 7,
        cursor: Some("next".to_owned()),
    };
    assert_eq!(node.model.take_asked(), [want]);
    let long = format!("/im/quick-sessions?q={}", "%E5%A5%BD".repeat(200));
    assert_eq!(node.call("GET", &long).send().await.status, 200, "characters count, not bytes");
    for bad in ["", "%20", "%00", "a%0Ab", &"x".repeat(201)] {
        let reply = node.call("GET", &format!("/im/quick-sessions?q={bad}")).send().await;
        assert_eq!(reply.problem(), (422, "invalid_field".to_owned()), "{bad}");
    }
    node.end().await;
}

#[tokio::test]
async fn a_ticket_is_read_before_anything_is_asked() {
    let node = Node::start().await;
    for bad in ["", "hello", "starling1", "starling1abcd", &"starling1a".repeat(2_000)] {
        let reply = node.call("POST", "/join").json(&json!({ "ticket": bad })).send().await;
        assert_eq!(reply.problem(), (422, "invalid_ticket".to_owned()), "{bad}");
    }
    assert!(node.model.take_asked().is_empty());
    let ticket = f::ticket();
    let reply = node.call("POST", "/join").json(&json!({ "ticket": format!(" {ticket}\n") })).send().await;
    assert_eq!((reply.status.as_u16(), reply.json()), (202, json!({ "status": "joining" })));
    assert_eq!(node.model.take_asked(), [Request::Join(ticket)]);
    node.end().await;
}
