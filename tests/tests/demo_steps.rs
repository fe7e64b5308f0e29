//! Every step of a script of the demo agent, through the real daemon: what listeners are shown meanwhile, and how the
//! session is afterwards. Each case has an agent of its own, and its turn is over before the session is looked at.

use std::time::Duration;

use serde_json::Value;
use starling_tests::{Node, PATIENCE, entries, pause, processes_of, status_of, wait_for};

/// One script, and what comes of it.
struct Case {
    name: &'static str,
    script: &'static str,
    /// `active`, or the first word of the error.
    outcome: &'static str,
    title: Option<&'static str>,
    summary: Option<&'static str>,
    /// What the agent published.
    replies: &'static [&'static str],
    /// Field and value of each piece of activity that has to be seen, in this order.
    shown: &'static [(&'static str, &'static str)],
}

const CASE: Case =
    Case { name: "", script: "", outcome: "active", title: None, summary: None, replies: &[], shown: &[] };

const CASES: &[Case] = &[
    Case {
        name: "say-then-reply",
        script: "set_title T\nsay thinking aloud\nreply R\nsay and done\n",
        title: Some("T"),
        replies: &["R"],
        shown: &[("text", "thinking aloud\n"), ("text", "and done\n")],
        ..CASE
    },
    Case {
        name: "say-is-the-reply",
        script: "set_title T\nsay what was said last\n",
        title: Some("T"),
        replies: &["what was said last"],
        shown: &[("text", "what was said last\n")],
        ..CASE
    },
    Case {
        name: "say-without-title",
        script: "say and nothing else\n",
        outcome: "title_missing",
        // It is asked once more.
        shown: &[("text", "and nothing else\n"), ("text", "and nothing else\n")],
        ..CASE
    },
    Case {
        name: "tool",
        script: "set_title T\ntool grep\nreply R\n",
        title: Some("T"),
        replies: &["R"],
        shown: &[
            ("title", "set_title"),
            ("status", "completed"),
            ("title", "grep"),
            ("status", "completed"),
            ("title", "reply"),
            ("status", "completed"),
        ],
        ..CASE
    },
    Case { name: "set-title-only", script: "set_title T\n", outcome: "no_reply", title: Some("T"), ..CASE },
    Case {
        name: "set-title-twice",
        script: "set_title First\nset_title Second\nreply R\n",
        title: Some("Second"),
        replies: &["R"],
        ..CASE
    },
    Case {
        name: "reply-too-early",
        script: "reply too early\nset_title T\nreply R\n",
        title: Some("T"),
        replies: &["R"],
        shown: &[
            ("status", "failed"),
            ("text", "quick_session_title_required: call set_title first, then reply again\n"),
        ],
        ..CASE
    },
    Case {
        name: "reply-twice",
        script: "set_title T\nreply first\nreply second\n",
        title: Some("T"),
        replies: &["first"],
        shown: &[("status", "failed")],
        ..CASE
    },
    Case {
        name: "summarize",
        script: "set_title T\nsummarize In short: it works.\nreply R\n",
        title: Some("T"),
        summary: Some("In short: it works."),
        replies: &["R"],
        ..CASE
    },
    Case {
        name: "ask-permission",
        script: "set_title T\nask_permission rm -rf build\nreply R\n",
        title: Some("T"),
        replies: &["R"],
        shown: &[("title", "rm -rf build"), ("text", "permission refused\n")],
        ..CASE
    },
    Case {
        name: "sleep",
        script: "set_title T\nsay before\nsleep 700\nsay after\nreply R\n",
        title: Some("T"),
        replies: &["R"],
        shown: &[("text", "before\n"), ("text", "after\n")],
        ..CASE
    },
    Case {
        name: "crash",
        script: "set_title T\nsay last words\ncrash\nreply never\n",
        outcome: "crashed",
        title: Some("T"),
        shown: &[("text", "last words\n")],
        ..CASE
    },
    Case {
        name: "crash-after-reply",
        script: "set_title T\nreply R\ncrash\n",
        title: Some("T"),
        replies: &["R"],
        ..CASE
    },
    Case { name: "skip-title", script: "skip_title\nreply never\n", outcome: "title_missing", ..CASE },
    Case { name: "nothing", script: "# no step at all\n", outcome: "title_missing", ..CASE },
];

