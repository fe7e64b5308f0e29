//! Everything against real repositories, looked at with the git program.

mod backups;
mod commits;
mod homes;
mod packing;
mod races;

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
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("export.git")
    }

    /// A process that another test is just starting has a copy of every lock for a moment.
    fn open(&self) -> Export {
        for _ in 0..1_000_000 {
            match Export::open(&self.path()) {
                Err(GitError::InUse { .. }) => std::thread::yield_now(),
                opened => return opened.expect("opens"),
            }
        }
        panic!("the export stays in use");
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
        let output =
            self.command().args(["fsck", "--full", "--strict", "--no-dangling"]).output().expect("git runs");
        text(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let counts = self.git(&["count-objects", "-v"]);
        assert!(counts.starts_with("count: 0\n") && counts.contains("garbage: 0\n"), "{counts}");
    }

    fn packs(&self) -> usize {
        fs::read_dir(self.path().join("objects/pack")).map_or(0, |files| {
            files
                .filter(|file| {
                    file.as_ref().is_ok_and(|file| file.path().extension() == Some("pack".as_ref()))
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
            (&segment, &thread[thread.len() - (count % 256) * 240.min(thread.len() / count.max(1))..]),
        ],
        &[],
    )
}

/// Ends its process whatever happens to the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
