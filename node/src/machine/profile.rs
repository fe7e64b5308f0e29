//! How an agent is run on the device that hosts it: its program, where, with what it may see, and its policy. Local to the
//! host, never replicated.

use minicbor::{Decode, Encode};
use starling_crdt::id::Handle;

use super::exec::ExecProfile;
use super::policy::AgentPolicy;

/// How an agent is run. Local to its host, never replicated.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentProfile {
    /// The program and its arguments.
    #[n(0)]
    pub kind: AgentKind,
    /// Its working directory; `None` is a scratch directory of the node's.
    #[n(1)]
    pub cwd: Option<String>,
    /// Names of environment variables that it may see beyond the usual ones.
    #[n(2)]
    pub env: Vec<String>,
    /// Handles whose messages start turns; empty means every member.
    #[n(3)]
    pub allow: Vec<Handle>,
    /// What it may do.
    #[cbor(n(4), default)]
    pub policy: AgentPolicy,
    /// The mode that its sessions are put into, by the agent's own name for it.
    #[n(5)]
    pub mode: Option<String>,
}

/// What kind of program an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AgentKind {
    /// The embedded demo agent, with an optional script.
    #[n(0)]
    Demo {
        /// Path of the script.
        #[n(0)]
        script: Option<String>,
    },
    /// Any program that speaks ACP over stdio.
    #[n(1)]
    Acp {
        /// Program and arguments.
        #[n(0)]
        command: Vec<String>,
    },
    /// A command line agent that is started anew for each prompt.
    #[n(2)]
    Exec {
        /// Which one.
        #[n(0)]
        profile: ExecProfile,
        /// Program and arguments, to which those of the profile are added.
        #[n(1)]
        command: Vec<String>,
    },
}
