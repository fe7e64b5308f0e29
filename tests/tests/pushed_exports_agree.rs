//! Exports that are pushed: each node has a branch of its own on the remote, and branches of nodes that hold the same
//! records have the same tree. A remote that is not there is told of in `status`, hinders nothing, and is pushed to when
//! it appears.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use starling_tests::{Node, PATIENCE, pair, wait_for};
use tempfile::TempDir;

/// A folder for remotes.
struct Remotes {
    folder: TempDir,
}

impl Remotes {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        git(self.folder.path(), &["init", "--quiet", "--bare", path.to_str().unwrap()]);
        path
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Sets `export.remote` and starts the node again.
fn set_remote(node: &mut Node, remote: &Path) {
    node.stop();
    let mut config = File::options().append(true).open(node.home().join("config.toml")).unwrap();
    writeln!(config, "\n[export]\nremote = {:?}", remote.to_str().unwrap()).unwrap();
    node.up();
}

fn branch_of(node: &Node) -> String {
    format!("starling/{}", &node.device()[..16])
}

fn push_of(node: &Node) -> Value {
    node.status()["export"]["push"].clone()
}

/// Waits until the export shows everything and all of it is pushed; returns the tree.
fn pushed(node: &Node) -> String {
    let exported = node.cli(&["export"]).json();
    wait_for("the push", PATIENCE, || {
        let push = push_of(node);
        (push["commit"] == exported["commit"] && push["error"].is_null()).then_some(())
    });
    exported["tree"].as_str().unwrap().to_owned()
}

#[test]
fn two_nodes_push_to_one_remote_and_their_trees_agree() {
    let mut pair = pair();
    let remotes = Remotes::new();
    let remote = remotes.make("shared.git");
    let id = pair.a.open("coder", "before any push");
    pair.a.settled(&id);
    set_remote(&mut pair.a, &remote);
    set_remote(&mut pair.b, &remote);
    pair.in_step();
    for round in 0..3 {
        pair.a.send(&id, &format!("from a {round}"));
        pair.b.send(&id, &format!("from b {round}"));
    }
    pair.a.settled(&id);
    pair.b.settled(&id);
    pair.in_step();
    let tree = pair.same_tree();
    assert_eq!((pushed(&pair.a), pushed(&pair.b)), (tree.clone(), tree.clone()));

    let (a, b) = (branch_of(&pair.a), branch_of(&pair.b));
    let trees = git(&remote, &["rev-parse", &format!("{a}^{{tree}}"), &format!("{b}^{{tree}}")]);
    assert_eq!(trees, format!("{tree}\n{tree}"));
    let mut branches = [format!("refs/heads/{a}"), format!("refs/heads/{b}")];
    branches.sort();
    assert_eq!(git(&remote, &["for-each-ref", "--format=%(refname)"]), branches.join("\n"));
    git(&remote, &["fsck", "--full", "--strict"]);

    let clone = remotes.path("clone");
    git(remotes.folder.path(), &["clone", "--quiet", "--branch", &a, remote.to_str().unwrap(), "clone"]);
    let thread = fs::read_to_string(clone.join(format!("quick-sessions/{id}/discussion.thread"))).unwrap();
    assert!(thread.contains("before any push") && thread.contains("from b 2"), "{thread}");
    assert!(clone.join("starling.yaml").is_file() && clone.join("users/alice.meta.yaml").is_file());
    let shown = pair.a.plain(&["status"]).ok().stdout;
    assert!(shown.contains(&a) && shown.contains("pushed commit"), "{shown}");
}

#[test]
fn a_push_by_command_says_what_went_where() {
    let node = Node::founded_by("alice");
    let remotes = Remotes::new();
    let remote = remotes.make("once.git");
    let path = remote.to_str().unwrap();
    let done = node.cli(&["export", "--push", path]).json();
    assert_eq!(
        (&done["pushed"]["branch"], &done["pushed"]["remote"]),
        (&branch_of(&node).into(), &path.into())
    );
    assert_eq!(git(&remote, &["rev-parse", &branch_of(&node)]), done["commit"].as_str().unwrap());
    let said = node.plain(&["export", "--push", path]).ok().stdout;
    assert!(said.contains(&format!("pushed to {} of {path}", branch_of(&node))), "{said}");
    node.cli(&["export", "--push", remotes.path("none.git").to_str().unwrap()]).fails(1, "push_failed");
    for bad in ["--push=-x", "--push=--receive-pack=x", "--push=", "--push=a\nb"] {
        node.cli(&["export", bad]).fails(2, "invalid_field");
    }
    assert!(push_of(&node).is_null(), "nothing is pushed by itself while no remote is set");
}

#[test]
fn a_remote_that_is_not_there_hinders_nothing_until_it_appears() {
    let mut node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    let remotes = Remotes::new();
    set_remote(&mut node, &remotes.path("later.git"));
    let push = wait_for("an error in the status", PATIENCE, || {
        let push = push_of(&node);
        push["error"].is_string().then_some(push)
    });
    assert!(push["error"].as_str().unwrap().contains("later.git"), "{push}");
    assert!(push["commit"].is_null() && (push["next_try"].is_string()), "{push}");
    let id = node.open("coder", "asked while there is no remote");
    node.settled(&id);
    let exported = node.cli(&["export"]).json();
    assert!(exported["commit"].is_string() && exported["error"].is_null());

    let remote = remotes.make("later.git");
    let tree = pushed(&node);
    assert_eq!(git(&remote, &["rev-parse", &format!("{}^{{tree}}", branch_of(&node))]), tree);
    let push = push_of(&node);
    assert!(push["at"].is_string() && push["next_try"].is_null(), "{push}");
}
