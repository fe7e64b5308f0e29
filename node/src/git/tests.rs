//! Everything against real repositories, looked at with the git program.

use std::fs;
use std::process::{Child, Command, Output};

use tempfile::TempDir;

use super::*;

const TIME_MS: u64 = 1_783_728_000_000;

struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("export.git")
    }

    fn open(&self) -> Export {
        Export::open(&self.path()).expect("opens")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "other")
                .env(format!("GIT_{who}_EMAIL"), "other@example.invalid");
        }
        command.arg("-C").arg(self.path());
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        text(&self.command().args(arguments).output().expect("git runs"))
    }

    /// Sound down to the last object, none of them loose, nothing left over.
    fn fsck(&self) {
        let output = self
            .command()
            .args(["fsck", "--full", "--strict", "--no-dangling"])
            .output()
            .expect("git runs");
        text(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let counts = self.git(&["count-objects", "-v"]);
        assert!(
            counts.starts_with("count: 0\n") && counts.contains("garbage: 0\n"),
            "{counts}"
        );
    }

    fn packs(&self) -> usize {
        fs::read_dir(self.path().join("objects/pack")).map_or(0, |files| {
            files
                .filter(|file| {
                    file.as_ref()
                        .is_ok_and(|file| file.path().extension() == Some("pack".as_ref()))
                })
                .count()
        })
    }
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn plan(writes: &[(&str, &str)], removes: &[&str]) -> Plan {
    Plan {
        writes: writes
            .iter()
            .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
            .collect(),
        removes: removes.iter().map(ToString::to_string).collect(),
        subject: "sync: 1 changes in 1 sessions".to_owned(),
        author: "starling".to_owned(),
        time_ms: TIME_MS,
    }
}

/// Roughly what one message of a long session changes.
fn message(session: usize, count: usize) -> Plan {
    let line = |line: usize| {
        let noise = blake3::hash(format!("{session} {line}").as_bytes()).to_hex();
        format!("[L{line:06}][P000000][@alice][20260711T000000Z] {noise}{noise}{noise}\n")
    };
    let thread: String = (1..=count).map(line).collect();
    let meta = format!("id: 'qs-{session}'\nrevision: {count}\n");
    let directory = format!("quick-sessions/qs-{session:026}");
    let segment = format!(".starling/records/key{session}/{}", count / 256);
    plan(
        &[
            (&format!("{directory}/discussion.thread"), &thread),
            (&format!("{directory}/session.meta.yaml"), &meta),
            (
                &segment,
                &thread[thread.len() - (count % 256) * 240.min(thread.len() / count.max(1))..],
            ),
        ],
        &[],
    )
}

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
        &home
            .command()
            .arg("clone")
            .arg("--quiet")
            .arg(home.path())
            .arg(&clone)
            .output()
            .expect("git runs"),
    );
    for (path, content) in files {
        assert_eq!(fs::read_to_string(clone.join(path)).expect("cloned"), content);
        assert_eq!(
            export.read(path).expect("reads").as_deref(),
            Some(content.as_bytes())
        );
    }
    assert_eq!(
        export.list("").expect("lists"),
        [".starling/", "starling.yaml", "users/"]
    );
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
    assert_eq!(
        log.replace("+00:00", "Z").trim_end(),
        format!("{who}|{time}|{}", plan.subject)
    );
    plan.writes.insert("a".to_owned(), b"2".to_vec());
    plan.time_ms = u64::MAX;
    home.open().apply(&plan).expect("applies");
    home.fsck();
}

