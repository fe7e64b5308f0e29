//! `starling agent`: agents of the workspace, and those that this device hosts. A command to run travels as a
//! list of words, never through a shell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::args::{AgentVerb, PolicyArgs};
use super::client::{Answer, Call, paths};
use super::failure::Failure;
use super::model::Agents;
use super::{Context, detect, logs, render, trial};
use crate::machine::exec::ExecProfile;
use crate::machine::request::Code;
use crate::programs;

pub(super) async fn run(cx: &mut Context, verb: AgentVerb) -> Result<(), Failure> {
    match verb {
        AgentVerb::List => {
            let answer = cx.client.ask(Call::get(paths::AGENTS)).await?;
            show(cx, &answer)
        }
        AgentVerb::Remove { handle } => {
            let answer = cx.client.ask(Call::delete(paths::agent(&handle))).await?;
            cx.out.note(&format!("@{handle} is retired; its sessions stay"));
            show(cx, &answer)
        }
        AgentVerb::Handover { handle, device } => {
            let device = super::workspace::find_device(cx, &device).await?;
            let call = Call::post(paths::handover(&handle), json!({ "device": device }));
            let answer = cx.client.ask(call).await?;
            let on = device.get(..8).unwrap_or(&device);
            cx.out.note(&format!("on device {on}: `starling agent add {handle} ...` takes it"));
            show(cx, &answer)
        }
        AgentVerb::Detect => detect::run(cx).await,
        AgentVerb::Test { handle } => trial::run(cx, &handle).await,
        AgentVerb::Logs { handle, follow } => logs::agent(cx, &handle, follow).await,
        // Handed out by `parse`.
        AgentVerb::Demo { .. } => Err(Failure::not_built_in("agent demo")),
        add @ AgentVerb::Add { .. } => self::add(cx, profile(add)?).await,
    }
}

