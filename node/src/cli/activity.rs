//! What an agent does, on a terminal: reasoning and text as they come, a line for each tool call, the plan in short, and
//! permission requests, which are asked here when somebody sits at the keyboard. All of it goes to standard error: what
//! counts are the session's lines.

use std::io::IsTerminal;

use serde::Deserialize;
use starling_crdt::id::SessionId;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::client::{Call, paths};
use super::failure::Failure;
use super::model::Permissions;
use super::out::Out;
use super::render::{clean, one_line, style, styled};
use super::{Context, render};

/// Columns of a line of activity behind its sign.
const COLUMNS: usize = render::WIDTH - 4;

/// An `activity` event, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Activity {
    pub(super) session_id: String,
    #[serde(flatten)]
    doing: Doing,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Doing {
    Text {
        text: String,
    },
    Thought {
        text: String,
    },
    Tool {
        id: String,
        title: String,
        status: String,
    },
    Plan {
        steps: Vec<Step>,
    },
    Usage {
        used: u64,
        size: u64,
    },
    Permission {
        request: u64,
        title: String,
        state: String,
        can_answer: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Step {
    text: String,
    status: String,
}

/// What was shown of a turn, and what is asked.
pub(super) struct Shown {
    /// A piece of text without its line end yet.
    line: String,
    thinks: bool,
    /// The tool call that was shown last: id and title.
    tool: Option<(String, String)>,
    asked: Option<u64>,
    keyboard: Option<Lines<BufReader<Stdin>>>,
}

impl Shown {
    /// Nothing yet. Requests are asked here only when both sides are a terminal.
    pub(super) fn new(out: &Out) -> Self {
        let asks = !out.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let keyboard = asks.then(|| BufReader::new(tokio::io::stdin()).lines());
        Self { line: String::new(), thinks: false, tool: None, asked: None, keyboard }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, out: &mut Out, activity: Activity) {
        match activity.doing {
            Doing::Text { text } => self.stream(out, &text, false),
            Doing::Thought { text } => self.stream(out, &text, true),
            Doing::Tool { id, title, status } => self.tool(out, id, title, &status),
            Doing::Plan { steps } => self.plan(out, &steps),
            Doing::Usage { used, size } => {
                if size > 0 && used.saturating_mul(100) >= size.saturating_mul(80) {
                    let percent = used.saturating_mul(100) / size;
                    self.say(out, "◔", &format!("{percent} % of the agent's context is in use"));
                }
            }
            Doing::Permission { request, title, state, can_answer } => {
                self.permission(out, &activity.session_id, (request, &title, &state, can_answer));
            }
            Doing::Other => {}
        }
    }

    /// Shows what was asked before anybody listened.
    pub(super) async fn catch_up(&mut self, cx: &mut Context, id: SessionId) -> Result<(), Failure> {
        let Ok(answer) = cx.client.ask(Call::get(paths::PERMISSIONS)).await else {
            // It is only about what was asked before; the session itself is followed all the same.
            return Ok(());
        };
        let open = answer.parse::<Permissions>()?.permissions;
        for one in open.iter().filter(|one| one.session_id == id.to_string()) {
            self.permission(&mut cx.out, &one.session_id, (one.request, &one.title, "asked", one.can_answer));
        }
        Ok(())
    }

    /// Shows the rest of a line: something else follows.
    pub(super) fn end_line(&mut self, out: &mut Out) {
        let line = std::mem::take(&mut self.line);
        if !line.trim().is_empty() {
            let sign = if self.thinks { "·" } else { "┆" };
            out.note(&format!("  {sign} {}", one_line(&line, COLUMNS)));
        }
    }

    fn say(&mut self, out: &mut Out, sign: &str, text: &str) {
        self.end_line(out);
        out.note(&format!("  {sign} {}", one_line(text, COLUMNS)));
    }

    /// Streamed text is shown by whole lines, long ones broken.
    fn stream(&mut self, out: &mut Out, text: &str, thinks: bool) {
        if thinks != self.thinks {
            self.end_line(out);
            self.thinks = thinks;
        }
        self.line.push_str(text);
        while let Some(end) = self.line.find('\n') {
            let rest = self.line.split_off(end + 1);
            self.end_line(out);
            self.line = rest;
        }
        while self.line.chars().count() > COLUMNS {
            let at = self.line.char_indices().nth(COLUMNS).map_or(self.line.len(), |(at, _)| at);
            let at = self.line.get(..at).and_then(|start| start.rfind(' ')).map_or(at, |space| space + 1);
            let rest = self.line.split_off(at);
            self.end_line(out);
            self.line = rest;
        }
    }

    /// A call is shown when it begins and when it fails; that it went on or well shows in what follows.
    fn tool(&mut self, out: &mut Out, id: String, title: String, status: &str) {
        let known = self.tool.as_ref().filter(|(known, _)| *known == id).map(|(_, title)| title.clone());
        let name = if title.is_empty() { known.clone().unwrap_or_else(|| id.clone()) } else { title };
        let failed = status == "failed";
        if failed {
            self.say(out, "✗", &format!("{name} failed"));
        } else if known.as_ref() != Some(&name) && status != "completed" {
            self.say(out, "⚙", &name);
        }
        self.tool = Some((id, name));
    }

    fn plan(&mut self, out: &mut Out, steps: &[Step]) {
        let done = steps.iter().filter(|step| step.status == "completed").count();
        let now = steps.iter().find(|step| step.status == "in_progress");
        let now = now.map_or_else(String::new, |step| format!(": {}", step.text));
        self.say(out, "☰", &format!("plan, {done} of {} done{now}", steps.len()));
    }

    fn permission(
        &mut self,
        out: &mut Out,
        session: &str,
        (request, title, state, can_answer): (u64, &str, &str, bool),
    ) {
        self.end_line(out);
        let title = one_line(title, COLUMNS - 20);
        match state {
            "asked" if can_answer && self.keyboard.is_some() => {
                self.asked = Some(request);
                out.note(&styled(style::CARE, &format!("? allow this once: {title}   [y/N]")));
            }
            "asked" if can_answer => {
                out.note(&styled(style::CARE, &format!("? it asks for a permission: {title}")));
                out.note(&format!("  starling session allow {} {request}   (or deny)", clean(session)));
            }
            "asked" => {
                let text = format!("? it asks for a permission, on the device that hosts it: {title}");
                out.note(&styled(style::CARE, &text));
            }
            _ => {
                self.asked.take_if(|asked| *asked == request);
                let word = if state == "allowed" { "allowed" } else { "refused" };
                out.note(&format!("  {word}: {title}"));
            }
        }
    }

    /// A line typed at the keyboard; waits for ever where nobody is asked.
    pub(super) async fn typed(&mut self) -> String {
        let line = match (&mut self.keyboard, self.asked) {
            (Some(keyboard), Some(_)) => keyboard.next_line().await.ok().flatten(),
            _ => None,
        };
        match line {
            Some(line) => line,
            None => {
                self.keyboard = self.keyboard.take().filter(|_| self.asked.is_none());
                std::future::pending().await
            }
        }
    }

    /// Sends what was typed as the answer to what was asked.
    ///
    /// # Errors
    /// As [`super::client::Client::ask`]; a request that is over already is no error.
    pub(super) async fn answer(
        &mut self,
        cx: &mut Context,
        id: SessionId,
        typed: &str,
    ) -> Result<(), Failure> {
        let Some(request) = self.asked.take() else { return Ok(()) };
        let allow = matches!(typed.trim().to_lowercase().as_str(), "y" | "yes");
        let body = serde_json::json!({ "allow": allow });
        let answered = cx.client.ask(Call::post(paths::permission(id, request), body)).await;
        match answered {
            Err(failure) if failure.code == "not_found" => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Reads the data of an event; what cannot be read is not shown.
pub(super) fn read(data: &str) -> Option<Activity> {
    serde_json::from_str(data).ok()
}

#[cfg(test)]
mod tests;
