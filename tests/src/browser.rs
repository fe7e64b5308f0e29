//! The page of a node in a real browser: one file of `tests/browser` is run by node's own test runner, which starts the
//! nodes and Chromium itself. Everything it starts has a temporary folder of ours in its environment, by which it is found
//! and ended, however the run went. `tests/browser/install` fetches what it needs; without that, or without Chromium, a
//! test says loudly that it was skipped, and fails where `CI` is set.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::binary::starling;
use crate::processes::{end_all_of, processes_of};
use crate::programs::skipped;
use crate::run::finish;
use crate::wait::{PATIENCE, wait_for};

/// The tests of one file. They have bounds of their own, and this one is for when those do not hold.
const LIMIT: Duration = Duration::from_secs(240);
/// Names under which systems have it; `STARLING_CHROMIUM` names another one.
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Runs the tests of `tests/browser/FILE.test.mjs`; shows what they said when one failed, and what they measured always.
///
/// # Panics
/// When one fails, when they take too long, and when a process is left running.
pub fn in_a_browser(file: &str) {
    if let Some(missing) = missing() {
        return skipped(&missing);
    }
    let room = Room(tempfile::Builder::new().prefix("browser-").tempdir().expect("a temporary folder"));
    let script = format!("{file}.test.mjs");
    assert!(folder().join(&script).is_file(), "there is no tests/browser/{script}");
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter", "spec", &script])
        .current_dir(folder())
        .env("TMPDIR", room.0.path())
        .env("STARLING_BIN", starling())
        .env("NO_COLOR", "1")
        .env_remove("NODE_OPTIONS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = finish(node.spawn().expect("node starts"), LIMIT);
    assert!(run.code == 0, "{script} failed:\n{}\n{}", run.stdout, run.stderr);
    for line in run.stdout.lines().filter(|line| line.contains("measured: ")) {
        // Not `eprintln!`: that is not shown of a test that passes.
        let _no_stderr = writeln!(std::io::stderr(), "{}", line.trim());
    }
    wait_for("everything to have ended", PATIENCE, || processes_of(room.0.path()).is_empty().then_some(()));
}

/// What is not there, and how to get it.
fn missing() -> Option<String> {
    let installed = folder().join("node_modules/installed").is_file();
    if !installed {
        return Some("the packages of tests/browser are not there: run `tests/browser/install`".to_owned());
    }
    let named = env::var_os("STARLING_CHROMIUM").is_some();
    let path = env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !has("node") {
        return Some("node is not there: install it, at version 20 or later".to_owned());
    }
    let found = named || CHROMIUM.into_iter().any(has);
    (!found).then(|| "Chromium is not there: install it, or name it in STARLING_CHROMIUM".to_owned())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// The folder of one run. With it goes whatever still runs and knows of it.
struct Room(TempDir);

impl Drop for Room {
    fn drop(&mut self) {
        end_all_of(self.0.path());
    }
}
