//! The verbs of `starling agent`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use starling_crdt::id::Handle;

use crate::cli::values;

#[derive(Debug, Clone, Subcommand)]
pub(in crate::cli) enum AgentVerb {
    /// Host an agent on this device
    #[command(
        group = ArgGroup::new("kind").required(true).args(["acp", "demo"]),
        after_help = "Examples:\n  starling agent add scribe --demo\n  starling agent add claude --cwd ~/project --acp npx -y @zed-industries/claude-code-acp"
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
        #[arg(long, value_name = "HANDLE", value_parser = values::handle)]
        allow: Vec<Handle>,
        /// Any program that speaks ACP on stdio: the rest of the line
        #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
        acp: Vec<String>,
        /// The agent that is built in
        #[arg(long)]
        demo: bool,
        /// What the built-in agent does
        #[arg(long, value_name = "FILE", requires = "demo", conflicts_with = "acp")]
        script: Option<PathBuf>,
    },
    /// All agents of the workspace, and where they run
    #[command(after_help = "Example:\n  starling agent list")]
    List,
    /// Retire an agent that this device hosts
    #[command(after_help = "Example:\n  starling agent remove claude")]
    Remove {
        /// What it is called
        #[arg(value_parser = values::handle)]
        handle: Handle,
    },
    /// Be the built-in agent, over stdin and stdout (ACP)
    #[command(after_help = "Example:\n  starling agent demo --script steps.txt")]
    Demo {
        /// What it does
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
}
