//! What a plan becomes: content, trees, authors, and what is refused.

use super::*;

#[test]
fn the_first_commit_can_be_cloned_and_read() {
    let home = Home::new();
    let mut export = home.open();
    assert_eq!(export.head().expect("reads"), None);
    assert_eq!(export.read("starling.yaml").expect("reads"), None);
    assert!(export.list("").expect("lists").is_empty());
    let files = [
        ("starling.yaml", "format: 1\n"),
        ("users/bob.meta.yaml", "b"),
        (".starling/records/k/0", "\0\u{1}"),
    ];
    let exported = export.apply(&plan(&files, &[])).expect("applies");
    assert_eq!(export.head().expect("reads"), Some(exported.clone()));
    assert_eq!(
        home.git(&["rev-parse", "HEAD", "HEAD^{tree}"]),
        format!("{}\n{}\n", exported.commit, exported.tree)
    );
    assert_eq!(home.git(&["symbolic-ref", "HEAD"]), "refs/heads/main\n");
    home.fsck();

    let clone = home.directory.path().join("clone");
    text(
        &home.command().arg("clone").arg("--quiet").arg(home.path()).arg(&clone).output().expect("git runs"),
    );
    for (path, content) in files {
        assert_eq!(fs::read_to_string(clone.join(path)).expect("cloned"), content);
        assert_eq!(export.read(path).expect("reads").as_deref(), Some(content.as_bytes()));
    }
    assert_eq!(export.list("").expect("lists"), [".starling/", "starling.yaml", "users/"]);
    assert_eq!(export.list("users").expect("lists"), ["bob.meta.yaml"]);
    assert_eq!(export.read("users").expect("reads"), None);
    assert_eq!(export.read("users/bob.meta.yaml/x").expect("reads"), None);
}

#[test]
fn the_commit_says_who_when_and_what() {
    let home = Home::new();
    let mut plan = plan(&[("a", "1")], &[]);
    plan.author = "alice".to_owned();
    plan.subject = "session: set title qs-1 by @builder, 中文".to_owned();
    plan.time_ms = 1_783_728_009_999;
    home.open().apply(&plan).expect("applies");
    let log = home.git(&["log", "--format=%an|%ae|%cn|%ce|%aI|%cI|%B"]);
    let who = "alice|alice@starling.invalid|alice|alice@starling.invalid";
    let time = "2026-07-11T00:00:09Z|2026-07-11T00:00:09Z";
    assert_eq!(log.replace("+00:00", "Z").trim_end(), format!("{who}|{time}|{}", plan.subject));
    plan.writes.insert("a".to_owned(), b"2".to_vec());
    plan.time_ms = u64::MAX;
    home.open().apply(&plan).expect("applies");
    home.fsck();
}

#[test]
fn the_tree_depends_on_the_content_alone() {
    let steps: Vec<Plan> = vec![
        plan(&[("users/a.meta.yaml", "a"), ("quick-sessions/qs-1/session.meta.yaml", "1")], &[]),
        plan(
            &[("quick-sessions/qs-2/session.meta.yaml", "2"), ("quick-sessions/qs-2/discussion.thread", "2")],
            &[],
        ),
        plan(&[(".starling/records/k/0", "r"), ("starling.yaml", "w")], &["quick-sessions/qs-9"]),
        plan(&[("users/a-b.meta.yaml", "ab"), ("users/a", "file before directory order")], &[]),
    ];
    let mut together = plan(&[], &[]);
    let (forth, back, once) = (Home::new(), Home::new(), Home::new());
    let (mut forth_export, mut back_export) = (forth.open(), back.open());
    for step in &steps {
        together.writes.extend(step.writes.clone());
        forth_export.apply(step).expect("applies");
    }
    back_export.apply(&plan(&[("gone/x/y", "z"), ("users/a/b", "a directory first")], &[])).expect("applies");
    for step in steps.iter().rev() {
        back_export.apply(step).expect("applies");
    }
    let back_tree = back_export.apply(&plan(&[], &["gone/x"])).expect("applies").tree;
    let once_tree = once.open().apply(&together).expect("applies").tree;
    assert_eq!(once_tree, back_tree);
    assert_eq!(once_tree, forth_export.head().expect("reads").expect("there").tree);
    [forth, back, once].iter().for_each(Home::fsck);
}

#[test]
fn the_same_tree_makes_no_commit() {
    let home = Home::new();
    let mut export = home.open();
    let first = export.apply(&plan(&[("a/b", "1")], &[])).expect("applies");
    let packs = home.packs();
    for same in
        [plan(&[("a/b", "1")], &[]), plan(&[], &["absent", "a/absent", "absent/deep"]), plan(&[], &[])]
    {
        assert_eq!(export.apply(&same).expect("applies"), first);
    }
    assert_eq!(home.packs(), packs);
    assert_eq!(home.git(&["rev-list", "--count", "HEAD"]), "1\n");
    let second = export.apply(&plan(&[], &["a"])).expect("applies");
    assert_eq!(second.tree, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "git's empty tree");
    assert_eq!(export.apply(&plan(&[("a/b", "1")], &[])).expect("applies").tree, first.tree);
    home.fsck();
}

