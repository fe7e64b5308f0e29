//! Agents that nobody here wrote answer in a session: through the real daemon, over the real protocol, and those that can
//! call tools through our MCP server. `tests/agents/install` fetches them; see `Program` for what is said without them.

use std::time::Duration;

mod eliza;
mod example;
mod opencode;

/// For a turn of such an agent: they are slow to start, and slower on a busy machine.
const TURN: Duration = Duration::from_secs(150);
