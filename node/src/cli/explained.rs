//! The reasons of failed turns in plain words: which step of a turn was not taken, what that means, and what to do. The
//! reasons are those of failure records: one word, and after a colon what the agent itself said.

use serde::Serialize;

/// What a turn does, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The node has given it the session.
    Claimed,
    /// Its process runs.
    Process,
    /// It speaks the protocol, and opened its side of the session.
    Protocol,
    /// It set the title.
    Title,
    /// It replied.
    Reply,
    /// Its turn is over.
    End,
}

impl Step {
    pub(super) const ALL: [Self; 6] =
        [Self::Claimed, Self::Process, Self::Protocol, Self::Title, Self::Reply, Self::End];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Claimed => "the node gave it the session",
            Self::Process => "its process started",
            Self::Protocol => "it speaks the protocol",
            Self::Title => "it set the title",
            Self::Reply => "it replied",
            Self::End => "its turn is over",
        }
    }
}

/// What a reason means: the step that was not taken, what happened, and what to do about it (with `HANDLE` for the agent).
pub(super) fn explained(reason: &str) -> (Step, &'static str, &'static str) {
    match reason {
        "spawn_failed" => (
            Step::Process,
            "its program could not be started",
            "check the command and the directory: `starling agent add` names them; programs are looked for on the PATH of \
             the node",
        ),
        "crashed" => (
            Step::Reply,
            "its process ended in the middle of the turn",
            "`starling agent logs HANDLE` has its last words; run its command by hand to see more",
        ),
        "timed_out_initialize" => (
            Step::Protocol,
            "it started, but did not say what it speaks",
            "is this the command that speaks ACP? For some programs it is a word or an option more: `starling agent detect`",
        ),
        "timed_out_open_session" => (
            Step::Protocol,
            "it did not open a session",
            "it may wait for a login, or for a provider that does not answer: run it by hand once",
        ),
        "timed_out_silence" => (
            Step::Reply,
            "it was silent for too long",
            "its provider may be down or out of reach; `--silence-timeout` of `agent add` allows more",
        ),
        "timed_out_wall" => (
            Step::Reply,
            "its turn took too long",
            "its provider may be slow; `--turn-timeout` of `agent add` allows more",
        ),
        "protocol" => (
            Step::Protocol,
            "it does not speak the protocol as it should",
            "look for a newer version of it, or host it by `--exec` instead of `--acp`, or the other way round",
        ),
        "out_of_memory" => (
            Step::Reply,
            "it, and what it started, had more memory than it may",
            "`--memory` of `agent add` allows more",
        ),
        "login_required" => (
            Step::Protocol,
            "its user has to log in first",
            "run it by hand and log in; where it takes a key, name the variable with `agent add ... --env NAME`",
        ),
        "refused" => (
            Step::Reply,
            "it answered with an error",
            "the detail is in its own words; `starling agent logs HANDLE` may have more",
        ),
        "title_missing" => (
            Step::Title,
            "it set no title, so its answer cannot be published",
            "it may not see our tools: check that it can use the MCP server \"starling\" (docs/cli.md says how for each agent)",
        ),
        "interrupted" => (Step::End, "the node was stopped meanwhile", "start it and try again"),
        "stopped" | "cancelled" | "archived" => {
            (Step::End, "somebody stopped it", "try again when nobody does")
        }
        "shutting_down" => (Step::End, "the node is stopping", "start it and try again"),
        _ => (Step::Reply, "its turn failed", "`starling agent logs HANDLE` may say more"),
    }
}

/// What to do about the failure of an agent's turn, as `session retry` and the reason have it.
pub(super) fn advice(error: &str, agent: &str, session: &str) -> String {
    let (reason, _) = error.split_once(": ").unwrap_or((error, ""));
    let (_, _, hint) = explained(reason);
    format!("{}; then `starling session retry {session}`", hint.replace("HANDLE", agent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{FailReason, Phase};

    #[test]
    fn advice_names_agent_and_session() {
        let said = advice("crashed: exit 1", "bot", "qs-1");
        assert!(
            said.contains("starling agent logs bot") && said.ends_with("`starling session retry qs-1`"),
            "{said}"
        );
    }

    #[test]
    fn every_reason_of_a_driver_is_explained() {
        let unknown = explained("?").1;
        for reason in [
            FailReason::SpawnFailed,
            FailReason::Crashed,
            FailReason::TimedOut(Phase::Initialize),
            FailReason::TimedOut(Phase::OpenSession),
            FailReason::TimedOut(Phase::Silence),
            FailReason::TimedOut(Phase::Wall),
            FailReason::Protocol,
            FailReason::Refused,
            FailReason::LoginRequired,
            FailReason::OutOfMemory,
            FailReason::Cancelled,
            FailReason::ShuttingDown,
        ] {
            assert_ne!(explained(&reason.to_string()).1, unknown, "{reason}");
        }
    }
}
