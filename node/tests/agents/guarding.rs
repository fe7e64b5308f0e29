//! No agent outlives its node: not a polite one, not a deaf one, not one that hides in a session of its own.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::harness::{exe, processes_with, until, within};

/// A number of seconds to sleep that no other process on this machine sleeps.
fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("1000.{}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn guarded(script: &str) -> Child {
    let mut command = Command::new(exe());
    command.args(["agent-guard", "--", "sh", "-c", script]).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Three processes below the guard: a child, a grandchild and one in a session of its own.
fn family(mark: &str) -> String {
    format!("sleep {mark} & (sleep {mark} &) ; setsid sleep {mark} & echo ready; cat; sleep {mark}")
}

async fn ready(child: &mut Child) {
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    within(stdout.read_line(&mut line)).await.unwrap();
    assert_eq!(line, "ready\n");
}

#[tokio::test]
async fn stdio_and_the_exit_code_pass_through() {
    let mut child = guarded("read line; echo got $line; exit 7");
    child.stdin.as_mut().unwrap().write_all(b"hello\n").await.unwrap();
    let mut out = String::new();
    within(child.stdout.as_mut().unwrap().read_to_string(&mut out)).await.unwrap();
    assert_eq!(out, "got hello\n");
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(7));
}

#[tokio::test]
async fn a_command_can_be_given_its_whole_input_and_still_ends_with_the_nodes_stdin() {
    let mut command = Command::new(exe());
    command.args(["agent-guard", "--input-bytes", "5", "--", "sh", "-c", "cat; echo; exec sleep 600"]);
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"hello and not this").await.unwrap();
    let mut line = String::new();
    within(BufReader::new(child.stdout.take().unwrap()).read_line(&mut line)).await.unwrap();
    assert_eq!(line, "hello\n");
    drop(child.stdin.take());
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(143));
}

#[tokio::test]
async fn an_input_that_breaks_off_starts_nothing() {
    let mut command = Command::new(exe());
    command.args(["agent-guard", "--input-bytes", "5", "--", "sh", "-c", "echo started"]);
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"hell").await.unwrap();
    let ended = within(child.wait_with_output()).await.unwrap();
    assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(127), b"".as_slice()));
}

#[tokio::test]
async fn what_an_agent_leaves_behind_ends_with_it() {
    let mark = mark();
    let mut child = guarded(&format!("setsid sleep {mark} & sleep {mark} & sleep 0.2; exit 0"));
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(0));
    assert!(processes_with(&mark).is_empty(), "{:?}", processes_with(&mark));
}

#[tokio::test]
async fn a_closed_stdin_ends_a_deaf_agent_in_three_seconds() {
    let mark = mark();
    let mut child = guarded(&format!("trap '' TERM; echo ready; while :; do sleep {mark}; done"));
    ready(&mut child).await;
    let begun = tokio::time::Instant::now();
    drop(child.stdin.take());
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(137));
    assert!(begun.elapsed() >= Duration::from_millis(2_900), "{:?}", begun.elapsed());
    assert!(processes_with(&mark).is_empty());
}

#[tokio::test]
async fn a_polite_agent_has_time_to_leave() {
    let mut child = guarded("trap 'exit 5' TERM; echo ready; cat; while :; do sleep 0.05; done");
    ready(&mut child).await;
    drop(child.stdin.take());
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(5));
}

#[tokio::test]
async fn sigterm_to_the_guard_ends_the_family() {
    let mark = mark();
    let mut child = guarded(&family(&mark));
    ready(&mut child).await;
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    within(child.wait()).await.unwrap();
    assert!(processes_with(&mark).is_empty(), "{:?}", processes_with(&mark));
}

#[tokio::test]
async fn kill_minus_nine_of_the_node_leaves_no_process() {
    let (mark, dir) = (mark(), tempfile::tempdir().unwrap());
    // A stand-in for the node: it alone holds the write end of the agent's stdin. The family is deaf to SIGTERM, so
    // only the kill for a dead node ends it within the time below.
    let family = format!("trap \"\" TERM; {}", family(&mark));
    let guard = format!("'{}' agent-guard -- sh -c '{family}'", exe().display());
    let node = format!("mkfifo in; {guard} < in & exec 3> in; wait");
    let mut command = Command::new("sh");
    command.args(["-c", &node]).current_dir(dir.path()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    ready(&mut child).await;
    until("the family is complete", || processes_with(&format!("sleep {mark}")).len() >= 3).await;
    let begun = tokio::time::Instant::now();
    child.start_kill().unwrap();
    within(child.wait()).await.unwrap();
    until("the family is gone", || processes_with(&mark).is_empty()).await;
    assert!(begun.elapsed() < Duration::from_millis(2_500), "not at once: {:?}", begun.elapsed());
}

/// What an agent starts counts, too.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_agent_with_too_much_memory_ends_with_all_that_it_started() {
    let mark = mark();
    let script = format!("(head -c 150000000 /dev/zero; sleep {mark}) | tail -c 150000000");
    let mut command = Command::new(exe());
    command.args(["agent-guard", "--memory-mb", "50", "--", "sh", "-c", &script]);
    command.process_group(0).kill_on_drop(true).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    within(child.stderr.take().unwrap().read_to_string(&mut said)).await.unwrap();
    assert!(said.contains("50 MB are allowed"), "{said}");
    assert_eq!(within(child.wait()).await.unwrap().code(), Some(125));
    until("the family is gone", || processes_with(&mark).is_empty()).await;
}
