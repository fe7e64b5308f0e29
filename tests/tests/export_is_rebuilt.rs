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
