//! OpenCode, as its users run it but for the model: that is a stand-in in this test, so nothing leaves the machine. All
//! that OpenCode would fetch by itself (a list of models, updates, plugins, language servers) is switched off, and the
//! stand-in is its proxy, so that a new way out would be seen here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use starling_tests::{Model, Node, PATIENCE, Program, Say, entries, processes_of, status_of, wait_for};

use super::TURN;

/// A number of seconds to sleep by which a process is known.
const SLEEP: &str = "86399";

struct Bench {
    node: Node,
    model: Model,
    /// The home of the user whose agent it is.
    user: tempfile::TempDir,
}

/// A node that hosts OpenCode with a model that says `script`; `None` where it is not installed.
fn bench(script: impl IntoIterator<Item = Say>) -> Option<Bench> {
    bench_with(&[], script)
}

/// The same, with more words for `agent add`.
fn bench_with(words: &[&str], script: impl IntoIterator<Item = Say>) -> Option<Bench> {
    let command = Program::OpenCode.command()?;
    let (model, user) = (Model::new(script), tempfile::tempdir().unwrap());
    let env = environment(&model, user.path().to_str().unwrap());
    let node = Node::founded_in("alice", env.clone().into_iter().collect());
    let mut add = vec!["agent", "add", "coder"];
    add.extend(env.keys().filter(|name| *name != "HOME").flat_map(|name| ["--env", name]));
    add.extend(words);
    add.push("--acp");
    add.extend(command.iter().map(String::as_str));
    let _added = node.cli(&add).ok();
    Some(Bench { node, model, user })
}

fn environment(model: &Model, home: &str) -> BTreeMap<String, String> {
    let config = json!({
        "model": "stand-in/model",
        "small_model": "stand-in/model",
        "enabled_providers": ["stand-in"],
        "autoupdate": false,
        "share": "disabled",
        "provider": { "stand-in": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Stand-in",
            "options": { "baseURL": model.url(), "apiKey": "none" },
            "models": { "model": { "name": "Model", "limit": { "context": 100_000, "output": 4_096 } } },
        } },
    });
    let (config, proxy) = (config.to_string(), model.proxy());
    let pairs = [
        ("HOME", home),
        ("OPENCODE_CONFIG_CONTENT", &config),
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_SHARE", "1"),
        // It installs a package of types for people who write plugins.
        ("npm_config_offline", "true"),
        ("HTTP_PROXY", &proxy),
        ("HTTPS_PROXY", &proxy),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Calls of our tools, as OpenCode names them for its model.
fn reply(body: &str) -> Say {
    Say::Call("starling_reply", json!({ "body": body }))
}

fn set_title(title: &str) -> Say {
    Say::Call("starling_set_title", json!({ "title": title }))
}

/// The text of a message, whichever way it is written.
fn text(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    let parts: Vec<_> = parts.filter_map(|part| part["text"].as_str()).collect();
    message["content"].as_str().map_or_else(|| parts.join("\n"), str::to_owned)
}

fn of_role<'a>(messages: &'a [Value], role: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["role"] == role).collect()
}

#[test]
fn it_is_told_to_set_a_title_answers_and_is_resumed_after_a_restart() {
    let script = [
        reply("too early"),
        set_title("Sums of small numbers"),
        reply("It is 4."),
        Say::Text("I have answered."),
        reply("Still 4."),
        Say::Text("I have answered again."),
    ];
    let Some(Bench { mut node, model, user: _user }) = bench(script) else { return };
    let id = node.open("coder", "What is 2 + 2?");
    let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    assert_eq!(session["meta"]["title"], "Sums of small numbers");
    let lines = entries(&session);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((lines[1].1.as_str(), lines[1].2.as_str()), ("coder", "It is 4."));
    let asked = model.asked();
    let refusal = text(asked[1].last().unwrap());
    assert!(
        refusal.contains("quick_session_title_required: call set_title first, then reply again"),
        "the model reads it: {refusal}"
    );

    // The reply is there before the agent's turn is over.
    wait_for("its last words", PATIENCE, || (model.asked().len() == 4).then_some(()));
    node.stop();
    node.up();
    node.send(&id, "Are you sure?");
    let session = node.until_within(TURN, &id, "the second answer", |session| {
        status_of(session) == "active" && entries(session).len() == 4
    });
    assert_eq!(entries(&session)[3].2, "Still 4.");
    let asked = model.asked();
    let (first, second) = (&asked[0], &asked[4]);
    assert_eq!(of_role(first, "user").len(), 1);
    assert_eq!(of_role(second, "user").len(), 2, "the same session of the agent: {second:#?}");
    assert_eq!(of_role(second, "tool").len(), 3, "with all that it did: {second:#?}");
    let newest = text(second.last().unwrap());
    assert!(newest.contains("Are you sure?") && !newest.contains("What is 2 + 2?"), "only the new: {newest}");
    assert_eq!(model.elsewhere(), Vec::<String>::new(), "nothing else was asked for");
}

