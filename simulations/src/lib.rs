//! Many nodes in one thread, from one seed. The decisions (`machine`), the sync protocol and the store are the real
//! ones; clock, randomness, network, disk, agents and the export's repository are simulated, so that a history of
//! crashes, cuts and lies can be repeated exactly.
//!
//! In reading order: `world` (the clock and the event queue), `effects`, `wires` and `turns` (what nodes want done),
//! `node` (one simulated computer), `network` and `lines`, `disk`, `power`, `naps` and `clock`, `agents`, `export`, `liar` and
//! `liars` (devices that break the rules), `ledger` (what is durable where), `invariants` (what must hold, with `model` to
//! compare with), `trace` (what makes two runs comparable), `people` (what tests do to a world). Upon these: `scenario`
//! (what is run, as data), `plan` (what a seed makes of it), `run` (one seed), `campaign` (many seeds), `report` (what they
//! showed), `shrink` (the shortest history that still fails).

pub mod agents;
pub mod campaign;
pub mod checker;
pub mod clock;
pub mod counted;
pub mod desk;
pub mod disk;
mod effects;
mod ending;
pub mod export;
pub mod fault;
mod faults;
pub mod invariants;
pub mod ledger;
pub mod liar;
mod liars;
mod lines;
pub mod logs;
pub mod metrics;
pub mod model;
pub mod naps;
pub mod network;
pub mod node;
pub mod panics;
pub mod people;
pub mod plan;
pub mod planted;
pub mod population;
pub mod power;
pub mod power_cuts;
pub mod report;
pub mod run;
pub mod scenario;
pub mod scenarios;
pub mod shrink;
pub mod survey;
pub mod trace;
mod turns;
mod wires;
pub mod world;

pub use agents::Behaviour;
pub use checker::{Breach, Checker, Found};
pub use fault::Fault;
pub use scenario::Scenario;
pub use world::World;
