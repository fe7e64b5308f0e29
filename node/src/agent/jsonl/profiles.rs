//! The programs that are known, as data. Each says with which version it was tried: whole turns with resuming, our tools,
//! failures, and a session that is not there, while a stand-in on loopback played the provider. A field or an event that a later
//! version adds changes nothing here; one that it renames shows as a turn that ends without a word (`crashed`).

use super::Profile;
use super::rules::{Act, Rule, Status};
use crate::agent::StopReason;

/// Claude Code: `claude -p --output-format stream-json`. A tool of an MCP server is `mcp__SERVER__TOOL`; those of other
/// servers and programs are as the user's own settings say. Tried with 2.1.197.
pub static CLAUDE: Profile = Profile {
    name: "claude",
    begin: &[
        "-p",
        "--verbose",
        "--output-format",
        "stream-json",
        "--include-partial-messages",
        "--mcp-config",
        CLAUDE_MCP,
        "--allowedTools",
        CLAUDE_TOOLS,
    ],
    resume: &[
        "-p",
        "--verbose",
        "--output-format",
        "stream-json",
        "--include-partial-messages",
        "--resume",
        "{token}",
        "--mcp-config",
        CLAUDE_MCP,
        "--allowedTools",
        CLAUDE_TOOLS,
    ],
    env: &[],
    rules: CLAUDE_RULES,
    login: &["/login", "invalid api key", "oauth token has expired"],
};

const CLAUDE_TOOLS: &str = "mcp__starling__set_title,mcp__starling__reply,mcp__starling__summarize";

const CLAUDE_MCP: &str = r#"{"mcpServers":{"starling":{"type":"stdio","command":{exe},"args":["mcp"],"env":{"STARLING_SOCKET":"${STARLING_SOCKET}","STARLING_ATTEMPT":"${STARLING_ATTEMPT}","STARLING_TURN_SECRET":"${STARLING_TURN_SECRET}"}}}}"#;

/// What a helper of the agent says (`parent_tool_use_id`) is not the agent's answer.
const CLAUDE_RULES: &[Rule] = &[
    Rule { when: &[("/type", "system"), ("/subtype", "init")], then: &[Act::Token("/session_id")] },
    Rule { when: &[("/subtype", "api_retry")], then: &[Act::Complaint(&["/error"])] },
    Rule {
        when: &[("/event/delta/type", "text_delta"), ("/parent_tool_use_id", "")],
        then: &[Act::Live("/event/delta/text")],
    },
    Rule {
        when: &[("/event/delta/type", "thinking_delta"), ("/parent_tool_use_id", "")],
        then: &[Act::Thought("/event/delta/thinking")],
    },
    Rule {
        when: &[("/type", "assistant"), ("/parent_tool_use_id", "")],
        then: &[
            Act::Used(&[
                "/message/usage/input_tokens",
                "/message/usage/cache_creation_input_tokens",
                "/message/usage/cache_read_input_tokens",
                "/message/usage/output_tokens",
            ]),
            Act::Each(
                "/message/content",
                &[
                    Rule { when: &[("/type", "text")], then: &[Act::Kept("/text")] },
                    Rule {
                        when: &[("/type", "tool_use")],
                        then: &[Act::Tool {
                            id: "/id",
                            title: &["/name"],
                            status: Status::Is("in_progress"),
                        }],
                    },
                ],
            ),
        ],
    },
    Rule {
        when: &[("/type", "user"), ("/parent_tool_use_id", "")],
        then: &[Act::Each(
            "/message/content",
            &[
                Rule {
                    when: &[("/type", "tool_result"), ("/is_error", "true")],
                    then: &[Act::Tool { id: "/tool_use_id", title: &[], status: Status::Is("failed") }],
                },
                Rule {
                    when: &[("/type", "tool_result")],
                    then: &[Act::Tool { id: "/tool_use_id", title: &[], status: Status::Is("completed") }],
                },
            ],
        )],
    },
    Rule {
        when: &[("/type", "result"), ("/subtype", "error_max_turns")],
        then: &[CLAUDE_SIZE, Act::Done(StopReason::MaxRequests)],
    },
    Rule {
        when: &[("/type", "result"), ("/is_error", "true")],
        then: &[Act::Failed(&["/errors/0", "/result", "/subtype"])],
    },
    Rule {
        when: &[("/type", "result"), ("/stop_reason", "refusal")],
        then: &[CLAUDE_SIZE, Act::Done(StopReason::Refusal)],
    },
    Rule {
        when: &[("/type", "result"), ("/stop_reason", "max_tokens")],
        then: &[CLAUDE_SIZE, Act::Done(StopReason::MaxTokens)],
    },
    Rule { when: &[("/type", "result")], then: &[CLAUDE_SIZE, Act::Done(StopReason::EndTurn)] },
];

const CLAUDE_SIZE: Act = Act::Size { of: "/modelUsage", each: "/contextWindow" };

/// Codex: `codex exec --json`. Its usage is a sum over all requests and says nothing about the context window, so there is
/// no usage event. Tried with 0.171.0.
pub static CODEX: Profile = Profile {
    name: "codex",
    begin: &["exec", "--json", "--skip-git-repo-check", "-c", CODEX_MCP, "-"],
    resume: &["exec", "resume", "--json", "--skip-git-repo-check", "-c", CODEX_MCP, "{token}", "-"],
    env: &[],
    rules: CODEX_RULES,
    login: &["401 unauthorized", "codex login", "not logged in"],
};

const CODEX_MCP: &str = r#"mcp_servers.starling={command={exe},args=["mcp"],env_vars=["STARLING_SOCKET","STARLING_ATTEMPT","STARLING_TURN_SECRET"],default_tools_approval_mode="approve"}"#;

