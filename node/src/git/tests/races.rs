//! Others at work on the repository: writers, locks, pushes, and a kill at any moment.

use super::*;

#[test]
fn the_branch_moves_only_from_where_it_was() {
    let home = Home::new();
    let mut export = home.open();
    let ids: Vec<Oid> = ["1", "2", "3"]
        .iter()
        .map(|content| {
            export.apply(&plan(&[("a", content)], &[])).expect("applies").commit.parse().expect("an id")
        })
        .collect();
    let repository = export.repository().expect("opens");
    assert!(!advance(&repository, Some(ids[1]), ids[0]).expect("answers"), "it is at 3");
    assert!(!advance(&repository, None, ids[0]).expect("answers"), "it exists");
    assert!(advance(&repository, Some(ids[2]), ids[0]).expect("answers"));
    home.git(&["pack-refs", "--all"]);
    assert!(!advance(&repository, Some(ids[1]), ids[2]).expect("answers"), "packed refs count");
    home.git(&["update-ref", "-d", BRANCH]);
    assert!(!advance(&repository, Some(ids[0]), ids[1]).expect("answers"), "it is gone");
}

#[test]
fn a_locked_branch_is_busy_and_nothing_moves() {
    let home = Home::new();
    let mut export = home.open();
    let before = export.apply(&plan(&[("a", "1")], &[])).expect("applies");
    let lock = home.path().join("refs/heads/main.lock");
    fs::write(&lock, "").expect("writes");
    assert!(matches!(export.apply(&plan(&[("a", "2")], &[])), Err(GitError::Busy)));
    assert_eq!(export.head().expect("reads"), Some(before));
    fs::remove_file(&lock).expect("removes");
    export.apply(&plan(&[("a", "2")], &[])).expect("applies");
    home.fsck();
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
    assert_eq!(export.read("ours").expect("reads"), Some(applied.to_string().into_bytes()));
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
        &home.command().arg("clone").arg("--quiet").arg(home.path()).arg(&clone).output().expect("git runs"),
    );
    let in_clone =
        |arguments: &[&str]| home.command().arg("-C").arg(&clone).args(arguments).output().expect("git runs");
    text(&in_clone(&["commit", "--quiet", "--allow-empty", "-m", "mine"]));
    assert!(!in_clone(&["push", "--quiet"]).status.success());
    assert!(!in_clone(&["push", "--quiet", "origin", "HEAD:refs/heads/other"]).status.success());
    let exported = export.apply(&plan(&[("a", "2")], &[])).expect("applies");
    text(&in_clone(&["fetch", "--quiet"]));
    assert_eq!(text(&in_clone(&["rev-parse", "origin/main"])).trim_end(), exported.commit);
}

/// People use the repository as any other, while it is written. A gc that finds a pack merged away under its hands
/// gives up; clones and fetches do not.
#[test]
fn gc_clone_and_fetch_at_the_same_time_do_no_harm() {
    let home = Home::new();
    let mut export = home.open();
    export.apply(&message(1, 1)).expect("applies");
    let script = "set -e; i=0; while [ $i -lt 6 ]; do i=$((i+1)); git gc --quiet 2>/dev/null || true; \
                  git clone --quiet --bare \"file://$PWD\" \"$PWD.clone-$i\"; \
                  git --git-dir \"$PWD.clone-$i\" fetch --quiet \"file://$PWD\" refs/heads/main; \
                  git --git-dir \"$PWD.clone-$i\" fsck --full --strict --no-dangling; done";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .current_dir(home.path())
        .envs(home.command().get_envs().filter_map(|(k, v)| Some((k, v?))));
    let mut other = Other(shell.spawn().expect("sh runs"));
    let mut count = 1;
    let status = loop {
        count += 1;
        match export.apply(&message(1, 1 + count % 60)) {
            Ok(_) | Err(GitError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
        if let Some(status) = other.0.try_wait().expect("answers") {
            break status;
        }
        assert!(count < 100_000, "the others take too long");
    };
    assert!(status.success(), "a clone or a fetch failed");
    drop(export);
    home.open().apply(&message(2, 1)).expect("goes on");
    let sound =
        home.command().args(["fsck", "--full", "--strict", "--no-dangling"]).output().expect("git runs");
    text(&sound);
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
            .args(["--ignored", "--exact", "git::tests::races::writes_until_it_is_killed"])
            .env(KILLED, home.path());
        let mut victim = Other(command.stdout(std::process::Stdio::null()).spawn().expect("runs"));
        let (mut seen, mut moves) = (head(), 0);
        while moves < 2 + 5 * round {
            assert!(victim.0.try_wait().expect("answers").is_none(), "the victim ended by itself");
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
