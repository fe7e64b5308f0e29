//! What was counted before, under a hash of all bytes that it was counted from. Nodes with the same records in the same
//! order and the same row come to the same, and so does a node that is asked again before it wrote anything. Each is
//! still read from its own disk, as a whole, each time; what is wrong is never kept.

use std::collections::BTreeMap;
use std::rc::Rc;

use starling_crdt::id::WorkspaceId;
use starling_crdt::roster::Roster;

use super::{Counted, roster_of};

/// Results that are kept; a full memory starts anew.
const KEPT_MAX: usize = 1 << 12;

/// A hash of all that something was made from.
pub(super) type Key = [u8; 32];

/// Rosters and sessions that were counted.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    rosters: BTreeMap<Key, Rc<Roster>>,
    sessions: BTreeMap<Key, Rc<Counted>>,
}

/// The hash of a list of byte strings.
pub(super) fn key_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

impl Memo {
    /// The roster that these records come to, and the hash of it.
    pub(super) fn roster(&mut self, workspace: WorkspaceId, wires: &[Vec<u8>]) -> (Key, Rc<Roster>) {
        let first = [workspace.roster()];
        let parts = first.iter().map(|key| key.as_bytes().as_slice()).chain(wires.iter().map(Vec::as_slice));
        let key = key_of(parts);
        (key, kept(&mut self.rosters, key, || roster_of(workspace, wires)))
    }

    /// What a session comes to: what was kept under this hash of it, or else what `count` finds.
    pub(super) fn session(
        &mut self,
        key: Key,
        count: impl FnOnce() -> Result<Counted, String>,
    ) -> Result<Rc<Counted>, String> {
        if let Some(known) = self.sessions.get(&key) {
            return Ok(known.clone());
        }
        let counted = count()?;
        Ok(kept(&mut self.sessions, key, || counted))
    }
}

fn kept<T>(all: &mut BTreeMap<Key, Rc<T>>, key: Key, make: impl FnOnce() -> T) -> Rc<T> {
    if let Some(known) = all.get(&key) {
        return known.clone();
    }
    let made = Rc::new(make());
    if all.len() >= KEPT_MAX {
        all.clear();
    }
    all.insert(key, made.clone());
    made
}
