//! The roster: who may act. Members, their devices and the agents they host, as signed records of the same make as a
//! session's, in one document a workspace. Its first record founds the workspace and names it.
//!
//! As in a session, a record is admitted by its own causal past alone (`permits`), and that verdict never changes. What
//! stands is another matter: a fold over all admitted records (`fold`), in which the word of a more senior one (`rank`)
//! undoes what it had not seen (`strong`). Replicas with the same records agree on both.

mod fold;
mod permits;
mod rank;
mod standing;
mod strong;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;

use crate::facts::Stamp;
use crate::id::{DeviceKey, MemberId, RecordId, StreamKey, WorkspaceId};
use crate::limits::{ROSTER_HEADS_MAX, STANDINGS_KEPT};
use crate::payload::{MemberRole, Payload, Role};
use crate::record::Record;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::waiting::Door;

pub use rank::{Rank, Seniority};
pub use standing::{Agent, Device, Member, Offered, Standing};

/// An admitted record, and what its past says of it. Positions are those of arrival: a topological order.
#[derive(Debug, Clone)]
struct Entry {
    at: usize,
    signed: Signed<Verified>,
    /// Positions of its past, itself included.
    past: FixedBitSet,
    lamport: u64,
    /// Removals in its past that were void there. Should one of them stand in the end, its author had no right to pass
    /// over it.
    overruled: FixedBitSet,
    /// How senior its author was in its past.
    rank: Rank,
    /// For whom it was written; `None` for the recovery key.
    member: Option<MemberId>,
    /// The least role that could write it.
    needs: MemberRole,
    /// What its author's standing rested upon: for each ground, the records of which one has to stand.
    rests_on: Vec<Vec<usize>>,
    /// Whom its author's device must not outrank, nor a device that it adds.
    adder: Option<Seniority>,
    /// The epoch of the agent that it hands over.
    epoch: u32,
}

impl Entry {
    fn stamp(&self) -> Stamp {
        (self.lamport, self.signed.id())
    }
}

/// One replica of the roster.
#[derive(Debug)]
pub struct Roster {
    workspace: WorkspaceId,
    entries: Vec<Entry>,
    positions: BTreeMap<RecordId, usize>,
    /// Positions of the records that take standing away, in order.
    removals: Vec<usize>,
    heads: BTreeSet<RecordId>,
    door: Door,
    standing: Arc<Standing>,
    /// What stood at heads of the past, as it was asked for.
    kept: Mutex<BTreeMap<Vec<RecordId>, Arc<Standing>>>,
}

impl Clone for Roster {
    fn clone(&self) -> Self {
        Self {
            workspace: self.workspace,
            entries: self.entries.clone(),
            positions: self.positions.clone(),
            removals: self.removals.clone(),
            heads: self.heads.clone(),
            door: self.door.clone(),
            standing: self.standing.clone(),
            kept: Mutex::default(),
        }
    }
}