#[test]
fn the_tree_depends_on_the_content_alone() {
    let steps: Vec<Plan> = vec![
        plan(
            &[
                ("users/a.meta.yaml", "a"),
                ("quick-sessions/qs-1/session.meta.yaml", "1"),
            ],
            &[],
        ),
        plan(
            &[
                ("quick-sessions/qs-2/session.meta.yaml", "2"),
                ("quick-sessions/qs-2/discussion.thread", "2"),
            ],
            &[],
        ),
        plan(
            &[(".starling/records/k/0", "r"), ("starling.yaml", "w")],
            &["quick-sessions/qs-9"],
        ),
        plan(
            &[
                ("users/a-b.meta.yaml", "ab"),
                ("users/a", "file before directory order"),
            ],
            &[],
        ),
    ];
    let mut together = plan(&[], &[]);
    let (forth, back, once) = (Home::new(), Home::new(), Home::new());
    let (mut forth_export, mut back_export) = (forth.open(), back.open());
    for step in &steps {
        together.writes.extend(step.writes.clone());
        forth_export.apply(step).expect("applies");
    }
    back_export
        .apply(&plan(
            &[("gone/x/y", "z"), ("users/a/b", "a directory first")],
            &[],
        ))
        .expect("applies");
    for step in steps.iter().rev() {
        back_export.apply(step).expect("applies");
    }
    let back_tree = back_export.apply(&plan(&[], &["gone/x"])).expect("applies").tree;
    let once_tree = once.open().apply(&together).expect("applies").tree;
    assert_eq!(once_tree, back_tree);
    assert_eq!(
        once_tree,
        forth_export.head().expect("reads").expect("there").tree
    );
    [forth, back, once].iter().for_each(Home::fsck);
}

#[test]
fn the_same_tree_makes_no_commit() {
    let home = Home::new();
    let mut export = home.open();
    let first = export.apply(&plan(&[("a/b", "1")], &[])).expect("applies");
    let packs = home.packs();
    for same in [
        plan(&[("a/b", "1")], &[]),
        plan(&[], &["absent", "a/absent", "absent/deep"]),
        plan(&[], &[]),
    ] {
        assert_eq!(export.apply(&same).expect("applies"), first);
    }
    assert_eq!(home.packs(), packs);
    assert_eq!(home.git(&["rev-list", "--count", "HEAD"]), "1\n");
    let second = export.apply(&plan(&[], &["a"])).expect("applies");
    assert_eq!(
        second.tree, "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "git's empty tree"
    );
    assert_eq!(
        export.apply(&plan(&[("a/b", "1")], &[])).expect("applies").tree,
        first.tree
    );
    home.fsck();
}

#[test]
fn removes_come_before_writes() {
    let home = Home::new();
    let mut export = home.open();
    let base = [
        ("s/1/meta", "1"),
        ("s/1/thread", "1"),
        ("s/2/meta", "2"),
        ("t", "t"),
    ];
    let mut listing = |writes: &[(&str, &str)], removes: &[&str]| {
        export
            .apply(&plan(&base, &["s", "t", "archive", "new"]))
            .expect("applies");
        export.apply(&plan(writes, removes)).expect("applies");
        home.git(&["ls-tree", "-r", "--name-only", "HEAD"])
            .replace('\n', " ")
    };
    assert_eq!(listing(&[], &["s/1/meta"]), "s/1/thread s/2/meta t ");
    assert_eq!(listing(&[], &["s/1"]), "s/2/meta t ");
    assert_eq!(listing(&[], &["s/1", "s/2/meta"]), "t ");
    assert_eq!(listing(&[], &["s", "s/1/meta"]), "t ");
    assert_eq!(
        listing(&[("archive/1/meta", "1")], &["s/1"]),
        "archive/1/meta s/2/meta t "
    );
    assert_eq!(listing(&[("s/1/new", "n")], &["s/1"]), "s/1/new s/2/meta t ");
    assert_eq!(listing(&[("s/1/new", "n")], &["s"]), "s/1/new t ");
    assert_eq!(listing(&[("s/1", "n")], &[]), "s/1 s/2/meta t ");
    assert_eq!(listing(&[("s/1", "n")], &["s/1/meta"]), "s/1 s/2/meta t ");
    assert_eq!(
        listing(&[("t/1/2", "n")], &[]),
        "s/1/meta s/1/thread s/2/meta t/1/2 "
    );
    assert_eq!(
        listing(&[("t/1", "n")], &["t/1/2", "t"]),
        "s/1/meta s/1/thread s/2/meta t/1 "
    );
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
        for plan in [
            plan(&[("good", "1"), (path, "1")], &[]),
            plan(&[("good", "1")], &[path]),
        ] {
            assert!(
                matches!(export.apply(&plan), Err(GitError::BadPath { .. })),
                "{path:?}"
            );
        }
        assert!(
            matches!(export.read(path), Err(GitError::BadPath { .. })),
            "{path:?}"
        );
    }
    for both in [[("a", "1"), ("a/b", "1")], [("a/b", "1"), ("a/b/c/d", "1")]] {
        assert!(
            matches!(export.apply(&plan(&both, &[])), Err(GitError::BadPath { .. })),
            "{both:?}"
        );
    }
    assert_eq!((export.head().expect("reads"), home.packs()), (None, 0));
    let good = [
        "a",
        "-a",
        "a..b",
        "_",
        ".starling/x",
        "a.git",
        "CLAUDE.md.x",
        &long[1..],
        &deep[2..],
    ];
    good.iter()
        .for_each(|path| drop(export.apply(&plan(&[(path, "1")], &[])).expect(path)));
    home.fsck();
}

