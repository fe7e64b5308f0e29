//! The command line: words in, calls to the node out, answers shown.
//!
//! [`parse`] turns arguments into an [`Invocation`] and touches nothing; [`run`] carries out the verbs that
//! ask a running node over its Unix socket. Verbs that *are* the node or an agent (`up`, `join`, `mcp`, ...)
//! are handed to `main`, which calls the shell: edges never call each other. Clock and randomness come in as
//! [`Ambient`]. In reading order: `args` (the verbs), `values` (words to types), `failure` (exit statuses),
//! `client`, `model`, `render`, then the verbs; `options` is what the shell is told.

mod activity;
mod agents;
mod args;
mod beside;
mod checkup;
mod client;
mod complete;
mod configure;
mod detect;
pub mod embedded;
mod explained;
mod failure;
mod follow;
mod logs;
mod man;
mod model;
mod node;
mod options;
mod out;
mod ping;
mod progress;
mod render;
mod reports;
mod service;
mod session;
mod sync;
mod trial;
mod values;
mod workspace;

pub use beside::{INVITER_UNREACHABLE, join_beside};
pub use complete::complete;
pub use failure::{Exit, Failure};
pub use options::{JoinOptions, RestoreOptions, UpOptions, VerifyOptions};
pub use progress::Progress;
pub use reports::{Problem, Restored, SetAside, Verified};

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use starling_crdt::id::Handle;
use starling_crdt::text::RequestId;
use ulid::Ulid;

use crate::agent::guard::Bounds;
use crate::config::Home;
use crate::machine::input::AgentProfile;
use args::{AgentVerb, Args, Global, Verb};
use client::Client;
use out::Out;
use values::Invalid;

/// How long an ordinary call may take: a node on the same machine answers in milliseconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node may take to end its turns and to close its store.
const DOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// Agents that a home hosts, and how each is run.
pub type Hosted = Vec<(Handle, AgentProfile)>;

/// Clock, randomness and the store, from the shell.
#[derive(Debug, Clone, Copy)]
pub struct Ambient {
    /// Now, ms since 1970.
    pub now_ms: fn() -> u64,
    /// Fills the buffer from the operating system's random source.
    pub random: fn(&mut [u8]) -> io::Result<()>,
    /// Opens the store of a home whose node does not run: the agents that it hosts, or why it cannot be read.
    pub hosted: fn(&Home) -> Result<Hosted, Failure>,
}

/// What the user asked for.
#[derive(Debug)]
pub enum Invocation {
    /// Help or the version: print it and exit with 0.
    Text(String),
    /// Be the node of a home.
    Up(UpOptions),
    /// Join a workspace.
    Join(JoinOptions),
    /// Make a home from a clone of an export.
    Restore(RestoreOptions),
    /// Hold store, records and export of a home against each other.
    Verify(VerifyOptions),
    /// Be the built-in agent, over stdin and stdout.
    AgentDemo {
        /// What it does.
        script: Option<PathBuf>,
    },
    /// Serve a turn's tools over stdin and stdout.
    Mcp,
    /// Run an agent so that it cannot outlive the node.
    AgentGuard {
        /// Of its input and its memory.
        bounds: Bounds,
        /// Program and arguments.
        command: Vec<OsString>,
    },
    /// Everything else: for [`run`].
    Verb(Box<Command>),
}

/// A verb for [`run`], with all its words checked.
#[derive(Debug)]
pub struct Command {
    global: Global,
    home: Home,
    verb: Verb,
}

/// What verbs work with.
struct Context {
    home: Home,
    client: Client,
    out: Out,
    ambient: Ambient,
    /// How long a verb that keeps time itself may take.
    timeout: Option<Duration>,
}

impl Context {
    fn now_ms(&self) -> u64 {
        (self.ambient.now_ms)()
    }

    fn random(&self) -> Result<u128, Failure> {
        let mut bytes = [0; 16];
        (self.ambient.random)(&mut bytes)
            .map_err(|error| Failure::new(Exit::Failed, "io", format!("no random bytes: {error}")))?;
        Ok(u128::from_le_bytes(bytes))
    }