#[test]
fn every_step_has_its_outcome() {
    let node = Node::founded_by("alice");
    let agents: Vec<_> = CASES.iter().map(|case| host(&node, case.name, case.script, &[])).collect();
    let mut sorted = agents.clone();
    sorted.sort_unstable();
    assert_eq!(handles(&node), sorted, "agents are listed by their names");
    for (case, agent) in CASES.iter().zip(agents) {
        let events = node.api().listen();
        let id = node.open(agent, "hello");
        for (field, value) in case.shown {
            events.until(&format!("{agent}: {value}"), PATIENCE, |event| {
                event.kind == "activity" && event.data["session_id"] == id && event.data[*field] == *value
            });
        }
        let session = node.until(&id, case.name, |session| outcome(session) == case.outcome);
        assert_eq!(session["meta"]["title"].as_str(), case.title, "{agent}: {session:#}");
        assert_eq!(session["meta"]["summary"].as_str(), case.summary, "{agent}: {session:#}");
        let lines = entries(&session);
        let replies: Vec<_> = lines.iter().filter(|(_, author, _)| author == agent).collect();
        let replies: Vec<_> = replies.iter().map(|(.., body)| body.as_str()).collect();
        assert_eq!(replies, case.replies, "{agent}: {session:#}");
        assert_eq!(lines.len(), 1 + replies.len(), "{agent}: {session:#}");
    }
}

/// It hears no cancellation, so its process is ended; the next turn has a new one.
#[test]
fn an_agent_that_hangs_is_stopped_and_started_anew() {
    let node = Node::founded_by("alice");
    let agent = host(&node, "hangs", "set_title T\nsay hanging\nhang\n", &[]);
    let mut seen = Vec::new();
    for turn in ["go", "again"] {
        let events = node.api().listen();
        let id = node.open(agent, turn);
        events.until("its words", PATIENCE, |event| event.data["text"] == "hanging\n");
        // It hangs within moments, and says nothing of it.
        pause(Duration::from_millis(300));
        let running = demos(&node);
        assert_eq!(running.len(), 1, "{running:?}");
        seen.extend(running);
        let _stopped = node.cli(&["session", "stop", &id]).ok();
        node.until(&id, "stopped", |session| outcome(session) == "stopped");
    }
    assert_ne!(seen[0], seen[1], "the first process was ended");
    wait_for("nothing hangs any more", PATIENCE, || demos(&node).is_empty().then_some(()));
}

/// Nobody has to stop it: silence has a limit.
#[test]
fn an_agent_that_hangs_is_given_up() {
    let node = Node::founded_by("alice");
    let agent = host(&node, "hangs", "set_title T\nhang\n", &["--silence-timeout", "1s"]);
    let id = node.open(agent, "go");
    let session = node.until(&id, "given up", |session| status_of(session) == "error");
    assert_eq!(outcome(&session), "timed_out_silence", "{session:#}");
}

/// A turn that fails takes no other session of the agent with it.
#[test]
fn after_a_crash_the_next_session_is_answered() {
    let node = Node::founded_by("alice");
    let script = node.file("crashes", "set_title T\ncrash\n");
    let _added = node.cli(&["agent", "add", "coder", "--demo", "--script", &script]).ok();
    let failed = node.open("coder", "first");
    node.until(&failed, "it crashed", |session| outcome(session) == "crashed");
    let _overwritten = node.file("crashes", "set_title Better\nreply R\n");
    let id = node.open("coder", "second");
    assert_eq!(node.settled(&id)["meta"]["title"], "Better");
    let _retried = node.cli(&["session", "retry", &failed]).ok();
    let session = node.settled(&failed);
    assert_eq!(entries(&session).len(), 2, "{session:#}");
}

fn host(node: &Node, name: &'static str, script: &str, options: &[&str]) -> &'static str {
    let file = node.file(&format!("{name}.script"), script);
    let add = ["agent", "add", name, "--permissions", "refuse", "--demo", "--script", &file];
    let _added = node.cli(&[&add, options].concat()).ok();
    name
}

fn handles(node: &Node) -> Vec<String> {
    let list = node.cli(&["agent", "list"]).json();
    let agents = list["agents"].as_array().unwrap().iter();
    agents.map(|agent| agent["handle"].as_str().unwrap().to_owned()).collect()
}

/// The demo agents that run, without their guards.
fn demos(node: &Node) -> Vec<String> {
    let all = processes_of(&node.home()).into_iter();
    all.filter(|line| line.contains("agent demo") && !line.contains("agent-guard")).collect()
}

/// A session's status; of one that failed, the word for it.
fn outcome(session: &Value) -> &str {
    match status_of(session) {
        "error" => {
            let error = session["meta"]["error"].as_str().unwrap_or_default();
            error.split_once(':').map_or(error, |(word, _)| word)
        }
        status => status,
    }
}
