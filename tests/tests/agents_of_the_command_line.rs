//! A command line agent answers as any other does: it is started for each prompt, gets the prompt on standard input and the
//! way back in its environment, and its output is understood. Stand-ins print what the real programs print.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use starling_tests::{Node, PATIENCE, Run, entries, pairless, processes_of, starling, status_of, wait_for};

/// An executable shell script; returns its path.
fn program(node: &Node, name: &str, script: &str) -> String {
    let path = node.file(name, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What Claude Code prints in a turn in which it sets a title and replies, by the turn's own commands.
fn answering() -> String {
    let starling = starling().display();
    format!(
        r#"prompt=$(cat)
case "$prompt" in *'| Is it green?'*) ;; *) echo "no prompt" >&2;; esac
case "$*" in *"$STARLING_TURN_SECRET"*) echo "a secret in the arguments" >&2;; esac
echo '{{"type":"system","subtype":"init","session_id":"s-1"}}'
'{starling}' session title qs-01JZZZZZZZZZZZZZZZZZZZZZZZ "The build" > /dev/null
echo '{{"type":"stream_event","event":{{"delta":{{"type":"text_delta","text":"On it."}}}},"parent_tool_use_id":null}}'
'{starling}' session reply qs-01JZZZZZZZZZZZZZZZZZZZZZZZ "It is green." > /dev/null
echo '{{"type":"result","subtype":"success","is_error":false,"session_id":"s-1"}}'
echo "all said" >&2"#
    )
}

#[test]
fn a_command_line_agent_sets_a_title_and_replies() {
    let pair = pairless();
    let claude = program(&pair.b, "claude", &answering());
    let _added = pair.b.cli(&["agent", "add", "coder", "--exec", "claude", &claude, "--model", "x"]).ok();
    wait_for("a knows the agent", PATIENCE, || {
        (pair.a.api().get("/im/agents").body["agents"].as_array()?.len() == 1).then_some(())
    });
    let events = pair.b.api().listen();
    let id = pair.a.open("coder", "Is it green?");
    events.until("what it says on the way", PATIENCE, |event| {
        event.kind == "activity" && event.data["text"] == "On it."
    });
    let session = pair.a.settled(&id);
    assert_eq!(session["meta"]["title"], "The build");
    assert_eq!(entries(&session)[1].2, "It is green.");

    let log = wait_for("its last words", PATIENCE, || {
        let log = pair.b.cli(&["agent", "logs", "coder"]).json();
        (log["stderr"] == "all said\n").then_some(log)
    });
    assert_eq!(log, json!({ "handle": "coder", "stderr": "all said\n" }));
    let elsewhere = pair.a.cli(&["agent", "logs", "coder"]);
    elsewhere.fails(5, "quick_session_invalid_state");
    assert!(elsewhere.stderr.contains(&pair.b.device()), "it names the device: {elsewhere:?}");
}

#[test]
fn a_command_line_agent_that_just_ends_fails_visibly() {
    let node = Node::founded_by("alice");
    let codex = program(&node, "codex", "echo '{\"type\":\"turn.started\"}'; echo boom >&2; exit 0");
    let _added = node.cli(&["agent", "add", "coder", "--exec", "codex", &codex]).ok();
    let id = node.open("coder", "hello");
    let failed = node.until(&id, "the turn failed", |session| status_of(session) == "error");
    let error = failed["meta"]["error"].as_str().unwrap();
    assert!(error.starts_with("crashed: ") && error.contains("boom"), "{error}");
    assert!(!processes_of(&node.home()).iter().any(|process| process.contains("agent-guard")));
}

