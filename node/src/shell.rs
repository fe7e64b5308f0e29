//! The one event loop.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::{Ambient, Failure, JoinOptions, UpOptions};

/// Clock and randomness for the command line.
#[must_use]
pub const fn ambient() -> Ambient {
    Ambient { now_ms, random }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the shell reads the clock for everybody"
)]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[allow(
    clippy::disallowed_methods,
    reason = "the shell draws randomness for everybody"
)]
fn random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::from)
}

/// Runs the node of a home until it is told to stop.
///
/// # Errors
/// [`Failure`] says what to do.
pub async fn up(_options: UpOptions) -> Result<(), Failure> {
    Err(Failure::not_built_in("up"))
}

/// Joins a workspace.
///
/// # Errors
/// [`Failure`] says what to do.
pub async fn join(_options: JoinOptions) -> Result<(), Failure> {
    Err(Failure::not_built_in("join"))
}
