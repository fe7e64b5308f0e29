//! `starling mcp`: a stateless shim that forwards an agent's tool calls to the daemon.
//!
//! Agents start it as an MCP server over stdio, once a turn or once a call. It knows three tools and no rule: every
//! call goes through the turn's door, and a refusal comes back as a tool error whose text tells the agent what to do.

use std::process::ExitCode;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::json;

use super::door::{TurnCall, TurnDoor};

/// The name under which agents get this server, and by which they prefix its tools.
pub const SERVER_NAME: &str = "starling";

/// A tool: what the agent sees, and where a call of it goes.
pub struct TurnTool {
    /// Its name.
    pub name: &'static str,
    /// Its one argument, a text.
    pub argument: &'static str,
    /// What it does, for the agent.
    pub description: &'static str,
    /// What it does, for us.
    pub call: TurnCall,
}

/// All tools of a turn.
pub const TOOLS: [TurnTool; 3] = [
    TurnTool {
        name: "set_title",
        argument: "title",
        description: "Give this session its title: one line, at most 80 characters. Needed before the first reply.",
        call: TurnCall::Title,
    },
    TurnTool {
        name: "reply",
        argument: "body",
        description: "Publish your answer in this session, as Markdown. Other people read exactly this text.",
        call: TurnCall::Reply,
    },
    TurnTool {
        name: "summarize",
        argument: "summary",
        description: "Set the summary of this session: at most 4,000 characters, enough to go on from it alone.",
        call: TurnCall::Summary,
    },
];

/// `starling mcp`: serves MCP on stdin and stdout until stdin ends. Makes its own runtime: call it outside of any.
pub fn mcp_main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let served = runtime.block_on(async {
        let service = Shim.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
        service.waiting().await.map_err(|error| error.to_string())
    });
    runtime.shutdown_background();
    match served {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("starling mcp: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Shim;

impl ServerHandler for Shim {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(SERVER_NAME, env!("CARGO_PKG_VERSION")))
            .with_instructions("Title, answer and summary of the Starling session that you work in.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(TOOLS.iter().map(described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = |text: String| vec![ContentBlock::text(text)];
        let result = match forward(&request).await {
            Ok(answer) => CallToolResult::success(text(answer)),
            Err(refusal) => CallToolResult::error(text(refusal)),
        };
        Ok(CallToolResponse::Complete(result))
    }
}

fn described(tool: &TurnTool) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": { tool.argument: { "type": "string" } },
        "required": [tool.argument],
        "additionalProperties": false,
    });
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    Tool::new(tool.name, tool.description, Arc::new(schema))
}

async fn forward(request: &CallToolRequestParams) -> Result<String, String> {
    let tool = TOOLS.iter().find(|tool| tool.name == request.name);
    let tool = tool.ok_or_else(|| format!("no_such_tool: there is no tool `{}`", request.name))?;
    let argument = request.arguments.as_ref().and_then(|arguments| arguments.get(tool.argument)?.as_str());
    let argument = argument.ok_or_else(|| {
        format!("invalid_field: `{}` needs the argument `{}`, a text", tool.name, tool.argument)
    })?;
    let door = TurnDoor::from_env().map_err(|error| error.to_string())?;
    door.call(tool.call, argument).await.map_err(|error| error.to_string())
}
