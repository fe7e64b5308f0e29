//! Agents as real processes: the driver, the demo agent, the shim and the guard, against a daemon that only records.
//!
//! Each test waits for at most [`WAIT`]; each checks what a person would see (calls, events, processes), never internals.

#![cfg(feature = "daemon")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod agents {
    mod guarding;
    pub(crate) mod harness;
    mod jsonl;
    mod protocol;
    mod turns;
}