#[test]
fn a_bad_subject_or_author_is_refused() {
    let home = Home::new();
    let mut export = home.open();
    for subject in [
        "",
        "  ",
        "two\nlines",
        "nul\0",
        "\u{1b}[2J",
        &"x".repeat(SUBJECT_BYTES_MAX + 1),
    ] {
        let plan = Plan {
            subject: subject.to_owned(),
            ..plan(&[("a", "1")], &[])
        };
        assert!(
            matches!(export.apply(&plan), Err(GitError::BadPlan(_))),
            "{subject:?}"
        );
    }
    for author in [
        "",
        "Alice",
        "a b",
        "a<b>",
        "a\nb",
        &"a".repeat(AUTHOR_BYTES_MAX + 1),
    ] {
        let plan = Plan {
            author: author.to_owned(),
            ..plan(&[("a", "1")], &[])
        };
        assert!(
            matches!(export.apply(&plan), Err(GitError::BadPlan(_))),
            "{author:?}"
        );
    }
    assert_eq!((export.head().expect("reads"), home.packs()), (None, 0));
}

#[test]
fn one_process_at_a_time_has_it_open() {
    let home = Home::new();
    let first = home.open();
    assert!(matches!(Export::open(&home.path()), Err(GitError::InUse { .. })));
    drop(first);
    home.open();
}

/// A killed process leaves ref locks, half packs and unpaired pack files behind. The next start must not need a hand.
#[test]
fn what_a_killed_process_left_does_not_block_the_next() {
    let home = Home::new();
    let before = home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    let pack = home.path().join("objects/pack");
    let half = format!("pack-{}", "ab".repeat(20));
    for name in [
        "HEAD.lock",
        "config.lock",
        "packed-refs.lock",
        "refs/heads/main.lock",
    ] {
        fs::write(home.path().join(name), "half").expect("writes");
    }
    let unpaired = [format!("{half}.idx"), format!("pack-{}.pack", "cd".repeat(20))];
    let unfinished = [
        "pack_git2_0123456789abcdef".to_owned(),
        format!("{half}.idx.lock"),
        "tmp_idx_x".to_owned(),
    ];
    for name in unpaired.iter().chain(&unfinished) {
        fs::write(pack.join(name), "half").expect("writes");
    }
    let mut export = home.open();
    assert_eq!(export.head().expect("reads"), Some(before));
    export.apply(&plan(&[("b", "2")], &[])).expect("applies");
    home.fsck();
    assert_eq!(
        fs::read_dir(pack).expect("lists").count(),
        4,
        "two packs and their indexes"
    );
}

#[test]
fn a_creation_that_was_killed_is_done_again() {
    let home = Home::new();
    fs::create_dir_all(home.directory.path().join("export.git.new/refs")).expect("creates");
    fs::create_dir(home.path()).expect("creates");
    home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    home.fsck();
    assert!(!home.directory.path().join("export.git.new").exists());
    let deep = Home::new();
    Export::open(&deep.directory.path().join("not/yet/there/export.git")).expect("creates its parents");
}

