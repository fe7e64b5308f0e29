//! What is well with a node and its home, and what is not: a list of checks, each with what to do. `home` looks at files,
//! `agents` at the programs of hosted agents, `node` at what a running node says of itself. Nothing is mended, and nothing
//! is asked of the network; who runs the checks is `http` where a node runs, else the command line.

mod agents;
mod home;
mod node;

pub(crate) use agents::of_agents;
pub(crate) use home::{of_home, of_ports};
pub(crate) use node::{Failed, of_node};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// All is well.
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// Something does not work.
    Fail,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Stable; `agent:HANDLE` for each agent, else one word.
    pub(crate) id: String,
    /// What was looked at.
    pub(crate) title: String,
    pub(crate) state: State,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Check {
    fn new(id: &str, title: &str, state: State, detail: impl Into<String>) -> Self {
        Self { id: id.to_owned(), title: title.to_owned(), state, detail: detail.into(), hint: None }
    }

    pub(crate) fn ok(id: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::new(id, title, State::Ok, detail)
    }

    pub(crate) fn warn(id: &str, title: &str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::new(id, title, State::Warn, detail) }
    }

    pub(crate) fn fail(id: &str, title: &str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::new(id, title, State::Fail, detail) }
    }
}
