//! One replica of a history: a roster and a session, fed as a node feeds them. It takes bytes, checks the signature, and
//! tells the session when the roster grew; after each step it looks for what must not have happened.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::{Pool, has, places};
use crate::fault::{Fault, planted};
use crate::id::{RecordId, StreamKey};
use crate::payload::Payload;
use crate::roster::Roster;
use crate::rules::Refusal;
use crate::session::{Offer, Session};
use crate::signed::{Received, Signed, Verified};
use crate::view::{Line, View, fold};

/// What must not be, in words.
pub(super) type Violation = String;

pub(super) struct Node {
    /// Whose device it is.
    pub(super) seed: u8,
    pub(super) roster: Roster,
    pub(super) session: Session,
    pub(super) refused: BTreeMap<RecordId, Refusal>,
    /// What the session admitted, by its own word.
    named: BTreeSet<RecordId>,
    /// Planted bug only.
    shunned: BTreeSet<RecordId>,
    counted: BTreeSet<RecordId>,
    sealed: Vec<Line>,
}

impl Node {
    pub(super) fn new(seed: u8, roster: Roster, key: StreamKey) -> Self {
        Self {
            seed,
            session: Session::new(roster.workspace(), key),
            roster,
            refused: BTreeMap::new(),
            named: BTreeSet::new(),
            shunned: BTreeSet::new(),
            counted: BTreeSet::new(),
            sealed: Vec::new(),
        }
    }

    /// Takes a record of the session as bytes.
    pub(super) fn receive(&mut self, wire: &[u8], pool: &Pool) -> Result<(), Violation> {
        let Ok(Received::Record(record)) = Signed::decode(wire) else {
            return Err("a record that cannot be read".to_owned());
        };
        let id = record.id();
        if self.shunned.contains(&id) {
            return Ok(());
        }
        match record.verify() {
            Ok(record) => self.take(&record, pool).map(drop),
            Err(_) if planted(Fault::BadSignatureRemembered) => {
                self.shunned.insert(id);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    pub(super) fn take(&mut self, record: &Signed<Verified>, pool: &Pool) -> Result<bool, Violation> {
        if self.shunned.contains(&record.id()) {
            return Ok(false);
        }
        match self.session.offer(record.clone(), &self.roster) {
            Offer::Admitted(new) => self.admitted(&new, pool).map(|()| true),
            Offer::Refused(refusal) => {
                self.refused.insert(record.id(), refusal);
                Ok(false)
            }
            Offer::NoRoom => Err("no room in a short history".to_owned()),
            Offer::Waiting { .. } | Offer::Known => Ok(false),
        }
    }

    /// Takes a roster record; whether it was new.
    pub(super) fn take_roster(&mut self, record: &Signed<Verified>, pool: &Pool) -> Result<bool, Violation> {
        let Offer::Admitted(new) = self.roster.offer(record.clone()) else {
            return Ok(false);
        };
        self.session.recount(self.roster.standing());
        for record in new {
            let admitted = self.session.roster_grew(record.id(), &self.roster);
            self.admitted(&admitted, pool)?;
        }
        Ok(true)
    }

    /// INV-4 and INV-1, as soon as records are admitted.
    fn admitted(&mut self, new: &[Signed<Verified>], pool: &Pool) -> Result<(), Violation> {
        for record in new {
            let (id, record) = (record.id(), record.record());
            if !record.deps.iter().all(|dep| self.named.contains(dep)) {
                return Err(format!("INV-4: {id:?} is admitted before its deps"));
            }
            if !self.named.insert(id) {
                return Err(format!("INV-4: {id:?} is admitted twice"));
            }
            let gated = matches!(record.payload, Payload::Reply { .. } | Payload::Summary { .. });
            if gated && !pool.is_titled(pool.below(&record.deps)) {
                return Err(format!("INV-1: {id:?} has no title in its past"));
            }
        }
        Ok(())
    }

    pub(super) fn view(&self) -> Option<View> {
        fold(&self.session, self.roster.standing())
    }

    pub(super) fn heads(&self) -> Vec<RecordId> {
        self.session.heads().iter().copied().collect()
    }

    pub(super) fn roster_heads(&self) -> Vec<RecordId> {
        self.roster.heads().iter().copied().collect()
    }

    /// After each step: INV-1 for what is shown, and INV-6.
    pub(super) fn look(&mut self, pool: &Pool) -> Result<(), Violation> {
        let Some(view) = self.view() else {
            return Ok(());
        };
        for (at, line) in view.lines.iter().enumerate() {
            if line.number != at as u64 + 1 || line.point_to >= line.number {
                return Err(format!("lines are not dense: {:?}", view.lines));
            }
            let record = pool.place(&line.message_id).ok_or("a line of no record")?;
            let agent = pool.payload(record).turn().is_some();
            if agent && !pool.is_titled(pool.past(record)) {
                return Err(format!("INV-1: line {} has no title in its past", line.number));
            }
        }
        let counted: BTreeSet<RecordId> = self.session.entries().map(|entry| entry.signed.id()).collect();
        let sealed: Vec<Line> = view.lines.iter().take_while(|line| line.sealed).cloned().collect();
        if view.lines.iter().skip(sealed.len()).any(|line| line.sealed) {
            return Err("a sealed line after one that is not".to_owned());
        }
        let taken_away = !self.counted.is_subset(&counted);
        let stays = self.sealed.len() <= sealed.len() && self.sealed.iter().zip(&sealed).all(same_line);
        if !stays && view.fork.is_none() && !taken_away {
            return Err(format!("INV-6: sealed lines changed from {:?} to {sealed:?}", self.sealed));
        }
        (self.counted, self.sealed) = (counted, sealed);
        Ok(())
    }

    /// What of a device's records a revocation would keep: the maximal ones that are here.
    pub(super) fn newest_of(&self, device: &crate::id::DeviceKey) -> Vec<RecordId> {
        let pool = Pool::of(self.session.admitted().map(|entry| &entry.signed));
        let own = places(pool.all()).filter(|at| pool.record(*at).author == *device);
        let own = own.fold(0, |set, at| set | 1 << at);
        let covered = |at: &usize| places(own).any(|other| other != *at && has(pool.past(other), *at));
        let newest = places(own).filter(|at| !covered(at)).map(|at| pool.id(at));
        newest.collect::<BTreeSet<_>>().into_iter().take(crate::limits::CUT_HEADS_MAX).collect()
    }
}

fn same_line((before, after): (&Line, &Line)) -> bool {
    let shown = |line: &Line| (line.number, line.message_id, line.author);
    shown(before) == shown(after) && before.body == after.body
}