#[test]
fn a_test_of_an_agent_tells_each_step_and_leaves_an_archived_session() {
    let node = Node::founded_by("alice");
    let claude = program(&node, "claude", &answering());
    let _added = node.cli(&["agent", "add", "coder", "--exec", "claude", &claude]).ok();
    let report = node.cli(&["agent", "test", "coder"]).json();
    assert_eq!((&report["ok"], &report["handle"]), (&json!(true), &json!("coder")), "{report:#}");
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["claimed", "process", "protocol", "title", "reply", "end"]);
    assert_eq!(report["steps"][4]["detail"], "It is green.");
    let session = node.show(report["session"].as_str().unwrap());
    assert_eq!(status_of(&session), "archived");

    let told = node.plain(&["agent", "test", "coder"]).ok();
    assert!(told.stdout.contains("it set the title: The build"), "{told:?}");
    assert!(told.stdout.contains("it replied: It is green."), "{told:?}");
    node.cli(&["agent", "test", "nobody"]).fails(3, "quick_session_agent_not_found");
}

#[test]
fn a_test_of_an_agent_that_fails_says_why_and_what_to_do() {
    let node = Node::founded_by("alice");
    let login = r#"echo '{"type":"result","is_error":true,"result":"Not logged in · Please run /login"}'"#;
    let untitled = r#"echo '{"type":"result","is_error":false}'"#;
    let cases = [
        ("login", program(&node, "login", login), "login_required", "protocol", "log in"),
        ("untitled", program(&node, "untitled", untitled), "title_missing", "title", "no title"),
        ("absent", "/nowhere/claude".to_owned(), "spawn_failed", "process", "could not be started"),
    ];
    for (handle, command, reason, step, words) in cases {
        let _added = node.cli(&["agent", "add", handle, "--exec", "claude", &command]).ok();
        let tested = node.cli(&["agent", "test", handle]);
        let report: Value = serde_json::from_str(&tested.stdout).unwrap();
        let failure = &report["failure"];
        assert_eq!((tested.code, failure["reason"].as_str()), (1, Some(reason)), "{tested:?}");
        assert_eq!(failure["step"], step);
        let problem: Value = serde_json::from_str(&tested.stderr).unwrap();
        assert_eq!(problem["code"], "agent_test_failed");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem:#}");
        assert!(!problem["hint"].as_str().unwrap().is_empty());
        assert_eq!(status_of(&node.show(report["session"].as_str().unwrap())), "archived");
    }
}

#[test]
fn a_test_of_an_agent_that_hangs_ends_in_time_and_stops_it() {
    let node = Node::founded_by("alice");
    let hangs = program(&node, "hangs", "exec sleep 600");
    let _added = node.cli(&["agent", "add", "coder", "--exec", "gemini", &hangs]).ok();
    let tested = node.cli(&["agent", "test", "coder", "--timeout", "2s"]);
    let report: Value = serde_json::from_str(&tested.stdout).unwrap();
    assert_eq!((tested.code, report["failure"]["reason"].as_str()), (7, Some("timed_out")), "{tested:?}");
    wait_for("the command is ended", PATIENCE, || {
        let left = processes_of(&node.home());
        (!left.iter().any(|process| process.contains("agent-guard"))).then_some(())
    });
}

#[test]
fn installed_agents_are_detected_without_a_node() {
    let node = Node::new();
    let bin = Path::new(&node.file("bin", "")).with_file_name("found");
    fs::create_dir(&bin).unwrap();
    for (name, script) in
        [("opencode", "echo 1.18.33"), ("claude", "exec sleep 600"), ("gemini", "echo 0.61.0")]
    {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let detect = |words: &[&str]| Run::new(words).env("PATH", format!("{}:/nowhere", bin.display())).end();
    let found = detect(&["--json", "agent", "detect"]).json();
    let agents: Vec<_> = found["agents"].as_array().unwrap().iter().collect();
    let by_name = |name: &str| *agents.iter().find(|agent| agent["name"] == name).unwrap();
    assert_eq!(by_name("opencode")["version"], "1.18.33");
    assert_eq!(by_name("opencode")["add"], "starling agent add opencode --acp opencode acp");
    assert_eq!(by_name("gemini")["add"], "starling agent add gemini --acp gemini --acp");
    assert_eq!(by_name("claude")["add"], "starling agent add claude --exec claude");
    assert_eq!(agents.len(), 3);
    let told = detect(&["agent", "detect"]).ok();
    assert!(told.stdout.contains("starling agent add opencode --acp opencode acp"), "{told:?}");
}
