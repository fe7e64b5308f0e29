//! INV-10: the export can be thrown away. A node that finds none, or one of an earlier version that has no signed records,
//! makes it again from its records: the same tree, file by file.

use std::fs;
use std::process::Command;

use starling_tests::{Node, status_of};

#[test]
fn an_export_that_was_thrown_away_comes_back_as_it_was() {
    let mut node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    let first = node.open("coder", "asked and answered");
    node.settled(&first);
    node.send(&first, "and once more");
    node.settled(&first);
    let second = node.open("coder", "to be archived");
    node.settled(&second);
    let _archived = node.cli(&["session", "archive", &second]).ok();
    assert_eq!(status_of(&node.show(&second)), "archived");
    let _exported = node.cli(&["export"]).ok();
    let before = node.tree();
    let files = node.git(&["ls-tree", "-r", "--name-only", "HEAD"]).ok().stdout;
    assert!(files.lines().count() > 4, "{files}");

    node.stop();
    fs::remove_dir_all(node.home().join("export.git")).unwrap();
    node.up();
    let _exported = node.cli(&["export"]).ok();
    assert_eq!(node.git(&["ls-tree", "-r", "--name-only", "HEAD"]).ok().stdout, files);
    assert_eq!(node.tree(), before, "INV-10: the export is not what the records come to");
    let _sound = node.git(&["fsck", "--strict"]).ok();
}

/// A disk that lied about its syncs, or a copy of an older store that somebody put back.
#[test]
fn an_export_that_is_ahead_of_its_store_shows_what_the_records_come_to() {
    let mut node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    let first = node.open("coder", "asked and answered");
    node.settled(&first);
    let _exported = node.cli(&["export"]).ok();
    let before = node.tree();
    node.stop();
    let (store, copy) = (node.home().join("store.redb"), node.home().join("copy"));
    fs::copy(&store, &copy).unwrap();

    node.up();
    node.send(&first, "and once more");
    node.settled(&first);
    let second = node.open("coder", "nobody else heard of it");
    node.settled(&second);
    let _exported = node.cli(&["export"]).ok();
    assert_ne!(node.tree(), before);
    node.stop();
    fs::rename(copy, store).unwrap();

    node.up();
    let _exported = node.cli(&["export"]).ok();
    assert_eq!(node.tree(), before, "INV-10: the export shows what no record stands behind");
    let _sound = node.git(&["fsck", "--strict"]).ok();
}

#[test]
fn an_export_without_signed_records_is_completed() {
    let mut node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    for first in ["asked and answered", "asked once more"] {
        let id = node.open("coder", first);
        node.settled(&id);
    }
    let _exported = node.cli(&["export"]).ok();
    let before = node.tree();
    node.stop();

    // As an earlier version left it: on top of what is there, so that the history goes on.
    let older = node.git(&["ls-tree", "HEAD"]).ok().stdout;
    let older: Vec<&str> = older.lines().filter(|line| !line.ends_with("\t.starling")).collect();
    let listing = node.file("older", &(older.join("\n") + "\n"));
    let tree = Command::new("git")
        .args(["-C", node.home().join("export.git").to_str().unwrap(), "mktree"])
        .stdin(fs::File::open(listing).unwrap())
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let commit = ["-c", "user.name=other", "-c", "user.email=other@example.invalid", "commit-tree"];
    let commit = node.git(&[&commit[..], &["-p", "HEAD", "-m", "older", tree.trim()]].concat()).ok().stdout;
    let _moved = node.git(&["update-ref", "refs/heads/main", commit.trim()]).ok();
    assert_ne!(node.tree(), before);

    node.up();
    let _exported = node.cli(&["export"]).ok();
    assert_eq!(node.tree(), before, "the records are not there, or not all");
    let _ancestor = node.git(&["merge-base", "--is-ancestor", commit.trim(), "HEAD"]).ok();
    let restored = Node::new();
    let report = restored.cli(&["restore", node.home().join("export.git").to_str().unwrap()]).json();
    assert_eq!(report["sessions"], 2, "{report}");
}
