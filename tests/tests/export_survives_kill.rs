//! A node that is killed while it exports leaves a repository that opens, is sound down to the last object, and takes the
//! next export; whatever else people do with it at the same time (`git gc`, `clone`, `fetch`) does no harm.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use starling_tests::{Api, Node, pause};

/// Enough to hit writing, merging and moving the branch.
const KILLS: u64 = 20;
/// Sessions that are written to in turn: each commit has several files.
const SESSIONS: usize = 3;
/// Between two messages.
const PACE: Duration = Duration::from_millis(10);

#[test]
fn twenty_kills_and_a_gc_beside_them_leave_a_sound_export() {
    let mut node = Node::founded_by("alice");
    let _added = node.cli(&["agent", "add", "coder", "--demo"]).ok();
    let sessions: Vec<_> =
        (0..SESSIONS).map(|number| node.open("coder", &format!("session {number}"))).collect();
    let _exported = node.cli(&["export"]).ok();
    let (over, rounds, using) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(()));
    let export = node.home().join("export.git");
    thread::scope(|scope| {
        let (over, rounds, using, export) = (&over, &rounds, &using, &export);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                use_it(export, using);
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for kill in 0..KILLS {
                write(&node.api(), &sessions, kill);
                node.kill9();
                // Between two commands of the others: fsck itself complains of packs that a gc is just exchanging.
                let quiet = using.lock().unwrap();
                let _sound = node.git(&["fsck", "--full", "--strict", "--no-dangling"]).ok();
                drop(quiet);
                node.up();
            }
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = killed {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(rounds.into_inner() > 1, "nobody used the export meanwhile");
    for id in &sessions {
        // The last kill may have interrupted a turn, which is a failure: one more message has all lines answered.
        let _sent = node.cli(&["session", "send", id, "after all kills"]).ok();
        node.settled(id);
    }
    let exported = node.cli(&["export"]).json();
    assert_eq!(node.tree(), exported["tree"].as_str().unwrap());
    for id in &sessions {
        let thread = node.git(&["show", &format!("HEAD:quick-sessions/{id}/discussion.thread")]).ok().stdout;
        let last = format!("kill {} ", KILLS - 1);
        assert!(thread.contains(&last), "{id}: {thread}");
    }
    let _sound = node.git(&["fsck", "--full", "--strict", "--no-dangling"]).ok();
}

/// Messages close together, so that the node exports when it is killed; each round for another time.
fn write(api: &Api, sessions: &[String], kill: u64) {
    let messages = 2 * SESSIONS as u64 + kill * 7 % 17;
    for (number, id) in (0..messages).zip(sessions.iter().cycle()) {
        let (body, request) = (format!("kill {kill} message {number}"), format!("r-{kill}-{number}"));
        let answer = api.post(
            &format!("/im/quick-sessions/{id}/messages"),
            &json!({ "body": body, "request_id": request }),
        );
        assert_eq!(answer.status, 201, "{answer:?}");
        pause(PACE);
    }
    pause(Duration::from_millis(80 + kill * 37 % 120));
}

/// What people do with a repository. A gc or a clone may fail when its node is killed and started; it may not harm.
fn use_it(export: &Path, using: &Mutex<()>) {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone.git");
    let url = format!("file://{}", export.display());
    let run = |directory: &Path, arguments: &[&str]| {
        let _busy = using.lock().unwrap();
        let mut git = Command::new("git");
        git.arg("-C").arg(directory).args(arguments);
        let _may_fail =
            git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    };
    run(folder.path(), &["clone", "--quiet", "--bare", &url, "clone.git"]);
    run(export, &["gc", "--quiet"]);
    run(&clone, &["fetch", "--quiet", &url]);
}
