//! The verbs of `starling agent`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use starling_crdt::id::Handle;

use crate::cli::{complete, values};

#[derive(Debug, Clone, Subcommand)]
pub(in crate::cli) enum AgentVerb {
    /// Host an agent on this device
    #[command(
        group = ArgGroup::new("kind").required(true).args(["acp", "exec", "demo"]),
        after_help = "Examples:\n  starling agent add scribe --demo\n  starling agent add claude --cwd ~/project --acp npx -y @agentclientprotocol/claude-agent-acp\n  starling agent add codex --exec codex"
    )]
    Add {
        /// What it is called
        #[arg(value_parser = values::handle)]
        handle: Handle,
        /// The directory that it works in [default: a scratch directory]
        #[arg(long, value_name = "D")]
        cwd: Option<PathBuf>,
        /// An environment variable that it may see; may be repeated
        #[arg(long, value_name = "K", value_parser = values::env_name)]
        env: Vec<String>,
        /// Whose messages start its turns; may be repeated [default: every member's]
        #[arg(long, value_name = "HANDLE", value_parser = values::handle, add = ArgValueCompleter::new(complete::members))]
        allow: Vec<Handle>,
        /// Any program that speaks ACP on stdio: the rest of the line
        #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
        acp: Vec<String>,
        /// A command line agent that is started anew for each prompt: claude, codex, gemini or opencode, then its command
        /// if that is another: the rest of the line
        #[arg(long, value_names = ["PROFILE", "CMD"], num_args = 1.., allow_hyphen_values = true)]
        exec: Vec<String>,
        /// The agent that is built in
        #[arg(long)]
        demo: bool,
        /// What the built-in agent does
        #[arg(long, value_name = "FILE", requires = "demo", conflicts_with_all = ["acp", "exec"])]
        script: Option<PathBuf>,
        /// Take it from another device that hosts it and is gone
        #[arg(long)]
        force: bool,
        /// The mode that its sessions are put into, by the agent's own name for it (ACP)
        #[arg(long, value_name = "NAME")]
        mode: Option<String>,
        #[command(flatten)]
        policy: Box<PolicyArgs>,
    },
    /// All agents of the workspace, and where they run
    #[command(after_help = "Example:\n  starling agent list")]
    List,
    /// Retire an agent that this device hosts
    #[command(after_help = "Example:\n  starling agent remove claude")]
    Remove {
        /// What it is called
        #[arg(value_parser = values::handle, add = ArgValueCompleter::new(complete::hosted_agents))]
        handle: Handle,
    },
    /// Let an agent go to another device, which takes it by `agent add`
    #[command(
        after_help = "Example:\n  starling agent handover claude 3f9a\nand on that device:\n  starling agent add claude --acp npx -y @agentclientprotocol/claude-agent-acp"
    )]
    Handover {
        /// What it is called
        #[arg(value_parser = values::handle, add = ArgValueCompleter::new(complete::hosted_agents))]
        handle: Handle,
        /// The device's key, or how it begins (`starling member list`)
        #[arg(add = ArgValueCompleter::new(complete::devices))]
        device: String,
    },
    /// Which known agents are installed here, and how to host them; asks no node
    #[command(after_help = "Example:\n  starling agent detect")]
    Detect,
    /// Have an agent of this device answer in a session of its own, and say how far it came
    #[command(after_help = "Example:\n  starling agent test claude --timeout 2m")]
    Test {
        /// What it is called
        #[arg(value_parser = values::handle, add = ArgValueCompleter::new(complete::hosted_agents))]
        handle: Handle,
    },
    /// The newest that an agent of this device said on standard error
    #[command(after_help = "Examples:\n  starling agent logs claude\n  starling agent logs claude -f")]
    Logs {
        /// What it is called
        #[arg(value_parser = values::handle, add = ArgValueCompleter::new(complete::hosted_agents))]
        handle: Handle,
        /// Stay, and print more as it comes, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
    },
    /// Be the built-in agent, over stdin and stdout (ACP)
    #[command(after_help = "Example:\n  starling agent demo --script steps.txt")]
    Demo {
        /// What it does
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
}

/// What an agent may do on this device.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Policy")]
pub(in crate::cli) struct PolicyArgs {
    /// Who answers its permission requests: nobody, whoever uses this device, or also the session's creator elsewhere
    /// [default: host]
    #[arg(long, value_name = "WHO", value_parser = ["refuse", "host", "creator"])]
    pub(in crate::cli) permissions: Option<String>,
    /// What becomes of a turn that was under way when the node stopped [default: fail]
    #[arg(long, value_name = "WHAT", value_parser = ["fail", "retry"])]
    pub(in crate::cli) on_interrupt: Option<String>,
    /// How long a turn may take [default: 1h]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(in crate::cli) turn_timeout: Option<Duration>,
    /// How long it may be silent in a turn [default: 5m]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub(in crate::cli) silence_timeout: Option<Duration>,
    /// How many turns it may begin within an hour, 0 for any number [default: 240]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) turns_per_hour: Option<u32>,
    /// Megabytes of memory that it and what it starts may have together, 0 for any amount [default: 8192]
    #[arg(long, value_name = "MB")]
    pub(in crate::cli) memory: Option<u32>,
}
