//! Strong removal by seniority: which admitted roster records are void. A record by someone whom a more senior one
//! removed counts only if the remover had seen it; so of two who remove each other the senior one's word stands.
//! "Strong remove" is the name that p2panda-auth gives the rule without seniority, where two who remove each other are
//! both out; that an order of seniority decides is Local-First Auth's answer. The duel itself is described by Weidner,
//! Kleppmann, Hugenroth and Beresford ("Key agreement for decentralized secure group messaging", CCS 2021).
//!
//! Removals are taken from the most senior down. One that nothing before it made void stands for good, and with it
//! whatever its author's standing rests upon; it makes void what its target wrote without it having seen, and all
//! that rests on that. Each step looks at ranks, pasts and earlier steps only, so the outcome is a function of the set
//! of records.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;

use super::Entry;
use super::standing::Authority;
use crate::fault::{Fault, planted};
use crate::id::{DeviceKey, MemberId};
use crate::payload::{MemberRole, Payload};

/// The records of `set` that are void. `set` holds the past of each of its members.
pub(super) fn void(entries: &[Entry], set: &FixedBitSet) -> FixedBitSet {
    let mut voiding = Voiding {
        entries,
        set,
        void: FixedBitSet::with_capacity(entries.len()),
        settled: FixedBitSet::with_capacity(entries.len()),
        written: BTreeMap::new(),
    };
    let mut removals: Vec<&Entry> = voiding.present().filter(|entry| entry.takes_away()).collect();
    voiding.list(&removals);
    removals.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.stamp().cmp(&b.stamp())));
    for removal in removals {
        if planted(Fault::StrongRemovalOff) {
            break;
        }
        if !voiding.void.contains(removal.at) {
            voiding.settle(removal);
            voiding.apply(removal);
        }
    }
    voiding.void
}

struct Voiding<'a> {
    entries: &'a [Entry],
    set: &'a FixedBitSet,
    void: FixedBitSet,
    /// Removals that stand, and what they rest upon: no more junior one undoes these.
    settled: FixedBitSet,
    /// What the targets of removals wrote.
    written: BTreeMap<Target, Vec<&'a Entry>>,
}

/// From whom a removal takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Device(DeviceKey),
    Member(MemberId),
}

impl<'a> Voiding<'a> {
    fn present(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let entries = self.entries;
        self.set.ones().filter_map(|at| entries.get(at))
    }

    fn list(&mut self, removals: &[&Entry]) {
        self.written = removals.iter().filter_map(|removal| Some((removal.target()?, Vec::new()))).collect();
        for entry in self.present() {
            let device = Target::Device(entry.signed.record().author);
            for author in entry.member.map(Target::Member).into_iter().chain([device]) {
                if let Some(list) = self.written.get_mut(&author) {
                    list.push(entry);
                }
            }
        }
    }

    fn settle(&mut self, removal: &Entry) {
        let mut todo = vec![removal.at];
        while let Some(at) = todo.pop() {
            if !self.void.contains(at) && !planted(Fault::SettledIgnored) && !self.settled.put(at) {
                todo.extend(
                    self.entries.get(at).into_iter().flat_map(|entry| entry.rests_on.iter().flatten()),
                );
            }
        }
    }

    fn apply(&mut self, removal: &Entry) {
        let written = removal.target().and_then(|target| self.written.get(&target));
        let hit = |entry: &&&Entry| self.is_open(entry) && removal.unsays(entry);
        let hits: Vec<usize> = written.into_iter().flatten().filter(hit).map(|entry| entry.at).collect();
        if !hits.is_empty() {
            self.void.extend(hits);
            self.follow();
        }
    }

    fn is_open(&self, entry: &Entry) -> bool {
        !self.void.contains(entry.at) && !self.settled.contains(entry.at)
    }

    /// What rests on void records alone is void. One pass is enough: positions are a topological order.
    fn follow(&mut self) {
        for entry in self.present() {
            let fallen = |grounds: &Vec<usize>| grounds.iter().all(|at| self.void.contains(*at));
            if self.is_open(entry) && entry.rests_on.iter().any(fallen) && !planted(Fault::GroundsIgnored) {
                self.void.insert(entry.at);
            }
        }
    }
}

impl Entry {
    /// Whether it takes standing, or a part of it, away from somebody.
    pub(super) fn takes_away(&self) -> bool {
        self.target().is_some()
    }

    fn target(&self) -> Option<Target> {
        match &self.signed.record().payload {
            Payload::RevokeDevice { cut } => Some(Target::Device(cut.device)),
            Payload::RemoveMember { member, .. } | Payload::ChangeRole { member, .. } => {
                Some(Target::Member(*member))
            }
            _ => None,
        }
    }

    /// Whether this removal makes `other`, which its target wrote, void: it is the more senior, had not seen it, was not
    /// seen by it (or was void where it was seen: else two who are removed could overrule the removal of the one by a
    /// back-dated word of the other), and takes away what `other` needed.
    fn unsays(&self, other: &Self) -> bool {
        let seen = self.past.contains(other.at) && !planted(Fault::SeenIsVoid);
        let heeded = other.past.contains(self.at) && !other.overruled.contains(self.at);
        let concurrent = !seen && !heeded;
        let senior = self.rank < other.rank || planted(Fault::JuniorVoids);
        concurrent && senior && self.takes_from(other)
    }

    fn takes_from(&self, other: &Self) -> bool {
        match &self.signed.record().payload {
            Payload::ChangeRole { role, .. } => other.needs > *role,
            _ => true,
        }
    }
}

/// What a right rests upon: for each ground at least one of its records has to stand. `present` are the records of the
/// writer's past that stand there.
pub(super) fn grounds<'a>(present: impl Iterator<Item = &'a Entry>, of: &Authority) -> Vec<Vec<usize>> {
    let named = [Some(of.device), Some(of.member), of.by.filter(|_| !planted(Fault::HandoverGroundIgnored))];
    let mut grounds: [Vec<usize>; 4] = Default::default();
    let (mut grants, mut lost) = (Vec::new(), FixedBitSet::new());
    for entry in present {
        for (ground, id) in grounds.iter_mut().zip(named) {
            ground.extend((id == Some(entry.signed.id())).then_some(entry.at));
        }
        match role_given(entry, of) {
            Some(role) if role >= of.needs => grants.push(entry.at),
            Some(_) => lost.union_with(&entry.past),
            None => {}
        }
    }
    let [.., roles] = &mut grounds;
    roles.extend(grants.into_iter().filter(|grant| !lost.contains(*grant)));
    grounds.into_iter().filter(|ground| !ground.is_empty()).collect()
}

fn role_given(entry: &Entry, of: &Authority) -> Option<MemberRole> {
    match &entry.signed.record().payload {
        Payload::Found { .. } if entry.signed.id() == of.member => Some(MemberRole::Founder),
        Payload::AddMember { role, .. } if entry.signed.id() == of.member => Some(*role),
        Payload::ChangeRole { member, role } if *member == of.member => Some(*role),
        _ => None,
    }
}