#[test]
fn something_else_in_its_place_is_left_alone() {
    let file = Home::new();
    fs::write(file.path(), "mine").expect("writes");
    assert!(matches!(
        Export::open(&file.path()),
        Err(GitError::NotAnExport { .. })
    ));
    let directory = Home::new();
    fs::create_dir_all(directory.path().join("objects/pack")).expect("creates");
    fs::write(directory.path().join("objects/pack/mine"), "mine").expect("writes");
    assert!(matches!(
        Export::open(&directory.path()),
        Err(GitError::NotAnExport { .. })
    ));
    assert!(directory.path().join("objects/pack/mine").exists());
    let work = Home::new();
    Repository::init(work.path()).expect("creates");
    assert!(matches!(
        Export::open(&work.path()),
        Err(GitError::NotAnExport { .. })
    ));
}

#[test]
fn damage_is_reported_when_it_is_opened() {
    let home = Home::new();
    home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    fs::remove_dir_all(home.path().join("objects/pack")).expect("removes");
    assert!(matches!(Export::open(&home.path()), Err(GitError::Damaged(_))));
    fs::write(home.path().join("refs/heads/main"), "not an id\n").expect("writes");
    assert!(matches!(Export::open(&home.path()), Err(GitError::Damaged(_))));
}

#[test]
fn head_is_put_back_on_the_branch() {
    let home = Home::new();
    let exported = home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    home.git(&["symbolic-ref", "HEAD", "refs/heads/other"]);
    home.open();
    assert_eq!(home.git(&["rev-parse", "HEAD"]).trim_end(), exported.commit);
}

#[test]
fn the_branch_moves_only_from_where_it_was() {
    let home = Home::new();
    let mut export = home.open();
    let ids: Vec<Oid> = ["1", "2", "3"]
        .iter()
        .map(|content| {
            export
                .apply(&plan(&[("a", content)], &[]))
                .expect("applies")
                .commit
                .parse()
                .expect("an id")
        })
        .collect();
    let repository = export.repository().expect("opens");
    assert!(
        !advance(&repository, Some(ids[1]), ids[0]).expect("answers"),
        "it is at 3"
    );
    assert!(!advance(&repository, None, ids[0]).expect("answers"), "it exists");
    assert!(advance(&repository, Some(ids[2]), ids[0]).expect("answers"));
    home.git(&["pack-refs", "--all"]);
    assert!(
        !advance(&repository, Some(ids[1]), ids[2]).expect("answers"),
        "packed refs count"
    );
    home.git(&["update-ref", "-d", BRANCH]);
    assert!(
        !advance(&repository, Some(ids[0]), ids[1]).expect("answers"),
        "it is gone"
    );
}

#[test]
fn a_locked_branch_is_busy_and_nothing_moves() {
    let home = Home::new();
    let mut export = home.open();
    let before = export.apply(&plan(&[("a", "1")], &[])).expect("applies");
    let lock = home.path().join("refs/heads/main.lock");
    fs::write(&lock, "").expect("writes");
    assert!(matches!(
        export.apply(&plan(&[("a", "2")], &[])),
        Err(GitError::Busy)
    ));
    assert_eq!(export.head().expect("reads"), Some(before));
    fs::remove_file(&lock).expect("removes");
    export.apply(&plan(&[("a", "2")], &[])).expect("applies");
    home.fsck();
}

/// Ends its process whatever happens to the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_lost_race_is_run_again_on_top_of_the_winner() {
    let home = Home::new();
    let mut export = home.open();
    export.apply(&plan(&[("ours", "0")], &[])).expect("applies");
    let script = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); \
                  c=$(git commit-tree -p refs/heads/main -m other refs/heads/main^{tree}) && \
                  git update-ref refs/heads/main $c $(git rev-parse $c^) 2>/dev/null; done; true";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .current_dir(home.path())
        .envs(home.command().get_envs().filter_map(|(k, v)| Some((k, v?))));
    let mut other = Other(shell.spawn().expect("sh runs"));
    let mut applied = 0;
    while other.0.try_wait().expect("answers").is_none() && applied < 100_000 {
        match export.apply(&plan(&[("ours", &(applied + 1).to_string())], &[])) {
            Ok(_) => applied += 1,
            Err(error) => assert!(matches!(error, GitError::Busy | GitError::LostRaces), "{error}"),
        }
    }
    assert_eq!(
        export.read("ours").expect("reads"),
        Some(applied.to_string().into_bytes())
    );
    let count = |arguments: &[&str]| home.git(arguments).trim_end().parse::<usize>().expect("a number");
    let all = count(&["rev-list", "--count", "HEAD"]);
    let theirs = count(&["rev-list", "--count", "--author=other", "HEAD"]);
    assert!(theirs > 0 && applied > 0, "both wrote: {theirs} {applied}");
    assert_eq!(all, theirs + applied + 1, "no commit of either was lost");
}

