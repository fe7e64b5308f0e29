//! Nodes that know each other: how most tests begin.

use serde_json::Value;

use crate::node::Node;
use crate::run::Outcome;
use crate::wait::{PATIENCE, wait_for};

/// Two devices of one member: `a` founded the workspace, `b` joined it and hosts the agent `coder`.
#[derive(Debug)]
pub struct Pair {
    /// The founder's device.
    pub a: Node,
    /// The other one.
    pub b: Node,
}

/// Two devices of @alice that are up and connected; `b` hosts `@coder`, the demo agent.
#[must_use]
pub fn pair() -> Pair {
    pair_with(None)
}

/// The same, with a script for the agent.
#[must_use]
pub fn pair_with(script: Option<&str>) -> Pair {
    let pair = pairless();
    let mut add = vec!["agent", "add", "coder", "--demo"];
    let file = script.map(|script| pair.b.file("script", script));
    if let Some(file) = &file {
        add.extend(["--script", file]);
    }
    let _added = pair.b.cli(&add).ok();
    wait_for("a knows the agent", PATIENCE, || {
        let agents = pair.a.api().get("/im/agents").body;
        agents["agents"].as_array()?.iter().any(|agent| agent["handle"] == "coder").then_some(())
    });
    pair
}

/// Two devices of @alice that are up and connected, without any agent.
#[must_use]
pub fn pairless() -> Pair {
    let a = Node::founded_by("alice");
    let mut b = Node::new();
    let _joined = join(&a, &b, "alice").ok();
    b.up();
    wait_for("the two meet", PATIENCE, || connected(&b).then_some(()));
    Pair { a, b }
}

impl Pair {
    /// Waits until both exports are the same, and returns the tree.
    ///
    /// # Panics
    /// When they stay different.
    #[must_use]
    pub fn same_tree(&self) -> String {
        wait_for("equal trees", PATIENCE, || {
            let (a, b) = (self.a.tree(), self.b.tree());
            (a == b).then_some(a)
        })
    }

    /// Waits until the two are connected and each has what the other has.
    pub fn in_step(&self) {
        for node in [&self.a, &self.b] {
            let _waited = node.cli(&["sync", "wait", "--timeout", "40s"]).ok();
        }
    }
}

/// Invites `handle` on one node and redeems the ticket in the home of another.
#[must_use]
pub fn join(inviter: &Node, joiner: &Node, handle: &str) -> Outcome {
    let invite = inviter.cli(&["invite", "create", "--as", handle]).json();
    joiner.cli(&["join", invite["ticket"].as_str().expect("a ticket")])
}

fn connected(node: &Node) -> bool {
    let peers = node.api().get("/peers").body;
    peers["peers"].as_array().is_some_and(|peers| peers.iter().any(|peer| peer["connected"] == true))
}

/// A session's lines as `(number, author, body)`.
#[must_use]
pub fn entries(session: &Value) -> Vec<(u64, String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let number = entry["line_number"].as_u64().unwrap_or_default();
        (number, text(entry, "author"), text(entry, "body"))
    };
    session["entries"].as_array().map(|entries| entries.iter().map(line).collect()).unwrap_or_default()
}

/// A session's status.
#[must_use]
pub fn status_of(session: &Value) -> &str {
    session["meta"]["status"].as_str().unwrap_or_default()
}