/// Its modes are `build` and `plan`; to one that plans it says in each prompt that nothing is to be changed.
#[test]
fn it_is_put_into_the_mode_that_its_host_wants_and_says_which_there_are() {
    for (mode, is_there) in [("plan", true), ("dream", false)] {
        let script = [set_title("A plan"), reply("First this, then that."), Say::Text("Said.")];
        let Some(Bench { mut node, model, user: _user }) = bench_with(&["--mode", mode], script) else {
            return;
        };
        let id = node.open("coder", "How would you do it?");
        if !is_there {
            let failed = node.until_within(TURN, &id, "failed", |session| status_of(session) == "error");
            let error = failed["meta"]["error"].as_str().unwrap();
            assert!(error.contains("it has no mode \"dream\"; it has build, plan"), "{error}");
            continue;
        }
        let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
        assert_eq!(entries(&session).last().unwrap().2, "First this, then that.");
        let prompt = model.asked()[0].iter().map(text).collect::<String>();
        assert!(prompt.contains("Plan mode"), "{prompt}");
        node.stop();
        node.up();
        let agents = node.cli(&["agent", "list"]).json();
        let able = &agents["agents"][0]["capabilities"];
        assert!(able["program"].as_str().unwrap().starts_with("OpenCode "), "{able}");
        let modes: Vec<_> =
            able["modes"].as_array().unwrap().iter().map(|mode| mode["id"].as_str()).collect();
        assert_eq!((&able["resumes"], modes), (&json!(true), vec![Some("build"), Some("plan")]));
    }
}

#[test]
fn a_turn_that_is_stopped_ends_and_the_next_one_is_answered() {
    let script = [set_title("Long thoughts"), Say::Stall("Let me think"), reply("Done."), Say::Text("Said.")];
    let Some(Bench { node, model, user: _user }) = bench(script) else { return };
    let events = node.api().listen();
    let id = node.open("coder", "Think about it.");
    events.until("its words", TURN, |event| event.data["text"] == "Let me think");
    let _stopped = node.cli(&["session", "stop", &id]).ok();
    let stopped = node.until_within(TURN, &id, "stopped", |session| status_of(session) == "error");
    assert!(stopped["meta"]["error"].as_str().unwrap().contains("stopped"), "{stopped:#}");
    node.send(&id, "Now answer.");
    let session = node.until_within(TURN, &id, "answered", |session| status_of(session) == "active");
    assert_eq!(entries(&session).last().unwrap().2, "Done.");
    assert_eq!(model.elsewhere(), Vec::<String>::new(), "nothing else was asked for");
}

/// OpenCode runs commands in processes of their own, apart from its own group.
#[test]
fn neither_it_nor_a_command_that_it_runs_outlives_the_node() {
    for kill in [false, true] {
        let command = format!("sleep {SLEEP} & sleep {SLEEP}");
        let bash =
            Say::Call("bash", json!({ "command": command, "description": "waits", "timeout": 600_000 }));
        let Some(Bench { mut node, user, .. }) = bench([set_title("Waiting"), bash]) else { return };
        let user_home = user.path().to_owned();
        let _id = node.open("coder", "Wait a day.");
        wait_for("the command runs", TURN, || (sleepers(&user_home) >= 2).then_some(()));
        if kill {
            node.kill9();
        } else {
            node.stop();
        }
        wait_for("nothing is left", PATIENCE, || {
            let left = [processes_of(&node.home()), processes_of(&user_home)].concat();
            left.is_empty().then_some(())
        });
        assert!(fs::exists(&user_home).unwrap());
    }
}

/// Agents inherit the user's home, so it tells whose they are.
fn sleepers(user_home: &Path) -> usize {
    processes_of(user_home).iter().filter(|line| line.contains(": sleep") && line.contains(SLEEP)).count()
}
