//! One simulated computer: a disk with the real store on it, the real machine while it runs, and what a shell keeps
//! beside it (running turns, the export's repository, gossip that waits for a verdict). A crash drops all but the disk
//! and the export.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{AttemptId, DeviceKey, RecordId, StreamKey, WorkspaceId};
use starling_crdt::signed::device_key;
use starling_node::machine::activity::Activity;
use starling_node::machine::info::ExportState;
use starling_node::machine::input::BatchSeq;
use starling_node::machine::joining::Joining;
use starling_node::machine::ticket::Ticket;
use starling_node::machine::{Boot, Node};
use starling_node::store::{Batch, Options, Store, StoreError};

use crate::agents::{Behaviour, Running};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::export::Tree;
use crate::liar::Liar;
use crate::naps::Nap;
use crate::panics;
use crate::power::Promised;

/// Memory for a store's pages: the disk is in memory too, and there are many.
const CACHE_BYTES: usize = 256 * 1024;

/// What runs on a computer.
pub enum Life {
    /// Nothing.
    Down,
    /// A device that redeems an invitation.
    Joining(Box<Joining>),
    /// The node.
    Up(Box<Node>),
    /// A device of the roster that breaks the rules.
    Liar(Box<Liar>),
    /// Nothing ever again: its disk lied, and lost what the store needs.
    Ruined,
}

/// When the machine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake {
    /// In the time that it is told.
    pub at_ms: u64,
    /// In the world's.
    pub due_ms: u64,
}

/// A gossiped record that waits for its verdict.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its id.
    pub id: RecordId,
    /// The record.
    pub bytes: Arc<[u8]>,
    /// Who handed it over.
    pub from: usize,
    /// Links of the overlay that it had crossed.
    pub hops: u8,
}

/// One simulated computer.
pub struct SimNode {
    /// The device's key.
    pub key: SigningKey,
    /// The same, in public.
    pub me: DeviceKey,
    /// The workspace, once it is in one.
    pub workspace: Option<WorkspaceId>,
    /// Its disk.
    pub disk: Disk,
    /// When the disk has room again, if it was filled.
    pub room_ms: u64,
    /// What an honest disk has to have after a power cut.
    pub promised: Promised,
    /// Its clock.
    pub clock: Clock,
    /// It sleeps.
    pub nap: Option<Nap>,
    /// The store on it, while open.
    pub store: Option<Store>,
    /// What runs.
    pub life: Life,
    /// Counts starts, so that what was meant for the one before does not reach the next.
    pub epoch: u64,
    /// The ids of all durable records, one added to the other: the same for who holds the same.
    pub durable: [u8; 32],
    /// Batches that are not durable yet.
    pub pending: BTreeMap<BatchSeq, Batch>,
    /// The last batch of the commit that runs.
    pub writing: Option<BatchSeq>,
    /// When the machine wants to be woken.
    pub wake: Option<Wake>,
    /// Who takes part in gossip with it.
    pub allow: BTreeSet<DeviceKey>,
    /// Gossip that it has heard or said.
    pub heard: BTreeSet<RecordId>,
    /// Gossip that waits for a verdict.
    pub judged: BTreeMap<u64, Heard>,
    /// Turns that run.
    pub turns: BTreeMap<AttemptId, Running>,
    /// What it was told that agents do, here or elsewhere.
    pub activity: Vec<Activity>,
    /// Permission requests that it answered, and how.
    pub permitted: Vec<(u64, bool)>,
    /// How its agents behave.
    pub behaviour: Behaviour,
    /// The export's repository; it outlives a crash.
    pub tree: Tree,
    /// What it last said of itself; outlives a crash.
    pub export: ExportState,
    /// Inputs that the machine was given.
    pub inputs: u64,
    /// Commits that the disk refused.
    pub failed_commits: u64,
    /// It said that it may be stopped.
    pub stopped: bool,
    /// It breaks the rules: what it does and holds says nothing about the code under test.
    pub liar: bool,
    /// The founder was told to revoke it: nobody works on it any more, and it need not become equal.
    pub revoked: bool,
    /// It joined while people were at work.
    pub late: bool,
    /// The invitation that it redeems.
    pub invitation: Option<Ticket>,
}

