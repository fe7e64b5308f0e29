//! The shell: the one place that owns clock, randomness, threads and tasks. It starts the edges (store, transport, HTTP,
//! git, agents), runs the one loop that feeds the machine, and carries out its effects. It decides nothing. In reading
//! order: `setup` (from an empty home to a booted machine), `run` (the loop), `disk`, `network`, `pushing`, `turns` (the effects),
//! `join` (a device that is not a member yet), `restore` (a home from an export), `verify` (a home held against itself).

mod clock;
mod desk;
mod disk;
mod examine;
mod greeting;
mod join;
mod measure;
mod network;
mod pushing;
mod restore;
mod run;
mod setup;
mod showing;
mod turns;
mod verify;

use std::future::Future;
use std::io::{self, IsTerminal};
use std::time::{SystemTime, UNIX_EPOCH};

use run::Ended;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{Ambient, Failure, JoinOptions, RestoreOptions, UpOptions, VerifyOptions};
use crate::logs::{Keep, Logs};
use crate::spawner::{Spawn, Spawner, Task};

/// What is kept for `starling logs`: what our own parts say, and what goes wrong in others.
const KEPT: &str = "warn,starling_node=debug,starling_net=debug";

/// Clock, randomness and a look into the store, for the command line.
#[must_use]
pub const fn ambient() -> Ambient {
    Ambient { now_ms, random, hosted: examine::hosted }
}

#[allow(clippy::disallowed_methods, reason = "the shell reads the clock for everybody")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "the shell draws randomness for everybody")]
fn random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::from)
}

/// 32 bytes from the operating system.
fn random_32() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    random(&mut bytes).map_err(|error| failed("random", format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// The one spawner that touches tokio's runtime.
struct Tokio(tokio::runtime::Handle);

impl Spawn for Tokio {
    #[allow(clippy::disallowed_methods, reason = "this is the injected spawner")]
    fn spawn(&self, name: &'static str, task: Task) {
        tracing::trace!(name, "task");
        drop(self.0.spawn(task));
    }

    #[allow(clippy::disallowed_methods, reason = "this is the injected spawner")]
    fn spawn_blocking(&self, name: &'static str, work: Box<dyn FnOnce() + Send + 'static>) {
        tracing::trace!(name, "blocking task");
        drop(self.0.spawn_blocking(work));
    }
}

fn spawner() -> Spawner {
    Spawner::new(Tokio(tokio::runtime::Handle::current()))
}

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// [`Failure`] when the system gives no thread.
#[allow(clippy::disallowed_methods, reason = "the shell owns every thread")]
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<std::thread::JoinHandle<()>, Failure> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map_err(|error| failed("io", format!("no thread: {error}")))
}

/// A failure of the node itself: exit status 1.
fn failed(code: &str, detail: impl Into<String>) -> Failure {
    Failure::new(crate::cli::Exit::Failed, code, detail)
}

/// Runs the node of a home until it is told to stop.
///
/// # Errors
/// [`Failure`] says what to do.
pub async fn up(options: UpOptions) -> Result<(), Failure> {
    let logs = Logs::default();
    keep_logs(&logs);
    options.home.create()?;
    let _lock = options.home.lock()?;
    let stop = CancellationToken::new();
    greeting::stop_on_signals(&spawner(), stop.clone());
    unless(&stop, join::before_up(&options)).await?;
    boxed(up_again_and_again(options, logs, &stop)).await
}

/// Runs the node; when it has stopped to join another workspace, joins that and runs it again, at the same address.
async fn up_again_and_again(
    mut options: UpOptions,
    logs: Logs,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut join_error = None;
    while !stop.is_cancelled() {
        let Ended::ToJoin { http } =
            boxed(run::up(options.clone(), logs.clone(), join_error, stop.child_token())).await?
        else {
            break;
        };
        options = UpOptions { http: Some(http), open: false, ..options };
        join_error = unless(stop, join::again(&options)).await?;
    }
    Ok(())
}

/// Does something that takes time, unless the node is to stop: then nothing comes of it.
async fn unless<T: Default>(
    stop: &CancellationToken,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(T::default()),
        done = boxed(work) => done,
    }
}

/// Joins a workspace.
///
/// # Errors
/// [`Failure`] says what to do.
pub async fn join(options: JoinOptions) -> Result<(), Failure> {
    log_to_stderr();
    boxed(join::join(options)).await
}

/// Makes a home from a clone of an export.
///
/// # Errors
/// [`Failure`] says what to do; with something set aside the home is made all the same.
pub fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    log_to_stderr();
    restore::restore(options)
}

/// Holds store, records and export of a home against each other.
///
/// # Errors
/// [`Failure`] when something is wrong, or cannot be looked at.
pub fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    log_to_stderr();
    verify::verify(options)
}

/// Keeps large futures off the stack.
fn boxed<T>(work: impl Future<Output = T>) -> std::pin::Pin<Box<impl Future<Output = T>>> {
    Box::pin(work)
}

/// Warnings by default; `STARLING_LOG=starling_node=debug` shows more.
fn log_to_stderr() {
    // A second call in one process keeps the first subscriber.
    let _already_set = tracing_subscriber::registry().with(to_stderr()).try_init();
}

/// As [`log_to_stderr`], and keeps what the node itself says, in more detail, for `starling logs`.
fn keep_logs(logs: &Logs) {
    let keep = Keep::new(logs.clone(), now_ms).with_filter(EnvFilter::new(KEPT));
    let _already_set = tracing_subscriber::registry().with(to_stderr()).with(keep).try_init();
}

fn to_stderr<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let filter = EnvFilter::try_from_env("STARLING_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colours).with_filter(filter)
}