#[test]
fn pushes_are_refused_and_fetches_served() {
    let home = Home::new();
    let mut export = home.open();
    export.apply(&plan(&[("a", "1")], &[])).expect("applies");
    let clone = home.directory.path().join("clone");
    text(
        &home
            .command()
            .arg("clone")
            .arg("--quiet")
            .arg(home.path())
            .arg(&clone)
            .output()
            .expect("git runs"),
    );
    let in_clone = |arguments: &[&str]| {
        home.command()
            .arg("-C")
            .arg(&clone)
            .args(arguments)
            .output()
            .expect("git runs")
    };
    text(&in_clone(&["commit", "--quiet", "--allow-empty", "-m", "mine"]));
    assert!(!in_clone(&["push", "--quiet"]).status.success());
    assert!(
        !in_clone(&["push", "--quiet", "origin", "HEAD:refs/heads/other"])
            .status
            .success()
    );
    let exported = export.apply(&plan(&[("a", "2")], &[])).expect("applies");
    text(&in_clone(&["fetch", "--quiet"]));
    assert_eq!(
        text(&in_clone(&["rev-parse", "origin/main"])).trim_end(),
        exported.commit
    );
}

#[test]
fn packs_stay_few_and_lose_nothing() {
    let home = Home::new();
    let mut export = home.open();
    let commits = 3 * packs::PACKS_MAX + 5;
    let mut most = 0;
    for count in 1..=commits {
        export.apply(&message(1, count)).expect("applies");
        most = most.max(home.packs());
    }
    assert!(most <= packs::PACKS_MAX, "{most}");
    home.fsck();
    assert_eq!(
        home.git(&["rev-list", "--count", "HEAD"]).trim_end(),
        commits.to_string()
    );
    assert_eq!(
        home.git(&["rev-list", "--all", "--objects"]).lines().count(),
        in_packs(&home),
        "each object once"
    );
}

fn in_packs(home: &Home) -> usize {
    let counts = home.git(&["count-objects", "-v"]);
    let line = counts.lines().find_map(|line| line.strip_prefix("in-pack: "));
    line.expect("counted").parse().expect("a number")
}

/// A merge interrupted after its first removal leaves a pack without its index, and objects in two packs.
#[test]
fn an_interrupted_merge_is_harmless() {
    let home = Home::new();
    let mut export = home.open();
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(1, count)).expect("applies");
    }
    let kept = home.directory.path().join("kept");
    fs::create_dir(&kept).expect("creates");
    let pack = home.path().join("objects/pack");
    for file in fs::read_dir(&pack).expect("lists") {
        let file = file.expect("reads").path();
        fs::copy(&file, kept.join(file.file_name().expect("named"))).expect("copies");
    }
    let exported = export.apply(&message(1, packs::PACKS_MAX + 1)).expect("applies");
    assert_eq!(home.packs(), 1);
    for (number, file) in fs::read_dir(&kept).expect("lists").enumerate() {
        let file = file.expect("reads").path();
        if number > 0 || file.extension() == Some("pack".as_ref()) {
            fs::copy(&file, pack.join(file.file_name().expect("named"))).expect("copies");
        }
    }
    drop(export);
    let mut export = home.open();
    assert_eq!(export.head().expect("reads"), Some(exported));
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(2, count)).expect("applies");
    }
    home.fsck();
}