impl SimNode {
    /// A computer that has never run.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self {
            me: device_key(&key),
            key,
            workspace: None,
            disk: Disk::default(),
            room_ms: 0,
            promised: Promised::default(),
            clock: Clock::default(),
            nap: None,
            store: None,
            life: Life::Down,
            epoch: 0,
            durable: [0; 32],
            pending: BTreeMap::new(),
            writing: None,
            wake: None,
            allow: BTreeSet::new(),
            heard: BTreeSet::new(),
            judged: BTreeMap::new(),
            turns: BTreeMap::new(),
            activity: Vec::new(),
            permitted: Vec::new(),
            behaviour: Behaviour::default(),
            tree: Tree::default(),
            export: ExportState::default(),
            inputs: 0,
            failed_commits: 0,
            stopped: false,
            liar: false,
            revoked: false,
            late: false,
            invitation: None,
        }
    }

    /// Whether it keeps to the rules and was not revoked.
    #[must_use]
    pub const fn is_honest(&self) -> bool {
        !self.liar && !self.revoked
    }

    /// Whether anything runs.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        !matches!(self.life, Life::Down | Life::Ruined)
    }

    /// Whether anything runs and would answer.
    #[must_use]
    pub const fn is_awake(&self) -> bool {
        self.is_up() && self.nap.is_none()
    }

    /// Whether its disk has ever lied: nothing that it acknowledged is sure to be there, and its store may be lost.
    #[must_use]
    pub fn lied(&self) -> bool {
        self.disk.has_lied()
    }

    /// Opens the store on the disk.
    ///
    /// # Errors
    /// The store's own.
    pub fn open(&mut self) -> Result<&Store, StoreError> {
        let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
        self.drop_store();
        let store = panics::quiet(|| Store::open_with(self.disk.plug(), options))?;
        Ok(self.store.insert(store))
    }

    /// redb writes when it goes, and may meet a page that a lying disk spoiled.
    fn drop_store(&mut self) {
        panics::quiet(|| self.store = None);
    }

    /// Whether its disk lied, and what runs on it runs on a store that does not match its own checksums, or whose tables do
    /// not match each other.
    pub(crate) fn is_damaged(&self) -> bool {
        let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
        let audit = || Store::open_with(self.disk.copy().plug(), options)?.audit();
        let is_sound = || panics::quiet(audit).is_ok_and(|faults| faults.is_empty());
        self.lied() && matches!(self.life, Life::Up(_)) && !is_sound()
    }

    /// Drops everything but the disk and the export.
    pub fn crash(&mut self) {
        self.life = Life::Down;
        self.epoch += 1;
        self.drop_store();
        self.pending.clear();
        self.writing = None;
        self.wake = None;
        self.nap = None;
        self.allow.clear();
        self.heard.clear();
        self.judged.clear();
        self.turns.clear();
        self.stopped = false;
    }

    /// What a start of the node needs, read from the store.
    ///
    /// # Errors
    /// The store's own.
    pub fn boot(&self, seed: [u8; 32], now_ms: u64) -> Result<Option<Boot>, StoreError> {
        let (Some(store), Some(workspace)) = (&self.store, self.workspace) else {
            return Ok(None);
        };
        let stored = panics::quiet(|| starling_node::boot::read(store, &workspace))?;
        // As the shell does: an export of which the store does not know the commit is made anew as a whole.
        let changed = stored.exported.as_deref().and_then(|commit| self.tree.changed_since(commit));
        let export = changed.as_ref().map(|_| self.export.clone()).unwrap_or_default();
        let strays = changed.unwrap_or_else(|| self.tree.files().keys().cloned().collect());
        Ok(Some(Boot { key: self.key.clone(), workspace, seed, now_ms, stored, export, strays, push: None }))
    }

    /// Notes that a record has become durable.
    pub(crate) fn note_durable(&mut self, id: &[u8; 32]) {
        for (sum, byte) in self.durable.iter_mut().zip(id) {
            *sum ^= byte;
        }
    }

    /// Finds out anew what is durable.
    pub(crate) fn count_durable(&mut self) {
        self.durable = [0; 32];
        let Some(store) = &self.store else { return };
        let streams = panics::quiet(|| store.streams().unwrap_or_default());
        let load = |stream| panics::quiet(|| store.load_stream(stream).unwrap_or_default());
        let rows: Vec<_> = streams.into_iter().flat_map(load).collect();
        rows.iter().for_each(|(id, _)| self.note_durable(id));
    }

    /// Whether a record is durable here.
    #[must_use]
    pub fn holds(&self, id: &RecordId) -> bool {
        let store = self.store.as_ref();
        store.is_some_and(|store| store.contains(*id.as_bytes()).unwrap_or(false))
    }

    /// All durable records of all streams, by stream.
    #[must_use]
    pub fn records(&self) -> BTreeMap<StreamKey, BTreeMap<[u8; 32], Vec<u8>>> {
        let Some(store) = &self.store else {
            return BTreeMap::new();
        };
        let streams = store.streams().unwrap_or_default().into_iter();
        let load = |stream| store.load_stream(stream).unwrap_or_default().into_iter().collect();
        streams.map(|stream| (StreamKey::from_bytes(stream), load(stream))).collect()
    }
}
