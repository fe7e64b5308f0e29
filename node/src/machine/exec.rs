//! The command line agents whose output the node understands, by name. What their output means is the agent driver's
//! knowledge; here they are only told apart, stored, and spelled.

use std::str::FromStr;

use minicbor::{Decode, Encode};

/// A command line agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ExecProfile {
    /// Claude Code.
    #[n(0)]
    Claude,
    /// Codex.
    #[n(1)]
    Codex,
    /// Gemini CLI.
    #[n(2)]
    Gemini,
    /// OpenCode.
    #[n(3)]
    Opencode,
}

/// There is no such profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile of this name; use one of claude, codex, gemini, opencode")]
pub struct NoSuchProfile;

impl ExecProfile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode];

    /// Its name, which is also that of its program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
        }
    }
}

impl FromStr for ExecProfile {
    type Err = NoSuchProfile;

    fn from_str(name: &str) -> Result<Self, NoSuchProfile> {
        Self::ALL.into_iter().find(|profile| profile.name() == name).ok_or(NoSuchProfile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::input::{AgentKind, AgentProfile};
    use crate::machine::policy::AgentPolicy;
    use crate::machine::rows::{ProfileRow, decode, encode};

    #[test]
    fn a_name_is_read_again() {
        for profile in ExecProfile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        assert_eq!("Claude".parse::<ExecProfile>(), Err(NoSuchProfile));
    }

    #[test]
    fn a_profile_is_stored_and_read_again() {
        for profile in ExecProfile::ALL {
            let kind = AgentKind::Exec { profile, command: vec![profile.name().to_owned()] };
            let policy = AgentPolicy::default();
            let row = ProfileRow {
                profile: AgentProfile {
                    kind,
                    cwd: None,
                    env: Vec::new(),
                    allow: Vec::new(),
                    policy,
                    mode: None,
                },
                capabilities: None,
            };
            assert_eq!(decode::<ProfileRow>(&encode(&row)), Some(row));
        }
    }
}