/// Hosts an agent and shows that one.
async fn add(cx: &mut Context, profile: Value) -> Result<(), Failure> {
    let text = |key: &str| profile.get(key).and_then(Value::as_str).map(str::to_owned);
    let (handle, kind, cwd) = (text("handle").unwrap_or_default(), text("kind"), text("cwd"));
    let named = text("profile").into_iter();
    let command = profile.get("command").and_then(Value::as_array).cloned().unwrap_or_default();
    let words = command.iter().filter_map(Value::as_str).map(str::to_owned).chain(named).take(1);
    let command: Vec<String> = words.collect();
    let answer = cx.client.ask(Call::post(paths::AGENTS, profile)).await?;
    if cx.out.json {
        cx.out.document(&answer.body)?;
    } else {
        let mut agents = answer.parse::<Agents>()?.agents;
        agents.retain(|agent| agent.handle == handle);
        let text = render::node::agents(&agents, cx.now_ms());
        cx.out.data(&text)?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = programs::find(&command, cwd.as_deref().map(Path::new), &path);
    match found {
        Err(lack) if kind.as_deref() != Some("demo") => {
            cx.out.warn(&format!("{lack}: @{handle} cannot answer before it is there"));
        }
        _ => cx.out.note(&format!("`starling agent test {handle}` has it answer once")),
    }
    Ok(())
}

fn show(cx: &mut Context, answer: &Answer) -> Result<(), Failure> {
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let agents = answer.parse::<Agents>()?.agents;
    if agents.is_empty() {
        cx.out.note("no agents; `starling agent add scribe --demo` makes one");
    }
    let text = render::node::agents(&agents, cx.now_ms());
    cx.out.data(&text)
}

/// The node's working directory is not ours, so paths are made absolute here.
fn profile(verb: AgentVerb) -> Result<Value, Failure> {
    let AgentVerb::Add { handle, cwd, env, allow, acp, exec, script, force, mode, policy, .. } = verb else {
        return Err(Failure::not_built_in("agent"));
    };
    let kind = match (acp.is_empty(), exec.is_empty()) {
        (false, _) => "acp",
        (true, false) => "exec",
        (true, true) => "demo",
    };
    let mut body = json!({
        "handle": handle.as_str(),
        "kind": kind,
        "env": env,
        "allow": allow.iter().map(|handle| handle.as_str()).collect::<Vec<_>>(),
    });
    if let Some(mode) = mode {
        body["mode"] = json!(mode);
    }
    if force {
        body["force"] = json!(true);
    }
    let policy = policy_of(&policy);
    if !policy.is_empty() {
        body["policy"] = Value::Object(policy);
    }
    if !acp.is_empty() {
        body["command"] = json!(acp);
    }
    if let Some((profile, command)) = exec.split_first() {
        let known = profile.parse::<ExecProfile>();
        known.map_err(|error| Failure::of(Code::InvalidField, format!("`--exec {profile}`: {error}")))?;
        body["profile"] = json!(profile);
        if !command.is_empty() {
            body["command"] = json!(command);
        }
    }
    if let Some(cwd) = cwd {
        body["cwd"] = json!(existing(&cwd, Path::is_dir, "a directory")?);
    }
    if let Some(script) = script {
        body["script"] = json!(existing(&script, Path::is_file, "a file")?);
    }
    Ok(body)
}

/// What was said of it; the node knows what is usual.
fn policy_of(args: &PolicyArgs) -> Map<String, Value> {
    let seconds = |time: Option<Duration>| time.map(|time| json!(time.as_secs().max(1)));
    let said = [
        ("permissions", args.permissions.as_ref().map(|who| json!(who))),
        ("on_interrupt", args.on_interrupt.as_ref().map(|what| json!(what))),
        ("turn_seconds", seconds(args.turn_timeout)),
        ("silence_seconds", seconds(args.silence_timeout)),
        ("turns_per_hour", args.turns_per_hour.map(|number| json!(number))),
        ("memory_mb", args.memory.map(|mb| json!(mb))),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn existing(path: &PathBuf, is: fn(&Path) -> bool, what: &str) -> Result<String, Failure> {
    let invalid = |detail: String| Failure::of(Code::InvalidField, detail);
    let absolute =
        std::path::absolute(path).map_err(|error| invalid(format!("{}: {error}", path.display())))?;
    if !is(&absolute) {
        return Err(invalid(format!("{} is not {what}", absolute.display())));
    }
    let text = absolute.to_str().map(str::to_owned);
    text.ok_or_else(|| invalid(format!("{} is not UTF-8", absolute.display())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Exit;
    use crate::cli::args::{Args, Verb};

    fn profile_of(words: &[&str]) -> Result<Value, Failure> {
        let words = ["starling", "agent", "add"].iter().chain(words);
        match Args::try_parse_from(words).unwrap().verb {
            Verb::Agent(verb) => profile(verb),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_agent_is_described_by_words_and_absolute_paths() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = dir.path().to_str().unwrap();
        let body = profile_of(&[
            "@bot", "--cwd", cwd, "--allow", "@alice", "--env", "K", "--acp", "sh", "-c", "x y",
        ]);
        assert_eq!(
            body.unwrap(),
            json!({ "handle": "bot", "kind": "acp", "command": ["sh", "-c", "x y"], "cwd": cwd,
                    "env": ["K"], "allow": ["alice"] })
        );
        let policy = ["bot", "--demo", "--force", "--permissions", "creator", "--turn-timeout", "2m"];
        let policy = profile_of(&policy).unwrap();
        assert_eq!(policy["policy"], json!({ "permissions": "creator", "turn_seconds": 120 }));
        assert_eq!(policy["force"], true);
        let relative = profile_of(&["bot", "--cwd", ".", "--demo"]).unwrap();
        assert!(Path::new(relative["cwd"].as_str().unwrap()).is_absolute());
        assert_eq!(relative["kind"], "demo");
    }

    #[test]
    fn a_command_line_agent_is_named_by_its_profile() {
        let body = profile_of(&["bot", "--exec", "codex"]).unwrap();
        assert_eq!(
            (&body["kind"], &body["profile"], body.get("command")),
            (&json!("exec"), &json!("codex"), None)
        );
        let body = profile_of(&["bot", "--exec", "claude", "npx", "claude", "--model", "opus"]).unwrap();
        assert_eq!(body["command"], json!(["npx", "claude", "--model", "opus"]));
        let failure = profile_of(&["bot", "--exec", "nano"]).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "invalid_field"));
        assert!(failure.detail.contains("claude, codex, gemini, opencode"), "{failure}");
    }

    #[test]
    fn a_directory_or_script_that_is_not_there_is_refused_at_once() {
        for words in [["bot", "--demo", "--cwd", "/no/such"], ["bot", "--demo", "--script", "/no/such"]] {
            let failure = profile_of(&words).unwrap_err();
            assert_eq!((failure.exit, failure.code.as_str()), (Exit::Usage, "invalid_field"));
        }
    }
}