#[test]
fn removes_come_before_writes() {
    let home = Home::new();
    let mut export = home.open();
    let base = [("s/1/meta", "1"), ("s/1/thread", "1"), ("s/2/meta", "2"), ("t", "t")];
    let mut listing = |writes: &[(&str, &str)], removes: &[&str]| {
        export.apply(&plan(&base, &["s", "t", "archive", "new"])).expect("applies");
        export.apply(&plan(writes, removes)).expect("applies");
        home.git(&["ls-tree", "-r", "--name-only", "HEAD"]).replace('\n', " ")
    };
    assert_eq!(listing(&[], &["s/1/meta"]), "s/1/thread s/2/meta t ");
    assert_eq!(listing(&[], &["s/1"]), "s/2/meta t ");
    assert_eq!(listing(&[], &["s/1", "s/2/meta"]), "t ");
    assert_eq!(listing(&[], &["s", "s/1/meta"]), "t ");
    assert_eq!(listing(&[("archive/1/meta", "1")], &["s/1"]), "archive/1/meta s/2/meta t ");
    assert_eq!(listing(&[("s/1/new", "n")], &["s/1"]), "s/1/new s/2/meta t ");
    assert_eq!(listing(&[("s/1/new", "n")], &["s"]), "s/1/new t ");
    assert_eq!(listing(&[("s/1", "n")], &[]), "s/1 s/2/meta t ");
    assert_eq!(listing(&[("s/1", "n")], &["s/1/meta"]), "s/1 s/2/meta t ");
    assert_eq!(listing(&[("t/1/2", "n")], &[]), "s/1/meta s/1/thread s/2/meta t/1/2 ");
    assert_eq!(listing(&[("t/1", "n")], &["t/1/2", "t"]), "s/1/meta s/1/thread s/2/meta t/1 ");
    home.fsck();
}

#[test]
fn a_bad_path_is_refused_before_anything_is_written() {
    let home = Home::new();
    let mut export = home.open();
    let long = "x".repeat(256);
    let deep = ["d"; 17].join("/");
    let bad = [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        ".git",
        ".GIT/config",
        ".gitattributes",
        "a/.gitmodules",
        ".gitignore",
        ".claude/settings.json",
        ".mcp.json",
        "CLAUDE.md",
        "users/claude.MD",
        "AGENTS.md",
        ".vscode/x",
        ".starling2",
        ".Starling",
        "a b",
        "a\\b",
        "a:b",
        "a\nb",
        "a\0b",
        "é",
        "git~1",
        "-\u{200c}git",
        "x.",
        &long,
        &deep,
    ];
    for path in bad {
        for plan in [plan(&[("good", "1"), (path, "1")], &[]), plan(&[("good", "1")], &[path])] {
            assert!(matches!(export.apply(&plan), Err(GitError::BadPath { .. })), "{path:?}");
        }
        assert!(matches!(export.read(path), Err(GitError::BadPath { .. })), "{path:?}");
    }
    for both in [[("a", "1"), ("a/b", "1")], [("a/b", "1"), ("a/b/c/d", "1")]] {
        assert!(matches!(export.apply(&plan(&both, &[])), Err(GitError::BadPath { .. })), "{both:?}");
    }
    assert_eq!((export.head().expect("reads"), home.packs()), (None, 0));
    let good = ["a", "-a", "a..b", "_", ".starling/x", "a.git", "CLAUDE.md.x", &long[1..], &deep[2..]];
    good.iter().for_each(|path| drop(export.apply(&plan(&[(path, "1")], &[])).expect(path)));
    home.fsck();
}

#[test]
fn a_bad_subject_or_author_is_refused() {
    let home = Home::new();
    let mut export = home.open();
    for subject in ["", "  ", "two\nlines", "nul\0", "\u{1b}[2J", &"x".repeat(SUBJECT_BYTES_MAX + 1)] {
        let plan = Plan { subject: subject.to_owned(), ..plan(&[("a", "1")], &[]) };
        assert!(matches!(export.apply(&plan), Err(GitError::BadPlan(_))), "{subject:?}");
    }
    for author in ["", "Alice", "a b", "a<b>", "a\nb", &"a".repeat(AUTHOR_BYTES_MAX + 1)] {
        let plan = Plan { author: author.to_owned(), ..plan(&[("a", "1")], &[]) };
        assert!(matches!(export.apply(&plan), Err(GitError::BadPlan(_))), "{author:?}");
    }
    assert_eq!((export.head().expect("reads"), home.packs()), (None, 0));
}

#[test]
fn what_changed_since_a_commit_is_told_by_paths() {
    let home = Home::new();
    let mut export = home.open();
    assert_eq!(export.changed_since(None).expect("reads"), Changes::default());
    let base = [("s/1/meta", "1"), ("s/1/thread", "1"), ("s/2/meta", "2")];
    let first = export.apply(&plan(&base, &[])).expect("applies").commit;
    let known =
        |paths: &[&str]| Changes { paths: paths.iter().map(ToString::to_string).collect(), is_known: true };
    assert_eq!(export.changed_since(Some(&first)).expect("reads"), known(&[]));
    let edit = plan(&[("s/1/meta", "changed"), ("s/3/meta", "new")], &["s/2"]);
    let second = export.apply(&edit).expect("applies").commit;
    assert_eq!(
        export.changed_since(Some(&first)).expect("reads"),
        known(&["s/1/meta", "s/2/meta", "s/3/meta"])
    );
    assert_eq!(export.changed_since(Some(&second)).expect("reads"), known(&[]));
    let all = Changes { is_known: false, ..known(&["s/1/meta", "s/1/thread", "s/3/meta"]) };
    for nowhere in [None, Some("no commit"), Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904")] {
        assert_eq!(export.changed_since(nowhere).expect("reads"), all);
    }
    export.apply(&plan(&base, &["s/3"])).expect("applies");
    assert_eq!(export.changed_since(Some(&first)).expect("reads"), known(&[]), "trees count, not commits");
}
