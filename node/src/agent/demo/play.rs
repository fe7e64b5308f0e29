//! What the demo agent does with one prompt: its default answer, or the steps of a script.

use std::time::Duration;

use agent_client_protocol::Client;
use agent_client_protocol::Error;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    ContentBlock, ContentChunk, McpServerStdio, PermissionOption, PermissionOptionKind,
    RequestPermissionOutcome, RequestPermissionRequest, SessionId, SessionNotification, SessionUpdate,
    StopReason, TextContent, ToolCall, ToolCallStatus, ToolCallUpdate, ToolCallUpdateFields, ToolKind,
};
use tokio::sync::OnceCell;

use super::tools::Tools;
use crate::agent::door::TurnCall;
use crate::agent::mcp::{SERVER_NAME, TOOLS};
use crate::agent::prompt::{self, ParsedPrompt, cut};
use crate::agent::script::Step;

/// Characters of a title: the limit of the session itself.
const TITLE_CHARS_MAX: usize = 80;
/// Bytes of the message that an answer repeats: it must fit a message with room to spare.
const ECHO_BYTES_MAX: usize = 4_096;
/// The title of a session whose first message has no printable character.
const FALLBACK_TITLE: &str = "Quick session";
/// For what was said before a crash or a hang to leave the process, so that a script plays the same way each time.
const FLUSH: Duration = Duration::from_millis(50);
/// The exit code of a crash: that of a panic.
const CRASH_CODE: i32 = 101;
/// How an agent's permission request names its two answers.
const ALLOW: &str = "allow";

/// One prompt being played.
pub(super) struct Stage {
    client: ConnectionTo<Client>,
    session: SessionId,
    server: Option<McpServerStdio>,
    tools: OnceCell<Tools>,
}

/// Whether a script goes on after a step.
#[derive(PartialEq, Eq)]
enum Next {
    Step,
    End,
}

impl Stage {
    pub(super) fn new(
        client: ConnectionTo<Client>,
        session: SessionId,
        server: Option<McpServerStdio>,
    ) -> Self {
        Self { client, session, server, tools: OnceCell::new() }
    }

    /// Plays the script, or the default answer to `prompt`.
    pub(super) async fn play(mut self, script: Option<&[Step]>, prompt: &str) -> Result<StopReason, Error> {
        match script {
            Some(steps) => self.play_script(steps).await?,
            None => self.answer(prompt).await?,
        }
        if let Some(tools) = self.tools.take() {
            tools.close().await;
        }
        Ok(StopReason::EndTurn)
    }

    async fn answer(&self, prompt: &str) -> Result<(), Error> {
        let Some(parsed) = prompt::parse(prompt) else {
            return self.say(&echo(prompt));
        };
        if !parsed.has_title {
            self.call(TurnCall::Title, &title_of(&parsed)).await?;
        }
        self.call(TurnCall::Reply, &echo(&parsed.latest_message)).await
    }

    async fn play_script(&self, steps: &[Step]) -> Result<(), Error> {
        for (number, step) in steps.iter().enumerate() {
            if self.step(number, step).await? == Next::End {
                break;
            }
        }
        Ok(())
    }

    async fn step(&self, number: usize, step: &Step) -> Result<Next, Error> {
        match step {
            Step::Say(text) => self.say(text)?,
            Step::Tool(name) => {
                let id = format!("step-{number}");
                self.begin_tool(&id, name, None)?;
                self.end_tool(&id, ToolCallStatus::Completed)?;
            }
            Step::SetTitle(text) => self.call(TurnCall::Title, text).await?,
            Step::Reply(text) => self.call(TurnCall::Reply, text).await?,
            Step::Summarize(text) => self.call(TurnCall::Summary, text).await?,
            Step::AskPermission(text) => self.ask(&format!("step-{number}"), text).await?,
            Step::Sleep(time) => tokio::time::sleep(*time).await,
            Step::Crash => {
                tokio::time::sleep(FLUSH).await;
                std::process::exit(CRASH_CODE);
            }
            Step::Hang => {
                tokio::time::sleep(FLUSH).await;
                hang();
            }
            Step::SkipTitle => {
                self.call(TurnCall::Reply, "A reply without a title.").await?;
                return Ok(Next::End);
            }
        }
        Ok(Next::Step)
    }

