//! The demo agent's way to the turn's tools: an MCP client of the server that its session was opened with.

use agent_client_protocol::v1::schema::McpServerStdio;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject};
use rmcp::service::RunningService;
use rmcp::transport::TokioChildProcess;
use rmcp::{RoleClient, ServiceExt};
use tokio::process::Command;

/// A connected MCP server.
pub(super) struct Tools(RunningService<RoleClient, ()>);

impl Tools {
    /// Starts `server` as a child process and shakes hands with it.
    pub(super) async fn connect(server: &McpServerStdio) -> Result<Self, String> {
        let mut command = Command::new(&server.command);
        command.args(&server.args);
        command.envs(server.env.iter().map(|variable| (&variable.name, &variable.value)));
        let transport = TokioChildProcess::new(command)
            .map_err(|error| format!("cannot start the MCP server {}: {error}", server.name))?;
        let client = ().serve(transport).await;
        client.map(Self).map_err(|error| format!("the MCP server {} does not answer: {error}", server.name))
    }

    /// Calls a tool with its one argument. `Err` is the text of a refusal.
    pub(super) async fn call(
        &self,
        tool: &'static str,
        argument: &str,
        text: &str,
    ) -> Result<String, String> {
        let mut arguments = JsonObject::new();
        arguments.insert(argument.to_owned(), text.into());
        let request = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.0.call_tool(request).await.map_err(|error| error.to_string())?;
        let text = text_of(&result);
        if result.is_error == Some(true) { Err(text) } else { Ok(text) }
    }

    /// Ends the server.
    pub(super) async fn close(self) {
        let _ended_already = self.0.cancel().await;
    }
}

fn text_of(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|content| Some(content.as_text()?.text.as_str()));
    texts.collect::<Vec<_>>().join("\n")
}
