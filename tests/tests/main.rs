//! What Starling promises, seen from outside: one module a promise. One binary, so that everything is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and are their own shell"
)]

mod a_clone_is_a_backup;
mod acknowledged_survives_kill;
mod agents_of_the_command_line;
mod answered_on_another_machine;
mod boundaries;
mod clean_shutdown;
mod demo_steps;
mod export_is_rebuilt;
mod export_survives_kill;
mod first_run;
mod found_and_delivered;
mod http_door;
mod hub_in_a_browser;
mod idle_agents_rest;
mod invites;
mod joined_from_the_page;
mod limits;
mod one_turn_at_a_time;
mod partition_heals;
mod pushed_exports_agree;
mod real_agents;
mod revoked_device;
mod seen_from_afar;
mod title_gate;
mod transcripts;
mod waits_while_the_agent_is_away;
