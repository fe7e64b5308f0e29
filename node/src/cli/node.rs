//! Verbs about the node itself: `down`, `status`, `id`, `open`, `recovery`, `export`, `events`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::client::events::Event;
use super::client::{Call, paths};
use super::failure::{Exit, Failure};
use super::model::{Export, Login, Status};
use super::render::{clean, one_line, style, styled};
use super::{Context, render};
use crate::config::{ConfigError, NodeKey, Remote};
use crate::push;

/// Between two looks of `status --watch`.
const WATCH_PAUSE: Duration = Duration::from_secs(2);
/// Between two looks whether the node is gone.
const DOWN_PAUSE: Duration = Duration::from_millis(50);
/// Between two attempts to listen to a node that ended the stream.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// Stops the node, and returns when it is gone.
pub(super) async fn down(cx: &mut Context) -> Result<(), Failure> {
    let answer = cx.client.ask(Call::post(paths::SHUTDOWN, json!({}))).await?;
    cx.out.note("stopping: turns are ended, everything is stored");
    while !is_gone(cx).await {
        tokio::time::sleep(DOWN_PAUSE).await;
    }
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    cx.out.note("stopped");
    Ok(())
}

/// The node takes its traces back last, when its store is closed; a node that was killed meanwhile leaves
/// them.
async fn is_gone(cx: &Context) -> bool {
    let Err(failure) = cx.client.ask(Call::get(paths::HEALTH)).await else {
        return false;
    };
    let pid = cx.home.read_endpoint().and_then(|there| i32::try_from(there.pid).ok());
    let alive = pid.and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok());
    failure.exit == Exit::NotRunning && !alive
}

/// Shows the node, once or every two seconds.
pub(super) async fn status(cx: &mut Context, watch: bool) -> Result<(), Failure> {
    loop {
        let answer = cx.client.ask(Call::get(paths::STATUS)).await?;
        if cx.out.json {
            cx.out.document(&answer.body)?;
        } else {
            let text = render::node::status(&answer.parse::<Status>()?, cx.now_ms());
            // Home and erase below: repaint without flicker, and only on a terminal.
            let repaint = if watch && cx.out.is_live() { "\u{1b}[H\u{1b}[2J" } else { "" };
            cx.out.data(&format!("{repaint}{text}"))?;
        }
        if !watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_PAUSE).await;
    }
}

/// Prints the device's key.
pub(super) fn id(cx: &mut Context) -> Result<(), Failure> {
    let device = NodeKey::load(&cx.home.node_key())?.device();
    if cx.out.json {
        return cx.out.data(&format!("{}\n", json!({ "device": device.to_string() })));
    }
    cx.out.data(&format!("{device}\n"))
}

/// Opens the web page with a one-time login link, or prints the link.
pub(super) async fn open(cx: &mut Context, print: bool) -> Result<(), Failure> {
    let answer = cx.client.ask(Call::post(paths::LOGIN_LINK, json!({}))).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let url = clean(&answer.parse::<Login>()?.url);
    if print {
        return cx.out.data(&format!("{url}\n"));
    }
    let page = cx.home.write_login_page(&url)?;
    browse(&page)?;
    cx.out.note("opened in the browser; if nothing shows up: `starling open --print`");
    Ok(())
}

fn browse(page: &Path) -> Result<(), Failure> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(opener)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    // It is not waited for: some openers stay as long as the browser does.
    started.map(drop).map_err(|error| {
        let detail = format!("cannot start `{opener}`: {error}");
        Failure::new(Exit::Failed, "no_browser", detail).hint("`starling open --print` prints the link")
    })
}

/// Prints the recovery key.
pub(super) fn recovery(cx: &mut Context) -> Result<(), Failure> {
    let path = cx.home.recovery_key();
    let key = NodeKey::load(&path).map_err(|error| match error {
        ConfigError::Missing(_) => Failure::from(error)
            .hint("only the device that founded the workspace has one, until you move it to a safe place"),
        other => other.into(),
    })?;
    if cx.out.json {
        let document = json!({ "path": path.display().to_string(), "key": key.hex().as_str() });
        return cx.out.data(&format!("{document}\n"));
    }
    cx.out.data(&format!("{}\n", key.hex().as_str()))?;
    cx.out.note(&format!(
        "from {}\nwhoever has it can take the workspace over: keep it elsewhere, then remove the file",
        path.display()
    ));
    Ok(())
}

