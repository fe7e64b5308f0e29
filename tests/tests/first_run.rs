//! The first minute of a new user: `up` says what to do next, and exactly that works.

use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use starling_tests::{Node, PATIENCE, starling};

/// What `up` prints in an empty home, with the demo agent.
fn first_up(node: &mut Node) -> String {
    let lines = node.spawn_up(&["--handle", "alice", "--no-mdns", "--http", "127.0.0.1:0"]);
    let end = Instant::now() + PATIENCE;
    let mut greeting = String::new();
    while !greeting.contains("invite create") {
        let line = lines.recv_timeout(end.saturating_duration_since(Instant::now()));
        greeting += &line.unwrap_or_else(|_| panic!("the greeting ended early:\n{greeting}\n{}", node.log()));
        greeting.push('\n');
    }
    greeting
}

#[test]
fn the_greeting_names_the_next_command_and_it_works() {
    let mut node = Node::new();
    let greeting = first_up(&mut node);
    assert!(greeting.contains("http://127.0.0.1:"), "{greeting}");
    assert!(greeting.contains("/udp/"), "where it listens: {greeting}");
    let named = greeting
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("starling") && line.contains("session new"));
    let named = named.expect("the next command");
    assert!(named.contains("--agent scribe --follow"), "{named}");

    let path = format!("{}:/usr/bin:/bin", starling().parent().unwrap().display());
    let mut shell = Command::new("timeout");
    shell.args(["60", "sh", "-c", named]).env("PATH", path).stdin(Stdio::null());
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.starts_with("session:qs-"), "{text}");
    assert!(text.contains("scribe") && text.contains("You wrote: Hello!"), "the answer is shown: {text}");

    let again = node.cli(&["session", "new", "--agent", "scribe", "--follow", "-m", "Hello"]).ok();
    assert_eq!(again.stdout.lines().count(), 2, "the session and its answer: {again:?}");

    let _down = node.cli(&["down"]).ok();
    assert_eq!(node.ended().code(), Some(0), "{}", node.log());
    node.cli(&["status"]).fails(6, "daemon_not_running");
}

#[test]
fn a_second_node_in_the_same_home_is_told_so() {
    let node = Node::founded_by("alice");
    let second = node.cli(&["up", "--no-mdns"]);
    second.fails(5, "already_running");
    assert_eq!(node.status()["handle"], "alice", "the first one is not harmed");
}
