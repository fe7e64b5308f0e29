//! The description names every endpoint, and every endpoint that it names is there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Node;
use super::fixtures::{ATTEMPT, SECRET, SESSION};

/// The interface's table.
const ENDPOINTS: [&str; 46] = [
    "POST /im/quick-sessions",
    "GET /im/quick-sessions",
    "GET /im/quick-sessions/{id}",
    "POST /im/quick-sessions/{id}/messages",
    "POST /im/quick-sessions/{id}/title",
    "POST /im/quick-sessions/{id}/archive",
    "POST /im/quick-sessions/{id}/unarchive",
    "POST /im/quick-sessions/{id}/stop",
    "POST /im/quick-sessions/{id}/retry",
    "POST /turns/{attempt}/title",
    "POST /turns/{attempt}/reply",
    "POST /turns/{attempt}/summary",
    "GET /im/agents",
    "POST /im/agents",
    "DELETE /im/agents/{handle}",
    "POST /im/agents/{handle}/handover",
    "GET /im/permissions",
    "POST /im/quick-sessions/{id}/permissions/{request}",
    "GET /im/agents/{handle}/logs",
    "GET /im/agents/detected",
    "GET /im/members",
    "POST /im/members/{handle}/remove",
    "POST /im/devices/{device}/revoke",
    "GET /peers",
    "POST /peers",
    "POST /peers/{device}/ping",
    "GET /status",
    "GET /doctor",
    "GET /logs",
    "GET /sync",
    "POST /sync/pause",
    "POST /sync/resume",
    "GET /invites",
    "POST /invites",
    "DELETE /invites/{id}",
    "POST /join",
    "POST /export",
    "POST /shutdown",
    "GET /events",
    "GET /activity",
    "GET /metrics",
    "GET /healthz",
    "GET /openapi.json",
    "GET /resolve",
    "POST /login-link",
    "GET /login",
];

/// `METHOD path` of every operation in the document, and the operation.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

#[tokio::test]
async fn the_document_is_the_table() {
    let node = Node::start().await;
    let document = node.call("GET", "/openapi.json").send().await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let named: BTreeSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
    let table: BTreeSet<String> = ENDPOINTS.iter().map(ToString::to_string).collect();
    assert_eq!(named, table);
    node.end().await;
}

#[tokio::test]
async fn every_endpoint_named_is_served() {
    let node = Node::start().await;
    let document = node.call("GET", "/openapi.json").send().await.json();
    for (name, _) in operations(&document) {
        let (method, path) = name.split_once(' ').unwrap();
        let path = path
            .replace("/invites/{id}", "/invites/inv-1")
            .replace("{id}", SESSION)
            .replace("{attempt}", ATTEMPT)
            .replace("/im/devices/{device}", "/im/devices/d2")
            .replace("{device}", &"d2".repeat(32))
            .replace("{handle}", "scribe");
        let call = node.bare(method, &path);
        let call = call.bearer(if path.starts_with("/turns") { SECRET } else { super::TOKEN });
        let status = super::soon(call.open()).await.status();
        assert!(status != 404 && status != 405, "{name} is {status}");
    }
    node.end().await;
}

#[tokio::test]
async fn every_operation_has_words_bodies_and_refusals() {
    let document = serde_json::to_value(crate::http::openapi::document()).unwrap();
    for (name, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{name} says what it does");
        let refusal = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert_eq!(refusal["schema"]["$ref"], "#/components/schemas/Problem", "{name}");
    }
    let create = &document["paths"]["/im/quick-sessions"]["post"]["requestBody"]["content"];
    assert_eq!(create["application/json"]["schema"]["$ref"], "#/components/schemas/NewSession");
    check_references(&document, &document);
    for scheme in ["token", "cookie", "turn"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
    }
}

/// Every `$ref` leads somewhere.
fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            }
            map.values().for_each(|value| check_references(document, value));
        }
        Value::Array(list) => list.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}
