//! What makes two runs comparable: one hash over every input and effect of every node, with its time. The same seed
//! must give the same hash; a different one means that something outside the seed had a say. Beside the hash, and only
//! when asked, there is an entry for each event that people and plots can read; entries are never hashed.

mod describe;
mod digest;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use starling_crdt::id::DeviceKey;
use starling_node::machine::input::Effect;

use crate::world::EPOCH_MS;

pub use describe::{RECORDS, TURN_BEGINS, TURN_ENDS};
use digest::Digest;

/// Characters of an entry's detail.
const DETAIL_CHARS_MAX: usize = 160;

/// One event, for a look at a failure. As JSON it is one line of a trace file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, ms from the world's beginning.
    pub ms: u64,
    /// On which node; nothing when it is the whole world's.
    pub node: Option<usize>,
    /// What: one word.
    pub what: String,
    /// More about it, in words.
    pub detail: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.map_or_else(|| "all".to_owned(), |node| format!("#{node}"));
        let (s, ms) = (self.ms / 1_000, self.ms % 1_000);
        write!(f, "{s:>6}.{ms:03}  {node:<5} {:<11} {}", self.what, self.detail)
    }
}

/// The running hash, and optionally the entries.
#[derive(Debug, Default)]
pub struct Trace {
    digest: Digest,
    /// Keeps an entry for each event.
    pub keep: bool,
    entries: Vec<Entry>,
    names: BTreeMap<DeviceKey, usize>,
}

impl Trace {
    /// Something happened on a node at `now_ms`.
    pub fn note(&mut self, now_ms: u64, node: usize, what: &str, detail: &[u8]) {
        self.digest.note(now_ms, node, what, detail);
        self.remark(now_ms, Some(node), what, || readable(detail));
    }

    /// A node wants something done.
    pub fn effect(&mut self, now_ms: u64, node: usize, effect: &Effect) {
        self.digest.effect(now_ms, node, effect);
        if self.keep {
            let (what, detail) = describe::effect(effect, &self.names);
            self.remark(now_ms, Some(node), what, || detail);
        }
    }

    /// An entry that follows from the seed and is not hashed: a step of the plan, or a phase of the run.
    pub fn remark(&mut self, now_ms: u64, node: Option<usize>, what: &str, detail: impl FnOnce() -> String) {
        if self.keep {
            let detail = cut(&detail());
            let ms = now_ms.saturating_sub(EPOCH_MS);
            self.entries.push(Entry { ms, node, what: what.to_owned(), detail });
        }
    }

    /// From now on a device is called by its node's number in entries.
    pub fn call(&mut self, device: DeviceKey, node: usize) {
        self.names.insert(device, node);
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> String {
        self.digest.hash()
    }

    /// How many events there were.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.digest.events()
    }

    /// All entries that were kept.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The newest entries that were kept, a line each.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let from = self.entries.len().saturating_sub(count);
        let lines: Vec<String> = self.entries.iter().skip(from).map(Entry::to_string).collect();
        lines.join("\n")
    }
}

/// Text as it is, anything else by its length.
fn readable(detail: &[u8]) -> String {
    match std::str::from_utf8(detail) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => format!("{} bytes", detail.len()),
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS_MAX).collect()
}