/// People do run gc. What it leaves (one pack, a reverse index, a bitmap, an index over packs) is lived with.
#[test]
fn packs_that_git_made_are_lived_with() {
    let home = Home::new();
    let mut export = home.open();
    for count in 1..=5 {
        export.apply(&message(1, count)).expect("applies");
    }
    home.git(&["repack", "-a", "-d", "--quiet", "--write-bitmap-index"]);
    home.git(&["multi-pack-index", "write"]);
    home.git(&["pack-refs", "--all"]);
    for count in 6..=packs::PACKS_MAX + 5 {
        export.apply(&message(1, count)).expect("applies");
    }
    home.git(&["multi-pack-index", "write"]);
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(2, count)).expect("applies");
    }
    home.fsck();
    assert!(home.packs() <= packs::PACKS_MAX);
    assert_eq!(
        home.git(&["rev-list", "--all", "--objects"]).lines().count(),
        in_packs(&home)
    );
}

#[test]
fn readers_are_served_while_packs_are_merged() {
    let home = Home::new();
    let mut export = home.open();
    let mut count = 0;
    for number in 0..3 {
        let clone = home.directory.path().join(format!("clone-{number}"));
        let url = format!("file://{}", home.path().display());
        count += 1;
        export.apply(&message(number, count)).expect("applies");
        let mut command = home.command();
        command.args(["clone", "--quiet", "--bare", &url]).arg(&clone);
        let mut reader = Other(command.spawn().expect("git runs"));
        let end = count + 2_000;
        let status = loop {
            count += 1;
            export.apply(&message(number, 1 + count % 50)).expect("applies");
            if let Some(status) = reader.0.try_wait().expect("answers") {
                break status;
            }
            assert!(count < end, "the clone takes too long");
        };
        assert!(status.success());
        text(
            &home
                .command()
                .arg("-C")
                .arg(&clone)
                .args(["fsck", "--full", "--strict"])
                .output()
                .expect("git runs"),
        );
    }
    home.fsck();
}

#[test]
fn ten_thousand_sessions_fit() {
    let home = Home::new();
    let mut export = home.open();
    let mut first = plan(&[], &[]);
    for session in 0..10_000 {
        first.writes.extend(message(session, 1).writes);
    }
    export.apply(&first).expect("applies");
    for count in 2..10 {
        export.apply(&message(5_000, count)).expect("applies");
    }
    let listed = export.list("quick-sessions").expect("lists");
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted());
    home.fsck();
}

const KILLED: &str = "STARLING_TEST_EXPORT";

/// The victim of the test below: this test binary, started again, writing until it is killed.
#[test]
#[ignore = "runs only as the process that is killed"]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(KILLED) else {
        return;
    };
    let mut export = Export::open(Path::new(&path)).expect("opens after every kill");
    for count in 1..=100_000 {
        export.apply(&message(1, 1 + count % 40)).expect("applies");
    }
}

/// Killed at any point of a commit or a merge, the export opens again, is sound and goes on.
#[test]
fn kill_9_at_any_moment_needs_no_repair() {
    let home = Home::new();
    home.open().apply(&message(2, 1)).expect("applies");
    let head = || fs::read_to_string(home.path().join(BRANCH)).expect("the branch is always whole");
    for round in 0..12 {
        let mut command = Command::new(std::env::current_exe().expect("known"));
        command
            .args(["--ignored", "--exact", "git::tests::writes_until_it_is_killed"])
            .env(KILLED, home.path());
        let mut victim = Other(command.stdout(std::process::Stdio::null()).spawn().expect("runs"));
        let (mut seen, mut moves) = (head(), 0);
        while moves < 2 + 5 * round {
            assert!(
                victim.0.try_wait().expect("answers").is_none(),
                "the victim ended by itself"
            );
            let now = head();
            moves += usize::from(now != seen);
            seen = now;
        }
        // Somewhere in the next commit: a different distance each round, without a clock.
        (0..round * 7).for_each(|_| drop(head()));
        drop(victim);
        let mut export = home.open();
        let found = export.head().expect("reads").expect("there");
        export.apply(&message(3, round + 1)).expect("goes on");
        assert_eq!(home.git(&["rev-parse", "HEAD^"]).trim_end(), found.commit);
        home.fsck();
        assert!(home.packs() <= packs::PACKS_MAX);
    }
}
