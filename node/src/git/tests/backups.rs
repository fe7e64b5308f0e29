//! Clones that are damaged, or made to harm: one bad name or object hides no other, and nothing is read without a bound.

use super::*;

fn made() -> Home {
    let home = Home::new();
    drop(home.open());
    home
}

/// A repository whose `main` has a tree with these lines of `git ls-tree -z`.
fn repository(home: &Home, entries: &[u8]) -> Backup {
    let tree = pipe(home, &["mktree", "-z", "--missing"], entries);
    let commit = home.git(&["commit-tree", "-m", "a clone", &tree]);
    home.git(&["update-ref", BRANCH, commit.trim()]);
    let (backup, unreadable) = Backup::open(&home.path()).expect("opens");
    assert!(unreadable.is_empty(), "{unreadable:?}");
    backup
}

fn pipe(home: &Home, arguments: &[&str], input: &[u8]) -> String {
    use std::io::Write;
    use std::process::Stdio;
    let mut git = home.command();
    git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut git = git.spawn().expect("git runs");
    git.stdin.take().expect("a pipe").write_all(input).expect("git reads");
    text(&git.wait_with_output().expect("git ends")).trim().to_owned()
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn a_name_that_is_no_text_hides_no_other() {
    let home = made();
    let blob = pipe(&home, &["hash-object", "-w", "--stdin"], b"content");
    let entries =
        [b"100644 blob ", blob.as_bytes(), b"\tgood\x00100644 blob ", blob.as_bytes(), b"\tb\xff\xfed\0"];
    let backup = repository(&home, &entries.concat());
    let listed = backup.list_tree(&backup.branches()[0].tree).expect("lists");
    assert_eq!(names(&listed), ["b\u{fffd}\u{fffd}d", "good"]);
    assert_eq!(backup.read(&listed[1].id, 7).expect("reads"), b"content");
}

#[test]
fn what_is_neither_file_nor_directory_is_an_error_of_its_own() {
    let home = made();
    let blob = pipe(&home, &["hash-object", "-w", "--stdin"], b"/etc/passwd");
    let none = "0123456789012345678901234567890123456789";
    let entries = format!(
        "040000 tree {none}\tgone\x00100644 blob {none}\tlost\x00120000 blob {blob}\tlink\x00160000 commit {none}\tmodule\0"
    );
    let backup = repository(&home, entries.as_bytes());
    let root = backup.branches()[0].tree.clone();
    let listed = backup.list_tree(&root).expect("lists");
    assert_eq!(names(&listed), ["gone", "link", "lost", "module"]);
    let content: Vec<_> = listed.iter().map(|entry| backup.read(&entry.id, 100).ok()).collect();
    assert_eq!(
        content,
        [None, Some(b"/etc/passwd".to_vec()), None, None],
        "a link's text, and never its target"
    );
    assert!(backup.list(&root, "gone").is_err() && backup.list(&root, "gone/deeper").is_err());
    for absent in ["link", "lost", "module", "nothing", "link/deeper"] {
        assert_eq!(backup.list(&root, absent).expect("is no directory"), [], "{absent}");
    }
    assert!(backup.read(&root, 10_000).is_err(), "a directory is no file");
    assert!(backup.list_tree(&listed[1].id).is_err(), "a file is no directory");
}

#[test]
fn one_large_file_with_many_names_is_read_as_often_as_there_is_room() {
    let home = made();
    let blob = pipe(&home, &["hash-object", "-w", "--stdin"], &[0; 1_000_000]);
    let backup = repository(&home, format!("100644 blob {blob}\tzeros\0").as_bytes());
    let read = backup.read_all(std::iter::repeat_n(blob.as_str(), 1_000), 2_500_000);
    assert_eq!(read.iter().filter(|read| read.is_ok()).count(), 2);
    assert!(backup.read(&blob, 999_999).is_err());
    assert!(backup.read(&blob, 1_000_000).is_ok());
}
