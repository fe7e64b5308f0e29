//! The agent's side of a session, as the device that hosts it knows it: how to resume it, how full it is, and its
//! generation. Never replicated. A row that cannot be read, or is of another program, means a fresh context and nothing
//! worse: the session itself is in the records.
//!
//! When a context is nearly full, the next prompt asks for a summary; once the agent has given it, the token is dropped
//! and the generation goes up by one, so that the next turn begins with the summary and the newest lines. What an older
//! generation still reports counts for nothing.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use starling_crdt::id::{AttemptId, StreamKey};

use super::Node;
use super::input::AgentProfile;
use super::rows;
use crate::store::Space;

/// A context this full, in percent, is to be summed up: what is left still has room for the summary.
const FULL_PERCENT: u64 = 80;
/// Bytes of a token that is kept; agents' own ids have some dozens.
const TOKEN_BYTES_MAX: usize = 4_096;

/// What is kept of the agent's side of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ContextRow {
    /// The agent's own name for the session, if it can resume it.
    #[n(0)]
    pub token: Option<String>,
    /// Digest of the program that gave the token.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub program: [u8; 32],
    /// How often the context was begun anew.
    #[n(2)]
    pub generation: u64,
    /// Tokens in use, and tokens there are, as the agent said last.
    #[n(3)]
    pub usage: Option<Usage>,
    /// The turn that was taken up again after this device stopped in the middle, and how often.
    #[n(4)]
    pub taken_up: Option<TakenUp>,
}

/// How full a context is, in the model's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Usage {
    /// In use.
    #[n(0)]
    pub used: u64,
    /// In all.
    #[n(1)]
    pub size: u64,
}

/// A turn that was interrupted and begun again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TakenUp {
    /// Its attempt.
    #[n(0)]
    pub attempt: AttemptId,
    /// How often.
    #[n(1)]
    pub times: u32,
}

impl Usage {
    /// Whether the context is to be summed up.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.size > 0 && self.used.saturating_mul(100) >= self.size.saturating_mul(FULL_PERCENT)
    }
}

impl ContextRow {
    /// The token, if it is of this program.
    pub(super) fn token_for(&self, profile: &AgentProfile) -> Option<String> {
        self.token.clone().filter(|_| self.program == program_of(profile))
    }

    fn asks_for_summary(&self) -> bool {
        self.usage.is_some_and(|usage| usage.is_full())
    }
}

/// The contexts of the sessions that were ever worked on here.
#[derive(Debug, Default)]
pub(super) struct Contexts(BTreeMap<StreamKey, ContextRow>);

impl Contexts {
    pub(super) fn load(rows: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let key = StreamKey::from_bytes(key.as_slice().try_into().ok()?);
            Some((key, rows::decode(row)?))
        };
        Self(rows.iter().filter_map(read).collect())
    }

    pub(super) fn get(&self, key: &StreamKey) -> ContextRow {
        self.0.get(key).cloned().unwrap_or_default()
    }
}

/// What a turn begins with.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) resume: Option<String>,
    pub(super) generation: u64,
    pub(super) ask_summary: bool,
}

impl Node {
    /// The context that a turn of this session begins with.
    pub(super) fn context_for(&self, key: &StreamKey, profile: &AgentProfile) -> Begin {
        let row = self.contexts.get(key);
        Begin {
            resume: row.token_for(profile),
            generation: row.generation,
            ask_summary: row.asks_for_summary(),
        }
    }

    /// What a turn of this generation reports of the agent's side.
    pub(super) fn keep_context(
        &mut self,
        key: StreamKey,
        generation: u64,
        profile: &AgentProfile,
        token: Option<String>,
        usage: Option<Usage>,
    ) {
        let mut row = self.contexts.get(&key);
        if row.generation != generation {
            return;
        }
        row.token = token.filter(|token| token.len() <= TOKEN_BYTES_MAX);
        row.program = program_of(profile);
        row.usage = usage.or(row.usage);
        self.put_context(key, row);
    }

    /// The agent has summed the session up because it was asked to: its next turn begins afresh.
    pub(super) fn renew_context(&mut self, key: StreamKey) {
        let old = self.contexts.get(&key);
        let generation = old.generation.saturating_add(1);
        self.put_context(key, ContextRow { generation, taken_up: old.taken_up, ..ContextRow::default() });
    }

    /// Counts that an interrupted turn is taken up again; returns how often it was, this time included.
    pub(super) fn count_taken_up(&mut self, key: StreamKey, attempt: AttemptId) -> u32 {
        let mut row = self.contexts.get(&key);
        let before = row.taken_up.filter(|taken| taken.attempt == attempt).map_or(0, |taken| taken.times);
        let times = before.saturating_add(1);
        row.taken_up = Some(TakenUp { attempt, times });
        self.put_context(key, row);
        times
    }

    fn put_context(&mut self, key: StreamKey, row: ContextRow) {
        if self.contexts.get(&key) != row {
            self.commits.stage_local(Space::Turn, key.as_bytes().to_vec(), Some(rows::encode(&row)));
            self.contexts.0.insert(key, row);
        }
    }
}

/// Digest of what is run and where: a token of one program is of no use to another, nor in another directory.
pub(super) fn program_of(profile: &AgentProfile) -> [u8; 32] {
    let bytes = rows::encode(&(&profile.kind, &profile.cwd));
    *blake3::Hasher::new_derive_key("starling/agent-program/1").update(&bytes).finalize().as_bytes()
}

#[cfg(test)]
pub(super) mod tests;
