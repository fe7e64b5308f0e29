//! The node machine in a simulated world: whole histories of one to three nodes, each over many seeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "seeds.rs"]
mod seeds;

mod machine {
    mod aside;
    mod chaos;
    mod clocks;
    mod common;
    mod contexts;
    mod crashes;
    mod delivery;
    mod disk;
    mod exports;
    mod joining;
    mod liars;
    mod lines;
    mod moving;
    mod network;
    mod one_node;
    mod permissions;
    #[cfg(feature = "planted")]
    mod planted;
    mod power_cuts;
    mod program;
    mod revocation;
    mod scenarios;
    mod search;
    mod shrinking;
    mod two_nodes;
    mod upgrade;
}
