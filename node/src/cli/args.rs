//! The words of the command line, as clap reads them. Each verb has an example in its help. Values are
//! checked by [`super::values`] while they are read; what a verb does is told in the modules beside this one.

mod agent;
mod node;
mod session;

pub(super) use agent::{AgentVerb, PolicyArgs};
pub(super) use node::{ConfigVerb, ServiceVerb};
pub(super) use session::SessionVerb;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
use starling_crdt::id::Handle;

use super::complete;
use super::values::{self, Target};
use crate::config::Remote;

/// Quick sessions with the agents on your machines, on every device, offline first, with no server.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "starling",
    bin_name = "starling",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:\n  starling up\n  starling session new --agent scribe -m 'Hello' --follow\n  starling invite create --as bob"
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Options of every verb, before or after it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Directory of keys, settings and store [default: the platform's directories]
    #[arg(long, global = true, value_name = "DIR", env = "STARLING_HOME", hide_env_values = true)]
    pub(super) home: Option<PathBuf>,
    /// Print the node's JSON; streams print one object a line
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// No progress, no hints
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Give up after this time (500ms, 30s, 5m), with exit status 7
    #[arg(long, global = true, value_name = "DUR", value_parser = values::duration)]
    pub(super) timeout: Option<Duration>,
    /// The node's Unix socket [default: the one of the home]
    #[arg(long, global = true, value_name = "PATH", env = "STARLING_SOCKET", hide_env_values = true)]
    pub(super) socket: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Verb {
    /// Run the node of this home, in the foreground
    #[command(after_help = "Example:\n  starling up --handle alice --http 127.0.0.1:0")]
    Up(UpArgs),
    /// Stop the node
    #[command(after_help = "Example:\n  starling down")]
    Down,
    /// Who and where this node is, its peers, its sessions, and what is waited for
    #[command(after_help = "Examples:\n  starling status\n  starling status --watch")]
    Status {
        /// Show it anew every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// What is well with this node and its home, and what is not; works with the node running and without
    #[command(after_help = "Example:\n  starling doctor")]
    Doctor,
    /// The node's newest log lines
    #[command(
        after_help = "Examples:\n  starling logs\n  starling logs -f\n  starling logs --json | jq -r .text"
    )]
    Logs {
        /// Stay, and print new lines as they come, until Ctrl-C
        #[arg(long, short)]
        follow: bool,
        /// Only lines after the one with this number
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        since: u64,
    },
    /// Read and change config.toml; no node needs to run
    #[command(subcommand, after_help = "Example:\n  starling config set label 'desk upstairs'")]
    Config(ConfigVerb),
    /// Have the system run this home's node whenever you are logged in
    #[command(subcommand, after_help = "Example:\n  starling service install")]
    Service(ServiceVerb),
    /// Print this device's key; no node needs to run
    #[command(after_help = "Example:\n  starling id")]
    Id,
    /// Open the web page, logged in
    #[command(after_help = "Example:\n  starling open --print")]
    Open {
        /// Print the one-time login link instead of opening it
        #[arg(long)]
        print: bool,
    },
    /// Let another device or person in
    #[command(subcommand, after_help = "Example:\n  starling invite create --as bob --expires 24h")]
    Invite(InviteVerb),
    /// Join a workspace with a ticket
    #[command(
        after_help = "Examples:\n  starling join TICKET\n  ssh alice starling invite create | starling join -"
    )]
    Join(JoinArgs),
    /// The founder's recovery key
    #[command(subcommand, after_help = "Example:\n  starling recovery show")]
    Recovery(RecoveryVerb),
    /// People of the workspace, and their devices
    #[command(subcommand, after_help = "Example:\n  starling member list")]
    Member(MemberVerb),
    /// Other devices, as the network sees them
    #[command(subcommand, after_help = "Example:\n  starling peer add /ip4/192.0.2.1/udp/4001/quic-v1")]
    Peer(PeerVerb),
    /// The exchange with peers
    #[command(subcommand, after_help = "Example:\n  starling sync wait --timeout 30s")]
    Sync(SyncVerb),
    /// Sessions with agents
    #[command(subcommand, after_help = "Example:\n  starling session new --agent scribe -m 'Hello' --follow")]
    Session(SessionVerb),
    /// Agents, and those that this device hosts
    #[command(
        subcommand,
        after_help = "Example:\n  starling agent add claude --acp npx -y @agentclientprotocol/claude-agent-acp"
    )]
    Agent(AgentVerb),
    /// Serve a turn's tools to its agent, over stdin and stdout (MCP)
    #[command(after_help = "Example, in an agent's settings:\n  starling mcp")]
    Mcp,
    /// Bring the git export up to date
    #[command(
        after_help = "Examples:\n  starling export && git clone ~/.local/share/starling/export.git\n  starling export --push git@example.com:team/sessions.git"
    )]
    Export {
        /// Push it to this device's branch of a remote: a path, a URL or host:path, with your own git and its keys
        #[arg(long, value_name = "REMOTE", value_parser = values::remote)]
        push: Option<Remote>,
    },
    /// Make a new home from a clone of the export
    #[command(
        after_help = "Examples:\n  starling --home D restore export.git && starling --home D join TICKET\n  starling --home D restore export.git --recovery recovery.key"
    )]
    Restore(RestoreArgs),
    /// Hold store, records and export of this home against each other; no node may run
    #[command(after_help = "Example:\n  starling down && starling verify")]
    Verify,
    /// What happens in the workspace, as it happens, until Ctrl-C
    #[command(after_help = "Example:\n  starling events --json | jq .event")]
    Events {
        /// Begin after the event with this number
        #[arg(long, value_name = "N")]
        since: Option<u64>,
    },
    /// Print a completion script, which also completes sessions, agents, devices and peers while the node runs
    #[command(
        after_help = "Examples:\n  source <(starling completion bash)    # in ~/.bashrc\n  source <(starling completion zsh)     # in ~/.zshrc, after compinit\n  starling completion fish | source     # in ~/.config/fish/config.fish"
    )]
    Completion {
        /// For which shell
        shell: Shell,
    },
    /// Write the manual's pages into a directory
    #[command(hide = true, after_help = "Example:\n  starling man ~/.local/share/man/man1")]
    Man {
        /// The directory; made if it is not there
        #[arg(value_hint = clap::ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// Run an agent so that it cannot outlive the node
    #[command(hide = true)]
    AgentGuard {
        /// Bytes of standard input that are the agent's
        #[arg(long, value_name = "N")]
        input_bytes: Option<usize>,
        /// Megabytes of memory that the agent and what it starts may have
        #[arg(long, value_name = "N")]
        memory_mb: Option<u32>,
        /// Program and arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct RestoreArgs {
    /// A clone of the export, bare or with a work tree
    pub(super) git_dir: PathBuf,
    /// A file with the founder's recovery key: this device becomes one of the founder's
    #[arg(long, value_name = "FILE")]
    pub(super) recovery: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct UpArgs {
    /// Your name in a new workspace [default: the login name]
    #[arg(long, value_name = "NAME", value_parser = values::handle)]
    pub(super) handle: Option<Handle>,
    /// Loopback address of the web page; port 0 picks one
    #[arg(long, value_name = "ADDR", value_parser = values::loopback)]
    pub(super) http: Option<SocketAddr>,
    /// Where peers reach this node; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = values::listen_address)]
    pub(super) listen: Vec<String>,
    /// Neither look for other nodes on the local network nor be found there
    #[arg(long)]
    pub(super) no_mdns: bool,
    /// A new workspace without the agent @scribe
    #[arg(long)]
    pub(super) no_demo_agent: bool,
    /// Open the web page; the first start at a terminal of a desktop does so by itself
    #[arg(long)]
    pub(super) open: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct JoinArgs {
    /// What `invite create` printed; `-` reads it from standard input
    #[arg(value_name = "TICKET|-", allow_hyphen_values = true)]
    pub(super) ticket: String,
    /// What this device is called [default: the machine's name]
    #[arg(long, value_name = "NAME", value_parser = values::label)]
    pub(super) label: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum InviteVerb {
    /// Make a ticket: for one device, once
    #[command(
        after_help = "Examples:\n  starling invite create --qr\n  starling invite create --as bob --expires 1h"
    )]
    Create {
        /// Whose device it will be [default: yours]
        #[arg(long = "as", value_name = "HANDLE", value_parser = values::handle)]
        handle: Option<Handle>,
        /// How long the ticket is good
        #[arg(long, value_name = "DUR", default_value = "24h", value_parser = values::duration)]
        expires: Duration,
        /// Show it as a QR code too
        #[arg(long)]
        qr: bool,
    },
    /// Tickets, and whether they are open, used or expired
    #[command(after_help = "Example:\n  starling invite list")]
    List,
    /// Withdraw a ticket
    #[command(after_help = "Example:\n  starling invite revoke ID")]
    Revoke {
        /// As `invite list` shows it
        #[arg(value_parser = values::plain_id)]
        id: String,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum RecoveryVerb {
    /// Print the key that can take the workspace back, and where it is
    #[command(
        after_help = "Example:\n  starling recovery show | lpr && rm ~/.local/share/starling/recovery.key"
    )]
    Show,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum MemberVerb {
    /// Members and their devices
    #[command(after_help = "Example:\n  starling member list")]
    List,
    /// Take a device's standing away: it writes nothing more, and nobody lets it in
    #[command(
        after_help = "Examples:\n  starling member revoke 3f9a21c0\n  starling member revoke 3f9a21c0 --keep-none"
    )]
    Revoke {
        /// The device's key, or its unique beginning: `starling member list` shows them
        #[arg(value_name = "DEVICE", value_parser = values::device, add = ArgValueCompleter::new(complete::devices))]
        device: String,
        /// Keep nothing of what it wrote, but what others built upon: for a device that was stolen
        #[arg(long)]
        keep_none: bool,
    },
    /// Remove a member with all its devices
    #[command(after_help = "Example:\n  starling member remove bob")]
    Remove {
        /// Who
        #[arg(value_parser = values::handle, add = ArgValueCompleter::new(complete::members))]
        handle: Handle,
        /// Keep nothing of what they wrote, but what others built upon
        #[arg(long)]
        keep_none: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum PeerVerb {
    /// Known peers, whether they are connected and in step
    #[command(after_help = "Example:\n  starling peer list")]
    List,
    /// Remember an address and call it
    #[command(after_help = "Example:\n  starling peer add /ip4/192.0.2.1/udp/4001/quic-v1")]
    Add {
        /// Where the peer listens
        #[arg(value_parser = values::multiaddr)]
        multiaddr: String,
    },
    /// Measure the round trip to a connected peer
    #[command(after_help = "Examples:\n  starling peer ping bob\n  starling peer ping 3f9a21c0 --count 10")]
    Ping {
        /// A device's key or its beginning, or the handle of whom it belongs to
        #[arg(value_name = "PEER", add = ArgValueCompleter::new(complete::peers))]
        peer: String,
        /// How often, a second apart
        #[arg(long, short, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        count: u32,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum SyncVerb {
    /// Who has what
    #[command(after_help = "Examples:\n  starling sync status\n  starling sync status qs-01JZ")]
    Status {
        /// Only what this session waits for
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        session: Option<Target>,
    },
    /// Wait until every connected peer has what we have; at most `--timeout`, or 30 s
    #[command(after_help = "Example:\n  starling sync wait --timeout 30s")]
    Wait,
    /// Cut the exchange with peers until `resume`
    #[command(after_help = "Example:\n  starling sync pause")]
    Pause,
    /// Take it up again
    #[command(after_help = "Example:\n  starling sync resume")]
    Resume,
}
