//! The roster: who may act. Members, their devices and the agents they host, as signed records of the same make as a
//! session's, in one document a workspace. Its first record founds the workspace and names it. A record is judged by the
//! standing in its own past; what stands today is a fold over all records (`standing`).
//!
//! Taking standing away (revoking a device, removing a member) is understood and judged here; that it also decides which
//! older records count is not.

mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use crate::limits::{REFUSED_IDS_MAX, WAITING_RECORDS_MAX};
use crate::payload::{Payload, Role};
use crate::record::Record;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::waiting::Room;

pub use standing::{Agent, Device, Member, Standing};

#[derive(Debug, Clone)]
struct Entry {
    signed: Signed<Verified>,
    past: BTreeSet<RecordId>,
    lamport: u64,
    standing: Arc<Standing>,
}

/// One replica of the roster.
#[derive(Debug, Clone)]
pub struct Roster {
    workspace: WorkspaceId,
    entries: BTreeMap<RecordId, Entry>,
    order: Vec<RecordId>,
    heads: BTreeSet<RecordId>,
    room: Room,
    refused: BTreeMap<RecordId, Refusal>,
    standing: Arc<Standing>,
}

impl Roster {
    /// An empty replica of the roster of `workspace`.
    #[must_use]
    pub fn new(workspace: WorkspaceId) -> Self {
        Self {
            workspace,
            entries: BTreeMap::new(),
            order: Vec::new(),
            heads: BTreeSet::new(),
            room: Room::default(),
            refused: BTreeMap::new(),
            standing: Arc::default(),
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
            for record in self.room.release(id) {
                if let Offer::Admitted(more) = self.offer_one(record) {
                    admitted.extend(more);
                }
            }
        }
        let all: BTreeSet<_> = self.entries.keys().copied().collect();
        self.standing = Arc::new(self.fold(&all));
        Offer::Admitted(admitted)
    }

    fn offer_one(&mut self, signed: Signed<Verified>) -> Offer {
        let id = signed.id();
        if self.entries.contains_key(&id) {
            return Offer::Known;
        }
        if let Some(refusal) = self.refused.get(&id) {
            return Offer::Refused(*refusal);
        }
        let record = signed.record();
        if !record.is_roster() || record.workspace_of(id) != self.workspace {
            return Offer::Refused(Refusal::Stranger);
        }
        if record.deps.iter().any(|dep| self.refused.contains_key(dep)) {
            return self.refuse(id, Refusal::DependsOnRefused);
        }
        if let Some(missing) = record.deps.iter().find(|dep| !self.entries.contains_key(dep)).copied() {
            let kept = self.room.put(signed, missing, WAITING_RECORDS_MAX);
            return if kept { Offer::Waiting { missing } } else { Offer::NoRoom };
        }
        self.room.remove(&id);
        match self.verdict(record) {
            Ok(()) => {
                self.admit(signed.clone());
                Offer::Admitted(vec![signed])
            }
            Err(refusal) => self.refuse(id, refusal),
        }
    }

    fn verdict(&self, record: &Record) -> Result<(), Refusal> {
        for dep in &record.deps {
            if record.deps.iter().any(|other| other != dep && self.dominates(&[*other], &[*dep])) {
                return Err(Refusal::DepsNotAntichain);
            }
        }
        if matches!(record.payload, Payload::Found { .. }) {
            return Ok(());
        }
        let standing = self.at(&record.deps).ok_or(Refusal::Stranger)?;
        if standing.permits(&record.author, &record.payload) {
            Ok(())
        } else {
            Err(Refusal::NotAllowed(Role::Member))
        }
    }

