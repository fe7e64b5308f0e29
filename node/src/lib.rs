//! The Starling node: a pure state machine, and the parts of the world that it is connected to.
//!
//! `machine` decides and never touches the world; `store` keeps records in redb. Behind the feature `daemon` are the
//! edges (`git`, `push`, `agent`, `http`, `cli`) and the `shell`, the one loop that owns clock, randomness and tasks.
//! Edges never call each other: they meet in the shell.

pub mod boot;
#[cfg(feature = "planted")]
pub mod fault;
#[cfg(not(feature = "planted"))]
#[expect(unreachable_pub, reason = "the simulator plants bugs, with the feature `planted`")]
mod fault;
pub mod machine;
#[cfg(feature = "daemon")]
mod rebuilt;
pub mod store;

#[cfg(feature = "daemon")]
pub mod agent;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
mod doctor;
#[cfg(feature = "daemon")]
pub mod git;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
mod logs;
#[cfg(feature = "daemon")]
mod programs;
#[cfg(feature = "daemon")]
pub mod push;
#[cfg(feature = "daemon")]
pub mod shell;
#[cfg(feature = "daemon")]
pub mod spawner;
