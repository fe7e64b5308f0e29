//! What Starling promises, seen from outside: one module a promise. One binary, so that everything is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and are their own shell"
)]

mod answered_on_another_machine;
mod clean_shutdown;
mod first_run;
mod partition_heals;
mod waits_while_the_agent_is_away;