const CODEX_RULES: &[Rule] = &[
    Rule { when: &[("/type", "thread.started")], then: &[Act::Token("/thread_id")] },
    Rule {
        when: &[("/type", "item.completed"), ("/item/type", "agent_message")],
        then: &[Act::Message("/item/text")],
    },
    Rule {
        when: &[("/type", "item.completed"), ("/item/type", "reasoning")],
        then: &[Act::Thought("/item/text")],
    },
    Rule {
        when: &[("/item/type", "command_execution")],
        then: &[Act::Tool { id: "/item/id", title: &["/item/command"], status: Status::At("/item/status") }],
    },
    Rule {
        when: &[("/item/type", "mcp_tool_call")],
        then: &[Act::Tool {
            id: "/item/id",
            title: &["/item/server", "/item/tool"],
            status: Status::At("/item/status"),
        }],
    },
    Rule {
        when: &[("/item/type", "file_change")],
        then: &[Act::Tool { id: "/item/id", title: &["/item/type"], status: Status::At("/item/status") }],
    },
    Rule {
        when: &[("/type", "item.completed"), ("/item/type", "web_search")],
        then: &[Act::Tool { id: "/item/id", title: &["/item/query"], status: Status::Is("completed") }],
    },
    Rule {
        when: &[("/item/type", "todo_list")],
        then: &[Act::Plan { steps: "/item/items", text: "/text", done: "/completed" }],
    },
    Rule { when: &[("/item/type", "error")], then: &[Act::Complaint(&["/item/message"])] },
    Rule { when: &[("/type", "error")], then: &[Act::Complaint(&["/message"])] },
    Rule { when: &[("/type", "turn.completed")], then: &[Act::Done(StopReason::EndTurn)] },
    Rule { when: &[("/type", "turn.failed")], then: &[Act::Failed(&["/error/message"])] },
];

/// Gemini CLI: `gemini --output-format stream-json`, which reads its prompt on stdin when that is no terminal. It takes MCP
/// servers from settings files only, and those of the system only when root owns them. So ours has to be added once to
/// the user's own (docs/cli.md says how); our variables come in by reference. It also wants its directory to be trusted.
/// Its statistics are sums, so there is no usage event. Tried with 0.61.0.
pub static GEMINI: Profile = Profile {
    name: "gemini",
    begin: &["--output-format", "stream-json"],
    resume: &["--output-format", "stream-json", "--resume", "{token}"],
    env: &[],
    rules: GEMINI_RULES,
    login: &["auth method", "must specify the gemini_api_key", "please sign in", "api key not valid"],
};

const GEMINI_RULES: &[Rule] = &[
    Rule { when: &[("/type", "init")], then: &[Act::Token("/session_id")] },
    Rule { when: &[("/type", "message"), ("/role", "assistant")], then: &[Act::Piece("/content")] },
    Rule {
        when: &[("/type", "tool_use")],
        then: &[Act::Tool { id: "/tool_id", title: &["/tool_name"], status: Status::Is("in_progress") }],
    },
    Rule {
        when: &[("/type", "tool_result")],
        then: &[Act::Tool { id: "/tool_id", title: &[], status: Status::At("/status") }],
    },
    Rule { when: &[("/type", "error")], then: &[Act::Complaint(&["/message"])] },
    Rule { when: &[("/type", "result"), ("/status", "error")], then: &[Act::Failed(&["/error/message"])] },
    Rule { when: &[("/type", "result")], then: &[Act::Done(StopReason::EndTurn)] },
];

/// OpenCode: `opencode run --format json`. It has no event for the end: the last step that is not followed by tool calls is
/// it, unless another step begins. It names no context window, so there is no usage event. Tried with 1.18.33.
pub static OPENCODE: Profile = Profile {
    name: "opencode",
    begin: &["run", "--format", "json"],
    resume: &["run", "--format", "json", "--session", "{token}"],
    env: &[(
        "OPENCODE_CONFIG_CONTENT",
        r#"{"mcp":{"starling":{"type":"local","command":[{exe},"mcp"],"enabled":true}}}"#,
    )],
    rules: OPENCODE_RULES,
    login: &["api key is missing", "invalid api key"],
};

const OPENCODE_RULES: &[Rule] = &[
    Rule { when: &[("/type", "step_start")], then: &[Act::Token("/sessionID"), Act::GoesOn] },
    Rule { when: &[("/type", "text")], then: &[Act::Token("/sessionID"), Act::Message("/part/text")] },
    Rule { when: &[("/type", "reasoning")], then: &[Act::Thought("/part/text")] },
    Rule {
        when: &[("/type", "tool_use")],
        then: &[Act::Tool {
            id: "/part/callID",
            title: &["/part/tool"],
            status: Status::At("/part/state/status"),
        }],
    },
    Rule { when: &[("/type", "step_finish"), ("/part/reason", "tool-calls")], then: &[] },
    Rule {
        when: &[("/type", "step_finish"), ("/part/reason", "length")],
        then: &[Act::Done(StopReason::MaxTokens)],
    },
    Rule { when: &[("/type", "step_finish")], then: &[Act::Done(StopReason::EndTurn)] },
    Rule {
        when: &[("/type", "error"), ("/error/data/statusCode", "401")],
        then: &[Act::LoginWanted(&["/error/data/message"])],
    },
    Rule {
        when: &[("/type", "error"), ("/error/name", "ProviderAuthError")],
        then: &[Act::LoginWanted(&["/error/data/message"])],
    },
    Rule {
        when: &[("/type", "error")],
        then: &[Act::Failed(&["/error/data/message", "/error/message", "/error/name"])],
    },
];
