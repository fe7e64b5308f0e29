//! The verbs of `starling session`.

use clap::Subcommand;
use clap_complete::engine::ArgValueCompleter;
use starling_crdt::id::{Handle, RecordId, SessionId};
use starling_crdt::text::{Body, RequestId, Summary, Title};

use crate::cli::complete;
use crate::cli::values::{self, LineTarget, Target, Text};

#[derive(Debug, Clone, Subcommand)]
pub(in crate::cli) enum SessionVerb {
    /// Open a session with an agent
    #[command(
        after_help = "Examples:\n  starling session new --agent scribe -m 'Hello' --follow\n  git diff | starling session new --agent claude -m -"
    )]
    New {
        /// With whom
        #[arg(long, value_name = "HANDLE", value_parser = values::handle, add = ArgValueCompleter::new(complete::agents))]
        agent: Handle,
        /// The first message; `-` reads it from standard input
        #[arg(long, short, value_name = "TEXT|-", value_parser = values::body, allow_hyphen_values = true)]
        message: Text<Body>,
        /// The session's id [default: a new one]
        #[arg(long, value_name = "ID", value_parser = values::session_id)]
        id: Option<SessionId>,
        /// Your name for this write: the same again is the same write
        #[arg(long, value_name = "R", value_parser = values::request_id)]
        request_id: Option<RequestId>,
        /// The session that this one goes on from, which was full
        #[arg(long, value_name = "ID", value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        continues: Option<Target>,
        /// Stay until the agent has answered
        #[arg(long)]
        follow: bool,
    },
    /// Sessions, newest first
    #[command(
        after_help = "Examples:\n  starling session list\n  starling session list --archived --agent scribe\n  starling session list --search 'release notes'"
    )]
    List {
        /// The closed ones instead
        #[arg(long)]
        archived: bool,
        /// Only with this agent
        #[arg(long, value_name = "H", value_parser = values::handle, add = ArgValueCompleter::new(complete::agents))]
        agent: Option<Handle>,
        /// Only those whose id, title or messages have this text; case does not matter
        #[arg(long, value_name = "TEXT", value_parser = values::search)]
        search: Option<String>,
        /// At most so many; all of them if not given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// A session with all its lines
    #[command(after_help = "Example:\n  starling session show qs-01JZ")]
    Show {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
    },
    /// Write a message
    #[command(
        after_help = "Examples:\n  starling session send qs-01JZ 'And on Windows?'\n  cat log.txt | starling session send qs-01JZ -"
    )]
    Send {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// The message; `-` reads it from standard input
        #[arg(value_name = "TEXT|-", value_parser = values::body, allow_hyphen_values = true)]
        text: Text<Body>,
        /// Your name for this write: the same again is the same write
        #[arg(long, value_name = "R", value_parser = values::request_id)]
        request_id: Option<RequestId>,
        /// The message that this one answers
        #[arg(long, value_name = "MESSAGE_ID", value_parser = values::message_id)]
        reply_to: Option<RecordId>,
    },
    /// Print a session's lines, and new ones as they come, until Ctrl-C
    #[command(after_help = "Example:\n  starling session follow qs-01JZ")]
    Follow {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
    },
    /// Allow what the agent asks for, this once
    #[command(after_help = "Examples:\n  starling session allow qs-01JZ\n  starling session allow qs-01JZ 3")]
    Allow {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// The request's number, as `session follow` shows it; without it you are shown what waits, and asked
        request: Option<u64>,
    },
    /// Refuse what the agent asks for
    #[command(after_help = "Examples:\n  starling session deny qs-01JZ\n  starling session deny qs-01JZ 3")]
    Deny {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// The request's number, as `session follow` shows it; may be left out where one waits
        request: Option<u64>,
    },
    /// End the running turn
    #[command(after_help = "Example:\n  starling session stop qs-01JZ")]
    Stop {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
    },
    /// Have a failed turn tried again
    #[command(after_help = "Example:\n  starling session retry qs-01JZ")]
    Retry {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
    },
    /// Set the title: yours to set, and the agent's in its turn
    #[command(after_help = "Example:\n  starling session title qs-01JZ 'Flaky build'")]
    Title {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// 1 to 80 characters
        #[arg(value_parser = values::title, allow_hyphen_values = true)]
        title: Title,
    },
    /// Answer, as the agent whose turn it is
    #[command(after_help = "Example, inside a turn:\n  starling session reply \"$ID\" 'It was the cache.'")]
    Reply {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// The answer; `-` reads it from standard input
        #[arg(value_name = "TEXT|-", value_parser = values::body, allow_hyphen_values = true)]
        text: Text<Body>,
    },
    /// Sum the session up, as the agent whose turn it is
    #[command(after_help = "Example, inside a turn:\n  starling session summarize \"$ID\" - < summary.txt")]
    Summarize {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
        /// 1 to 4,000 characters; `-` reads them from standard input
        #[arg(value_name = "TEXT|-", value_parser = values::summary, allow_hyphen_values = true)]
        text: Text<Summary>,
    },
    /// Close a session; a running turn is stopped
    #[command(after_help = "Example:\n  starling session archive qs-01JZ")]
    Archive {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::sessions))]
        id: Target,
    },
    /// Open a closed session again
    #[command(after_help = "Example:\n  starling session unarchive qs-01JZ")]
    Unarchive {
        /// Full id, reference or unique prefix
        #[arg(value_parser = values::target, add = ArgValueCompleter::new(complete::archived))]
        id: Target,
    },
    /// Print the reference of a session or of a line, to paste into a message
    #[command(after_help = "Example:\n  starling session ref qs-01JZ:3")]
    Ref {
        /// Full id, reference or unique prefix; a line number after a colon
        #[arg(value_name = "ID[:LINE]", value_parser = values::line_target, add = ArgValueCompleter::new(complete::sessions))]
        id: LineTarget,
    },
}
