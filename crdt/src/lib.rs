//! Quick sessions as signed records: what a record is, whether it is allowed, and what it means.
//!
//! Pure: no IO, clock, randomness or async; the same records give the same answer everywhere. In reading order:
//! `id` and `text` (names and bounded strings), `limits` (every bound), `payload` and `record` (the typed write, its
//! bytes, its id),
//! `signed` (who wrote it), `roster` (who may act), `facts` and `rules` (the verdict from the causal past), `session`
//! (one replica), `document` (its automerge mirror), `view` (what it means), `command` (what a caller may ask),
//! `reference` (`session:<id>:L000001`).

pub mod command;
pub mod document;
pub mod facts;
#[cfg(feature = "planted")]
pub mod fault;
#[cfg(not(feature = "planted"))]
#[expect(unreachable_pub, reason = "the simulator plants bugs too, with the feature `planted`")]
mod fault;
#[cfg(test)]
mod histories;
pub mod id;
pub mod limits;
pub mod payload;
pub mod record;
pub mod reference;
pub mod roster;
pub mod rules;
pub mod session;
pub mod signed;
#[cfg(test)]
mod testing;
pub mod text;
pub mod verdicts;
pub mod view;
pub mod waiting;