    /// A name for a write: when the connection breaks, the same write is sent again and done once.
    fn request_id(&self) -> Result<RequestId, Failure> {
        let id = Ulid::from_parts(self.now_ms(), self.random()?).to_string();
        RequestId::new(id).map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))
    }
}

/// Understands the arguments (the first is the program's name). Reads `stdin` only for `join -`, touches
/// nothing else.
///
/// # Errors
/// [`Exit::Usage`], with the code that the node would have answered for a word that is invalid.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    stdin: &mut dyn Read,
) -> Result<Invocation, Failure> {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let Args { global, verb } = args;
    let named = global.home.as_deref().filter(|dir| !dir.as_os_str().is_empty());
    let home = Home::resolve(named)?;
    Ok(match verb {
        Verb::Up(up) => Invocation::Up(UpOptions {
            home,
            handle: up.handle,
            http: up.http,
            listen: up.listen,
            mdns: !up.no_mdns,
            demo_agent: !up.no_demo_agent,
            open: up.open,
            json: global.json,
            quiet: global.quiet,
        }),
        Verb::Join(join) => Invocation::Join(JoinOptions {
            home,
            ticket: values::ticket(&join.ticket, stdin)?,
            label: join.label,
            timeout: global.timeout,
            json: global.json,
            quiet: global.quiet,
        }),
        Verb::Restore(restore) => Invocation::Restore(RestoreOptions {
            home,
            from: restore.git_dir,
            recovery: restore.recovery,
            json: global.json,
            quiet: global.quiet,
        }),
        Verb::Verify => Invocation::Verify(VerifyOptions { home, json: global.json, quiet: global.quiet }),
        Verb::Agent(AgentVerb::Demo { script }) => Invocation::AgentDemo { script },
        Verb::Mcp => Invocation::Mcp,
        Verb::AgentGuard { command, input_bytes, memory_mb } => {
            Invocation::AgentGuard { command, bounds: Bounds { input_bytes, memory_mb } }
        }
        verb => Invocation::Verb(Box::new(Command { global, home, verb })),
    })
}

/// clap's verdict: help and version are no failure; a refused value has the code of its own check.
fn usage(error: &clap::Error) -> Result<Invocation, Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Ok(Invocation::Text(error.render().ansi().to_string()));
    }
    if let Some(invalid) = error.source().and_then(|source| source.downcast_ref::<Invalid>()) {
        return Err(invalid.clone().into());
    }
    if let Some(ContextValue::Strings(commands)) = error.get(ContextKind::ValidSubcommand) {
        let all = Args::command();
        let is_hidden = |name: &str| all.find_subcommand(name).is_some_and(clap::Command::is_hide_set);
        let shown: Vec<&str> = commands.iter().map(String::as_str).filter(|name| !is_hidden(name)).collect();
        let failure = Failure::new(Exit::Usage, "usage", "a command is missing");
        return Err(failure.hint(format!("one of {} (see `--help`)", shown.join(", "))));
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (what, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let line = |prefix: &str| rest.lines().find_map(|line| line.trim_start().strip_prefix(prefix));
    let advice = line("tip: ").or_else(|| line("Usage: ")).unwrap_or("starling COMMAND");
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(Failure::new(Exit::Usage, "usage", what).hint(format!("{advice} (see `--help`)")))
}

/// Tells the user why it failed, on standard error; says nothing for an interruption. Returns the exit
/// status.
pub fn report(failure: &Failure, json: bool) -> u8 {
    Out::of_process(json, false).failure(failure);
    failure.exit as u8
}

/// Prints a text of our own on standard output. A reader that went away is no error.
///
/// # Errors
/// [`Exit::Failed`] when it cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    Out::of_process(false, false).data(text)
}

/// Prints a hint on standard error.
pub fn note(text: &str) {
    Out::of_process(false, false).note(text);
}

