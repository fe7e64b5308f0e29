//! The harness of the black-box tests: real homes, real processes of the real binary, real sockets on loopback.
//!
//! It knows the command line, the HTTP interface and the exported git repository, and nothing of the node's insides.
//! Every wait is bounded and says what it waited for; a [`Node`] that goes out of scope is killed and reaped, and shows
//! its log when the test failed. In reading order: `wait`, `binary` (which `starling` is tested), `run` (one command and
//! its outcome), `node`, `http`, `processes`, `stories` (nodes that know each other), `impostor` (a modified peer), `programs` (agents of others),
//! `model` (what such an agent asks), `browser` (the page in Chromium).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a harness is the shell of its tests, and fails by panicking"
)]

mod binary;
mod browser;
mod http;
mod impostor;
mod model;
mod node;
mod processes;
mod programs;
mod run;
mod stories;
mod wait;

pub use binary::starling;
pub use browser::in_a_browser;
pub use http::{Answer, Api, Event, Events};
pub use impostor::{Impostor, turn};
pub use model::{Model, Say};
pub use node::Node;
pub use processes::processes_of;
pub use programs::Program;
pub use run::{Outcome, Run};
pub use stories::{Pair, entries, join, pair, pair_with, pairless, status_of};
pub use wait::{PATIENCE, pause, stays, wait_for};
