//! INV-10: the export can be thrown away. A node that finds none makes it again from its records: the same tree, file by
//! file.

use std::fs;

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