/// Brings the export up to date, and pushes it when a remote is named.
pub(super) async fn export(cx: &mut Context, to: Option<Remote>) -> Result<(), Failure> {
    let answer = cx.client.ask(Call::post(paths::EXPORT, json!({})).repeatable()).await?;
    let export: Export = answer.parse()?;
    if let Some(error) = export.error {
        return Err(Failure::new(Exit::Failed, "export_failed", error)
            .hint("records are safe in the store; correct the cause, then `starling export`"));
    }
    let pushed = match (to, &export.commit) {
        (Some(to), Some(commit)) => Some(push_once(cx, to, commit).await?),
        (Some(_), None) => return Err(Failure::new(Exit::NotYet, "not_exported", "there is no commit yet")),
        (None, _) => None,
    };
    if cx.out.json {
        let Some((remote, branch)) = pushed else { return cx.out.document(&answer.body) };
        let pushed = json!({ "remote": remote, "branch": branch });
        let document = json!({ "commit": export.commit, "tree": export.tree, "pushed": pushed });
        return cx.out.data(&format!("{document}\n"));
    }
    let line = |id: Option<String>| clean(id.as_deref().unwrap_or("none"));
    let text = format!("commit {}\ntree {}\n", line(export.commit), line(export.tree));
    cx.out.data(&text)?;
    match pushed {
        Some((remote, branch)) => cx.out.data(&format!("pushed to {branch} of {}\n", one_line(&remote, 200))),
        None => {
            cx.out.note(&format!("git clone {}", cx.home.export().display()));
            Ok(())
        }
    }
}

/// Pushes with the caller's own git, from where the caller is. Returns the remote and the branch.
async fn push_once(cx: &mut Context, remote: Remote, commit: &str) -> Result<(String, String), Failure> {
    let branch = push::branch(&NodeKey::load(&cx.home.node_key())?.device());
    let shown = remote.shown();
    cx.out.note(&format!("pushing to {branch} of {}", one_line(&shown, 200)));
    let (export, commit) = (cx.home.export(), commit.to_owned());
    let order = push::Order { export, from: None, remote, branch: branch.clone(), commit };
    let pushed = push::push(&order, push::TIME_MAX, &CancellationToken::new()).await;
    pushed.map_err(|error| {
        Failure::new(Exit::Failed, "push_failed", error.to_string())
            .hint("the export itself is up to date; `git push` to this remote must work without questions")
    })?;
    Ok((shown, branch))
}

/// Prints events as they come. A stream that breaks is taken up again where it broke.
pub(super) async fn events(cx: &mut Context, since: Option<u64>) -> Result<(), Failure> {
    let mut last = since.map(|number| number.to_string());
    loop {
        let mut events = cx.client.listen(last.as_deref()).await?;
        while let Some(event) = events.next().await? {
            let line = if cx.out.json { event_json(&event) } else { event_line(&event) };
            cx.out.data(&line)?;
        }
        last = events.last_id().map(str::to_owned).or(last);
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

fn event_json(event: &Event) -> String {
    let id = event.id.as_deref().map(|id| id.parse::<u64>().map_or_else(|_| json!(id), |id| json!(id)));
    let data = serde_json::from_str(&event.data).unwrap_or_else(|_| Value::String(event.data.clone()));
    format!("{}\n", json!({ "id": id, "event": event.kind, "data": data }))
}

fn event_line(event: &Event) -> String {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let session = if text("id").is_empty() { text("session_id") } else { text("id") };
    let state = if text("status").is_empty() { text("kind") } else { text("status") };
    let about = if text("title").is_empty() { text("text") } else { text("title") };
    let number = styled(style::DIM, &clean(event.id.as_deref().unwrap_or("-")));
    let line = format!("{} {session} {state} {}", event.kind, one_line(about, 40));
    format!("{number} {}\n", one_line(&line, 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_one_line_each() {
        let event = Event {
            id: Some("12".to_owned()),
            kind: "session".to_owned(),
            data: r#"{"id": "qs-1", "status": "active", "title": "a\u001b\nb"}"#.to_owned(),
        };
        let plain = anstream::adapter::strip_str(&event_line(&event)).to_string();
        assert_eq!(plain, "12 session qs-1 active a␛ b\n");
        let value: Value = serde_json::from_str(&event_json(&event)).unwrap();
        assert_eq!((&value["id"], &value["data"]["id"]), (&json!(12), &json!("qs-1")));
        assert_eq!(event_json(&event).lines().count(), 1);
        assert_eq!(event_line(&Event::default()).lines().count(), 1);
    }
}
