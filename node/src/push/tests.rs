//! Pushes by the real git program, between repositories in a temporary folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::git::{Export, Plan};

struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn commit(&self, content: &str) -> String {
        let writes = [("a".to_owned(), content.as_bytes().to_vec())].into();
        let (subject, author) = ("roster".to_owned(), "alice".to_owned());
        let plan = Plan { writes, subject, author, ..Plan::default() };
        Export::open(&self.path("export.git")).unwrap().apply(&plan).unwrap().commit
    }

    fn order(&self, remote: &str, commit: String) -> Order {
        Order {
            export: self.path("export.git"),
            from: Some(self.folder.path().to_owned()),
            remote: Remote::new(remote).unwrap(),
            branch: branch(&DeviceKey::from_bytes([0xab; 32])),
            commit,
        }
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(directory).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn pushed(order: &Order) -> Result<(), PushError> {
    push(order, TIME_MAX, &CancellationToken::new()).await
}

#[tokio::test]
async fn a_commit_comes_to_the_branch_of_its_device() {
    let stage = Stage::new();
    let first = stage.commit("1");
    git(stage.folder.path(), &["init", "--quiet", "--bare", "remote.git"]);
    let remote = stage.path("remote.git");
    pushed(&stage.order("remote.git", first.clone())).await.unwrap();
    let tip = || git(&remote, &["rev-parse", "refs/heads/starling/abababababababab"]);
    assert_eq!(tip(), first);
    assert_eq!(git(&remote, &["for-each-ref", "--format=%(refname)"]).lines().count(), 1);
    // Made anew, the export has another history: the branch is this device's own, and follows.
    fs::remove_dir_all(stage.path("export.git")).unwrap();
    let other = stage.commit("2");
    pushed(&stage.order(remote.to_str().unwrap(), other.clone())).await.unwrap();
    assert_eq!(tip(), other);
}

#[tokio::test]
async fn gits_own_words_say_why_and_tell_no_password() {
    let stage = Stage::new();
    let commit = stage.commit("1");
    let error = pushed(&stage.order("nowhere.git", commit.clone())).await.unwrap_err().to_string();
    assert!(error.contains("nowhere.git") && !error.contains('\n'), "{error}");
    let closed = stage.order("https://me:secret@127.0.0.1:1/x", commit);
    let error = pushed(&closed).await.unwrap_err().to_string();
    assert!(!error.is_empty() && !error.contains("secret"), "{error}");
}

/// A remote helper that never answers stands for a network that does not.
#[tokio::test]
async fn one_that_hangs_is_ended_with_all_that_it_started() {
    let stage = Stage::new();
    let order = stage.order("ext::sleep 3071", stage.commit("1"));
    git(&order.export, &["config", "protocol.ext.allow", "always"]);
    let none_left = || {
        let found = Command::new("pgrep").args(["-f", "^sleep 3071$"]).output().unwrap();
        assert!(found.stdout.is_empty(), "a helper was left behind");
    };
    let late = push(&order, Duration::from_millis(300), &CancellationToken::new()).await;
    assert!(matches!(late, Err(PushError::TimedOut(_))), "{late:?}");
    none_left();
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(matches!(push(&order, TIME_MAX, &stop).await, Err(PushError::Stopped)));
    none_left();
}

#[test]
fn long_and_strange_words_become_one_line() {
    let remote = Remote::new("x").unwrap();
    assert_eq!(told(b"error: a\r\nhint: do b\n\n\x1b[2Jfatal: c\n", &remote), "error: a; [2Jfatal: c");
    assert_eq!(told(&[b'y'; 2 * ERROR_CHARS_MAX], &remote).len(), ERROR_CHARS_MAX);
}