/// Whether the arguments ask for JSON, even where they could not be understood.
#[must_use]
pub fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// Carries out a verb: until it is done, `--timeout` is over, or Ctrl-C. Prints its data; failures are for
/// [`report`].
///
/// # Errors
/// [`Failure`] carries the exit status.
pub async fn run(command: Command, ambient: Ambient) -> Result<(), Failure> {
    let out = Out::of_process(command.global.json, command.global.quiet);
    // The work comes first: it reads standard input before it waits for anything, and until then Ctrl-C ends
    // the process in the usual way.
    tokio::select! {
        biased;
        ended = carry_out(command, ambient, out) => ended,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}

async fn carry_out(command: Command, ambient: Ambient, out: Out) -> Result<(), Failure> {
    let Command { global, home, verb } = command;
    let socket = global
        .socket
        .or_else(|| home.read_endpoint().map(|there| there.socket))
        .unwrap_or_else(|| home.socket());
    let own_time = matches!(verb, Verb::Agent(AgentVerb::Test { .. }));
    let limit = global.timeout.or_else(|| default_timeout(&verb)).filter(|_| !own_time);
    let what = what_takes_long(&verb);
    let context = Context { client: Client::new(&socket), home, out, ambient, timeout: global.timeout };
    let work = Box::pin(dispatch(context, verb));
    match limit {
        None => work.await,
        Some(limit) => {
            tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(Failure::timed_out(what)))
        }
    }
}

/// What stays until it is interrupted has no limit of its own.
fn default_timeout(verb: &Verb) -> Option<Duration> {
    use args::SessionVerb;
    match verb {
        Verb::Status { watch: true }
        | Verb::Logs { follow: true, .. }
        | Verb::Agent(AgentVerb::Logs { follow: true, .. })
        | Verb::Peer(args::PeerVerb::Ping { .. })
        | Verb::Events { .. }
        | Verb::Export { .. }
        | Verb::Session(SessionVerb::Follow { .. } | SessionVerb::New { follow: true, .. }) => None,
        Verb::Down => Some(DOWN_TIMEOUT),
        _ => Some(CALL_TIMEOUT),
    }
}

const fn what_takes_long(verb: &Verb) -> &'static str {
    match verb {
        Verb::Sync(args::SyncVerb::Wait) => "waiting for the peers",
        Verb::Session(_) => "the session's answer",
        Verb::Down => "the end of the node",
        _ => "the node's answer",
    }
}

async fn dispatch(mut context: Context, verb: Verb) -> Result<(), Failure> {
    let cx = &mut context;
    match verb {
        Verb::Down => node::down(cx).await,
        Verb::Status { watch } => node::status(cx, watch).await,
        Verb::Id => node::id(cx),
        Verb::Open { print } => node::open(cx, print).await,
        Verb::Recovery(args::RecoveryVerb::Show) => node::recovery(cx),
        Verb::Export { push } => node::export(cx, push).await,
        Verb::Events { since } => node::events(cx, since).await,
        Verb::Invite(verb) => workspace::invite(cx, verb).await,
        Verb::Member(verb) => workspace::member(cx, verb).await,
        Verb::Peer(verb) => workspace::peer(cx, verb).await,
        Verb::Sync(verb) => sync::run(cx, verb).await,
        Verb::Session(verb) => session::run(cx, verb).await,
        Verb::Agent(verb) => agents::run(cx, verb).await,
        Verb::Doctor => checkup::run(cx).await,
        Verb::Logs { follow, since } => logs::node(cx, follow, since).await,
        Verb::Config(verb) => configure::run(cx, verb).await,
        Verb::Service(verb) => service::run(cx, verb).await,
        Verb::Completion { shell } => complete::script(cx, shell),
        Verb::Man { dir } => man::write(cx, &dir),
        // These are handed out by `parse`.
        Verb::Up(_) => Err(Failure::not_built_in("up")),
        Verb::Join(_) => Err(Failure::not_built_in("join")),
        Verb::Restore(_) => Err(Failure::not_built_in("restore")),
        Verb::Verify => Err(Failure::not_built_in("verify")),
        Verb::Mcp => Err(Failure::not_built_in("mcp")),
        Verb::AgentGuard { .. } => Err(Failure::not_built_in("agent-guard")),
    }
}

#[cfg(test)]
mod tests;
