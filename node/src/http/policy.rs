//! What the host of an agent lets it do, as JSON; each part that is left out is as usual.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::parse;
use super::problem::Problem;
use crate::machine::policy::{AgentPolicy, OnInterrupt, Permissions};

/// Seconds of a day: longer than any turn that somebody waits for.
const TURN_SECONDS_MAX: u32 = 86_400;
/// More turns than an agent can have in an hour.
const TURNS_PER_HOUR_MAX: u32 = 100_000;

/// What an agent may do on this device.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Policy {
    /// What becomes of a turn that was under way when the node stopped. Default: it failed.
    on_interrupt: Option<Interrupted>,
    /// Who answers its permission requests. Default: whoever uses this device.
    permissions: Option<Permitted>,
    /// Seconds that a turn may take; default 3,600.
    turn_seconds: Option<u32>,
    /// Seconds without a sign of the agent after which its turn is ended; default 300.
    silence_seconds: Option<u32>,
    /// Turns that may begin within an hour, 0 for any number; default 240.
    turns_per_hour: Option<u32>,
    /// Megabytes of memory that it and what it starts may have together, 0 for any amount; default 8,192.
    memory_mb: Option<u32>,
}

/// What becomes of an interrupted turn.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Interrupted {
    /// It failed.
    Fail,
    /// It is begun again.
    Retry,
}

/// Who answers permission requests.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Permitted {
    /// Nobody: they are refused.
    Refuse,
    /// Whoever uses the device that hosts the agent.
    Host,
    /// Also the session's creator, on another device.
    Creator,
}

impl Policy {
    /// The machine's words for it, within their bounds.
    pub(super) fn parse(self) -> Result<AgentPolicy, Problem> {
        let usual = AgentPolicy::DEFAULT;
        Ok(AgentPolicy {
            on_interrupt: match self.on_interrupt {
                None => usual.on_interrupt,
                Some(Interrupted::Fail) => OnInterrupt::Fail,
                Some(Interrupted::Retry) => OnInterrupt::Retry,
            },
            permissions: match self.permissions {
                None => usual.permissions,
                Some(Permitted::Refuse) => Permissions::Refuse,
                Some(Permitted::Host) => Permissions::Host,
                Some(Permitted::Creator) => Permissions::Creator,
            },
            turn_seconds: within(
                "turn_seconds",
                self.turn_seconds,
                usual.turn_seconds,
                1..=TURN_SECONDS_MAX,
            )?,
            silence_seconds: within(
                "silence_seconds",
                self.silence_seconds,
                usual.silence_seconds,
                1..=TURN_SECONDS_MAX,
            )?,
            turns_per_hour: within(
                "turns_per_hour",
                self.turns_per_hour,
                usual.turns_per_hour,
                0..=TURNS_PER_HOUR_MAX,
            )?,
            memory_mb: within("memory_mb", self.memory_mb, usual.memory_mb, 0..=u32::MAX)?,
        })
    }
}

/// What an agent may do on this device, in full.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SetPolicy {
    on_interrupt: Interrupted,
    permissions: Permitted,
    turn_seconds: u32,
    silence_seconds: u32,
    turns_per_hour: u32,
    memory_mb: u32,
}

impl From<AgentPolicy> for SetPolicy {
    fn from(policy: AgentPolicy) -> Self {
        Self {
            on_interrupt: match policy.on_interrupt {
                OnInterrupt::Fail => Interrupted::Fail,
                OnInterrupt::Retry => Interrupted::Retry,
            },
            permissions: match policy.permissions {
                Permissions::Refuse => Permitted::Refuse,
                Permissions::Host => Permitted::Host,
                Permissions::Creator => Permitted::Creator,
            },
            turn_seconds: policy.turn_seconds,
            silence_seconds: policy.silence_seconds,
            turns_per_hour: policy.turns_per_hour,
            memory_mb: policy.memory_mb,
        }
    }
}

fn within(
    name: &str,
    given: Option<u32>,
    usual: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, Problem> {
    match given {
        None => Ok(usual),
        Some(number) if range.contains(&number) => Ok(number),
        Some(number) => {
            let reason = format!("it is {number}; {} to {} are allowed", range.start(), range.end());
            Err(parse::field(&format!("policy.{name}"), reason))
        }
    }
}