    /// Remembers a refusal, and lets those that waited for the record fall with it. Past the bound nothing more is
    /// remembered: such a record is judged again when it comes again, and its dependants wait for what never comes.
    fn refuse(&mut self, id: RecordId, refusal: Refusal) -> Offer {
        let dependants = self.room.release_all(id);
        let fallen = dependants.into_iter().map(|dependant| (dependant, Refusal::DependsOnRefused));
        for (id, refusal) in std::iter::once((id, refusal)).chain(fallen) {
            if self.refused.len() < REFUSED_IDS_MAX {
                self.refused.insert(id, refusal);
            }
        }
        Offer::Refused(refusal)
    }

    fn admit(&mut self, signed: Signed<Verified>) {
        let id = signed.id();
        let deps = &signed.record().deps;
        let mut past: BTreeSet<RecordId> = deps
            .iter()
            .filter_map(|dep| self.entries.get(dep))
            .flat_map(|entry| entry.past.iter().copied())
            .collect();
        past.insert(id);
        let lamport =
            1 + deps.iter().filter_map(|dep| self.entries.get(dep)).map(|e| e.lamport).max().unwrap_or(0);
        for dep in deps {
            self.heads.remove(dep);
        }
        self.heads.insert(id);
        self.order.push(id);
        let entry = Entry { signed, past: past.clone(), lamport, standing: Arc::default() };
        self.entries.insert(id, entry);
        let standing = Arc::new(self.fold(&past));
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.standing = standing;
        }
    }

    /// What stands after these records: a fold in canonical order, (lamport, id).
    fn fold(&self, ids: &BTreeSet<RecordId>) -> Standing {
        let mut entries: Vec<_> = ids.iter().filter_map(|id| self.entries.get(id)).collect();
        entries.sort_by_key(|entry| (entry.lamport, entry.signed.id()));
        Standing::fold(entries.iter().map(|entry| (entry.signed.id(), entry.signed.record())))
    }

    /// What stood at `heads`; `None` if one of them is unknown or there are none.
    #[must_use]
    pub fn at(&self, heads: &[RecordId]) -> Option<Arc<Standing>> {
        match heads {
            [] => None,
            [one] => self.entries.get(one).map(|entry| entry.standing.clone()),
            many if many.iter().copied().eq(self.heads.iter().copied()) => Some(self.standing.clone()),
            many => {
                let entries: Option<Vec<_>> = many.iter().map(|head| self.entries.get(head)).collect();
                let past = entries?.iter().flat_map(|entry| entry.past.iter().copied()).collect();
                Some(Arc::new(self.fold(&past)))
            }
        }
    }

    /// Whether each of `older` is in the past of one of `newer`, or one of them.
    #[must_use]
    pub fn dominates(&self, newer: &[RecordId], older: &[RecordId]) -> bool {
        let in_past = |id: &RecordId| {
            newer.iter().filter_map(|head| self.entries.get(head)).any(|e| e.past.contains(id))
        };
        newer == older || older.iter().all(in_past)
    }

    /// Whether a record is admitted here.
    #[must_use]
    pub fn contains(&self, id: &RecordId) -> bool {
        self.entries.contains_key(id)
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

    /// All records in topological order.
    pub fn records(&self) -> impl Iterator<Item = &Signed<Verified>> {
        self.order.iter().filter_map(|id| self.entries.get(id)).map(|entry| &entry.signed)
    }

    /// What a peer lacks that has `heads`: exact where they are known here, else everything they do not cover.
    #[must_use]
    pub fn missing_for(&self, heads: &[RecordId]) -> Vec<&Signed<Verified>> {
        self.records().filter(|record| !self.dominates(heads, &[record.id()])).collect()
    }

    /// The records that admit `device`: its own, its member's, and all that these depend on, in topological order. Empty
    /// if it is not on the roster.
    #[must_use]
    pub fn proof_of(&self, device: &DeviceKey) -> Vec<&Signed<Verified>> {
        let Some(added) = self.standing.device(device).map(|found| found.record) else {
            return Vec::new();
        };
        let past = self.entries.get(&added).map(|entry| &entry.past);
        self.records().filter(|record| past.is_some_and(|past| past.contains(&record.id()))).collect()
    }
}

#[cfg(test)]
mod tests;