impl Roster {
    /// An empty replica of the roster of `workspace`.
    #[must_use]
    pub fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            entries: Vec::new(),
            positions: BTreeMap::new(),
            removals: Vec::new(),
            heads: BTreeSet::new(),
            door: Door::default(),
            standing: Arc::default(),
            kept: Mutex::default(),
        }
    }

    /// Offers a verified record; as [`crate::session::Session::offer`].
    pub fn offer(&mut self, signed: Signed<Verified>) -> Offer {
        let mut admitted = match self.offer_one(signed) {
            Offer::Admitted(first) => first,
            other => return other,
        };
        let mut next = 0;
        while let Some(id) = admitted.get(next).map(Signed::id) {
            next += 1;
            for record in self.door.room_mut().release(id) {
                if let Offer::Admitted(more) = self.offer_one(record) {
                    admitted.extend(more);
                }
            }
        }
        Offer::Admitted(admitted)
    }

    fn offer_one(&mut self, signed: Signed<Verified>) -> Offer {
        let id = signed.id();
        if self.contains(&id) {
            return Offer::Known;
        }
        let record = signed.record();
        if !record.is_roster() || record.workspace_of(id) != self.workspace {
            return Offer::Refused(Refusal::Stranger);
        }
        if let Some(refusal) = self.door.refusal(&id, &record.deps) {
            self.door.refuse(id, refusal);
            return Offer::Refused(refusal);
        }
        if let Some(missing) = record.deps.iter().find(|dep| !self.contains(dep)).copied() {
            let owner = self.standing.device(&signed.record().author).map(|device| device.member);
            let kept = self.door.wait(signed, missing, owner);
            return if kept { Offer::Waiting { missing } } else { Offer::NoRoom };
        }
        self.door.room_mut().remove(&id);
        match self.verdict(&signed) {
            Ok(entry) => {
                self.admit(entry);
                Offer::Admitted(vec![signed])
            }
            Err(refusal) => {
                self.door.refuse(id, refusal);
                Offer::Refused(refusal)
            }
        }
    }

    /// The verdict and, if it is good, the entry. A function of the record's past alone.
    fn verdict(&self, signed: &Signed<Verified>) -> Result<Entry, Refusal> {
        let record = signed.record();
        for dep in &record.deps {
            if record.deps.iter().any(|other| other != dep && self.dominates(&[*other], &[*dep])) {
                return Err(Refusal::DepsNotAntichain);
            }
        }
        let at = self.entries.len();
        let mut past = self.past_of(&record.deps);
        let deps = record.deps.iter().filter_map(|dep| self.entry(dep));
        let lamport = 1 + deps.map(|entry| entry.lamport).max().unwrap_or(0);
        let mut entry = Entry {
            at,
            signed: signed.clone(),
            past: FixedBitSet::new(),
            overruled: FixedBitSet::new(),
            lamport,
            rank: Rank::first(Seniority::founder()),
            member: None,
            needs: MemberRole::Founder,
            rests_on: Vec::new(),
            adder: None,
            epoch: 0,
        };
        if !matches!(record.payload, Payload::Found { .. }) {
            let standing = self.at(&record.deps).ok_or(Refusal::Stranger)?;
            let authority = standing.authority(&record.author, &record.payload);
            let authority = authority.ok_or(Refusal::NotAllowed(Role::Member))?;
            let is_void = |entry: &&Entry| standing.is_void(&entry.signed.id());
            let removals = self.removals.iter().filter(|at| past.contains(**at));
            let removed: Vec<&Entry> = removals.filter_map(|at| self.entries.get(*at)).collect();
            removed.iter().copied().filter(is_void).for_each(|e| entry.overruled.grow_and_insert(e.at));
            // No other record of the past can be a ground: one that is named, or one that changes a role.
            let mut grounds: Vec<&Entry> = authority.named().filter_map(|id| self.entry(&id)).collect();
            grounds.retain(|entry| past.contains(entry.at) && !entry.takes_away());
            grounds.extend(removed);
            grounds.sort_unstable_by_key(|entry| entry.at);
            grounds.dedup_by_key(|entry| entry.at);
            entry.rests_on = strong::grounds(grounds.into_iter().filter(|entry| !is_void(entry)), &authority);
            (entry.rank, entry.member, entry.needs) = (authority.rank, authority.acts_for, authority.needs);
            entry.adder = authority.adder;
            entry.epoch = epoch_named(record, &standing);
        }
        past.grow_and_insert(at);
        entry.past = past;
        Ok(entry)
    }

    fn admit(&mut self, entry: Entry) {
        let id = entry.signed.id();
        for dep in &entry.signed.record().deps {
            self.heads.remove(dep);
        }
        self.heads.insert(id);
        self.positions.insert(id, entry.at);
        self.removals.extend(entry.takes_away().then_some(entry.at));
        // Most records are written by who has seen all others: such an addition undoes nothing and comes last.
        if self.heads.len() == 1 && !entry.takes_away() {
            Arc::make_mut(&mut self.standing).append(&entry);
            self.entries.push(entry);
            return;
        }
        self.entries.push(entry);
        let mut all = FixedBitSet::with_capacity(self.entries.len());
        all.insert_range(..);
        self.standing = Arc::new(Standing::fold(&self.entries, &all));
    }

    fn entry(&self, id: &RecordId) -> Option<&Entry> {
        self.entries.get(*self.positions.get(id)?)
    }

    /// The records from which `heads` are made up, themselves included.
    fn past_of(&self, heads: &[RecordId]) -> FixedBitSet {
        let mut past = FixedBitSet::with_capacity(self.entries.len());
        for entry in heads.iter().filter_map(|head| self.entry(head)) {
            past.union_with(&entry.past);
        }
        past
    }

    /// What stood at `heads`; `None` if one of them is unknown or there are none.
    #[must_use]
    pub fn at(&self, heads: &[RecordId]) -> Option<Arc<Standing>> {
        if heads.is_empty() || !heads.iter().all(|head| self.contains(head)) {
            return None;
        }
        if heads.iter().copied().eq(self.heads.iter().copied()) {
            return Some(self.standing.clone());
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = kept.get(heads) {
            return Some(standing.clone());
        }
        let standing = Arc::new(Standing::fold(&self.entries, &self.past_of(heads)));
        if kept.len() >= STANDINGS_KEPT {
            kept.clear();
        }
        kept.insert(heads.to_vec(), standing.clone());
        Some(standing)
    }

    /// Whether each of `older` is in the past of one of `newer`, or one of them.
    #[must_use]
    pub fn dominates(&self, newer: &[RecordId], older: &[RecordId]) -> bool {
        let in_past = |id: &RecordId| {
            let at = self.positions.get(id);
            at.is_some_and(|at| {
                newer.iter().filter_map(|head| self.entry(head)).any(|e| e.past.contains(*at))
            })
        };
        newer == older || older.iter().all(in_past)
    }

    /// Whether a record is admitted here.
    #[must_use]
    pub fn contains(&self, id: &RecordId) -> bool {
        self.positions.contains_key(id)
    }

    /// What stands now.
    #[must_use]
    pub const fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// The workspace.
    #[must_use]
    pub const fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The key of the roster's stream.
    #[must_use]
    pub const fn key(&self) -> StreamKey {
        self.workspace.roster()
    }

    /// The maximal records, sorted.
    #[must_use]
    pub const fn heads(&self) -> &BTreeSet<RecordId> {
        &self.heads
    }

    /// The heads that a record by `author` names: all of them, or, should there be more than it may name (whoever writes
    /// on old heads can make any number), those that have the author's own device in their past, then those that stand,
    /// then the most senior. Who finds more writes a [`Payload::Merge`] on these first, so that nothing is left out.
    #[must_use]
    pub fn write_heads(&self, author: &DeviceKey) -> Vec<RecordId> {
        let mut heads: Vec<&Entry> = self.heads.iter().filter_map(|head| self.entry(head)).collect();
        if heads.len() > ROSTER_HEADS_MAX {
            let own = self.standing.device(author).and_then(|device| self.positions.get(&device.record));
            heads.sort_by_cached_key(|head| {
                let has_own = own.is_some_and(|own| head.past.contains(*own));
                let id = head.signed.id();
                (!has_own, self.standing.is_void(&id), head.rank.clone(), id)
            });
            heads.truncate(ROSTER_HEADS_MAX);
        }
        let mut heads: Vec<RecordId> = heads.into_iter().map(|head| head.signed.id()).collect();
        heads.sort_unstable();
        heads
    }

    /// All records in topological order, void ones too: who has the same records agrees on what is void.
    pub fn records(&self) -> impl Iterator<Item = &Signed<Verified>> {
        self.entries.iter().map(|entry| &entry.signed)
    }

    /// All records with their places in the canonical order, in topological order.
    pub fn stamped(&self) -> impl Iterator<Item = (Stamp, &Signed<Verified>)> {
        self.entries.iter().map(|entry| (entry.stamp(), &entry.signed))
    }

    /// How senior the author of an admitted record was when it was written.
    #[must_use]
    pub fn rank_of(&self, id: &RecordId) -> Option<&Rank> {
        self.entry(id).map(|entry| &entry.rank)
    }

    /// What a peer lacks that has `heads`: exact where they are known here, else everything they do not cover.
    #[must_use]
    pub fn missing_for(&self, heads: &[RecordId]) -> Vec<&Signed<Verified>> {
        let has = self.past_of(heads);
        let lacking = self.entries.iter().filter(|entry| !has.contains(entry.at));
        lacking.map(|entry| &entry.signed).collect()
    }

    /// The records that admit `device`: its own, its member's, and all that these depend on, in topological order. Empty
    /// if it is not on the roster.
    #[must_use]
    pub fn proof_of(&self, device: &DeviceKey) -> Vec<&Signed<Verified>> {
        let added = self.standing.device(device).and_then(|found| self.entry(&found.record));
        let past = added.map(|entry| &entry.past);
        let proves = |entry: &&Entry| past.is_some_and(|past| past.contains(entry.at));
        self.entries.iter().filter(proves).map(|entry| &entry.signed).collect()
    }
}

/// The epoch of the agent that a handover is about.
fn epoch_named(record: &Record, standing: &Standing) -> u32 {
    match &record.payload {
        Payload::Handover { agent, .. } => standing.agent(agent).map_or(0, |agent| agent.epoch),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