    /// Calls one of the turn's tools. A refusal is said, as a model would, and does not end the prompt.
    async fn call(&self, call: TurnCall, text: &str) -> Result<(), Error> {
        let Some(tool) = TOOLS.iter().find(|tool| tool.call == call) else {
            return Err(Error::internal_error().data("no tool makes this call"));
        };
        self.begin_tool(tool.name, tool.name, Some(format!("mcp__{SERVER_NAME}__{}", tool.name)))?;
        let called = match self.tools().await {
            Ok(tools) => tools.call(tool.name, tool.argument, text).await,
            Err(problem) => Err(problem),
        };
        match called {
            Ok(_) => self.end_tool(tool.name, ToolCallStatus::Completed),
            Err(refusal) => {
                self.end_tool(tool.name, ToolCallStatus::Failed)?;
                self.say(&refusal)
            }
        }
    }

    async fn tools(&self) -> Result<&Tools, String> {
        let server =
            self.server.as_ref().ok_or("this session was opened without an MCP server over stdio")?;
        self.tools.get_or_try_init(|| Tools::connect(server)).await
    }

    async fn ask(&self, id: &str, what: &str) -> Result<(), Error> {
        let fields = ToolCallUpdateFields::new().title(what.to_owned()).kind(ToolKind::Execute);
        let options = vec![
            PermissionOption::new(ALLOW, "Allow", PermissionOptionKind::AllowOnce),
            PermissionOption::new("reject", "Reject", PermissionOptionKind::RejectOnce),
        ];
        let call = ToolCallUpdate::new(id.to_owned(), fields);
        let request = RequestPermissionRequest::new(self.session.clone(), call, options);
        let answer = self.client.send_request(request).block_task().await?;
        let allowed = match answer.outcome {
            RequestPermissionOutcome::Selected(option) => option.option_id.0.as_ref() == ALLOW,
            _ => false,
        };
        self.say(if allowed { "permission granted" } else { "permission refused" })
    }

    fn say(&self, text: &str) -> Result<(), Error> {
        let chunk = ContentChunk::new(ContentBlock::Text(TextContent::new(format!("{text}\n"))));
        self.update(SessionUpdate::AgentMessageChunk(chunk))
    }

    fn begin_tool(&self, id: &str, title: &str, name: Option<String>) -> Result<(), Error> {
        let call = ToolCall::new(id.to_owned(), title).name(name).status(ToolCallStatus::InProgress);
        self.update(SessionUpdate::ToolCall(call))
    }

    fn end_tool(&self, id: &str, status: ToolCallStatus) -> Result<(), Error> {
        let fields = ToolCallUpdateFields::new().status(status);
        self.update(SessionUpdate::ToolCallUpdate(ToolCallUpdate::new(id.to_owned(), fields)))
    }

    fn update(&self, update: SessionUpdate) -> Result<(), Error> {
        self.client.send_notification(SessionNotification::new(self.session.clone(), update))
    }
}

/// Blocks the only thread: nothing is answered any more, and a cancellation is not even read.
fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// The first line of the first message that has anything to show, cut to a title.
fn title_of(parsed: &ParsedPrompt) -> String {
    let printable = |line: &str| -> String {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let cut: String = line.trim().chars().take(TITLE_CHARS_MAX).collect();
        cut.trim_end().to_owned()
    };
    let title = parsed.first_message.lines().map(printable).find(|line| !line.is_empty());
    title.unwrap_or_else(|| FALLBACK_TITLE.to_owned())
}

fn echo(message: &str) -> String {
    format!("I am the demo agent. You wrote: {}", cut(message, ECHO_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_to_eighty_characters() {
        let title = |message: &str| {
            title_of(&ParsedPrompt {
                has_title: false,
                first_message: message.to_owned(),
                latest_message: String::new(),
            })
        };
        assert_eq!(title("Plan the trip\nto Rome"), "Plan the trip");
        assert_eq!(title("\n  \n x\u{7} y "), "x y");
        assert_eq!(title(&"\u{4e2d}".repeat(81)), "\u{4e2d}".repeat(80));
        assert_eq!(title(&format!("{} {}", "a".repeat(79), "b".repeat(9))), "a".repeat(79));
        assert_eq!(title("\u{7}"), FALLBACK_TITLE);
    }

    #[test]
    fn an_echo_fits_a_message() {
        assert!(echo(&"x".repeat(100_000)).len() < 5_000);
    }
}
