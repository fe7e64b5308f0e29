//! What counts on a node, found from nothing but the records on its disk, and whether all nodes agree on it (INV-2, INV-5).
//! Nodes may hold different records that do not count: those are not compared. What the node itself says of a session,
//! its row, is held against what its records come to (INV-10).

mod memo;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use starling_crdt::id::{RecordId, StreamKey, WorkspaceId};
use starling_crdt::payload::{MemberRole, Payload};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::Session;
use starling_crdt::signed::{Received, Signed, Unverified, Verified};
use starling_crdt::view::{View, fold_held};
use starling_node::boot;
use starling_node::machine::input::{Input, NetInput};
use starling_node::machine::rows::{self, IndexRow, Stored};

pub(crate) use memo::Memo;

use crate::node::{Heard, Life, SimNode};
use crate::world::World;

/// How often it is looked whether nodes hold the same, ms.
const LOOK_MS: u64 = 50;
/// How often it is asked anew who has to become equal at all, ms.
const EXCUSE_MS: u64 = 30_000;
/// After so long nodes are compared that do not hold the same records, ms; then after twice that, and so on.
const COMPARE_MS: u64 = 4_000;
/// Up to so many nodes each is counted, in the order in which its records came.
const COUNTED_EACH_MAX: usize = 16;

/// The records of a node's roster, and its sessions.
type State = (Option<BTreeSet<RecordId>>, BTreeMap<StreamKey, Rc<Counted>>);

/// One session as far as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The records that count.
    pub records: BTreeSet<RecordId>,
    /// The view; how many records do not count is left out.
    pub view: View,
    /// The row; who wrote what does not count is left out.
    pub row: IndexRow,
}

/// The records of one stream as they are stored.
type Rows = Vec<([u8; 32], Vec<u8>)>;

fn roster_of(workspace: WorkspaceId, wires: &[Vec<u8>]) -> Roster {
    let mut roster = Roster::new(workspace);
    for record in wires.iter().filter_map(|wire| read(wire)) {
        roster.offer(record);
    }
    roster
}

fn session_of(key: StreamKey, rows: &Rows, roster: &Roster) -> Option<Session> {
    let mut session = Session::new(roster.workspace(), key);
    for (_, wire) in rows {
        session.restore(read(wire)?, roster);
    }
    Some(session)
}

impl Counted {
    /// What a session comes to.
    ///
    /// # Errors
    /// Its row is not what its records come to, or there is none.
    fn of(key: StreamKey, rows: &Rows, row: &[u8], roster: &Roster) -> Result<Self, String> {
        let Some(session) = session_of(key, rows, roster) else {
            return Err(format!("INV-4: {key} cannot be read"));
        };
        let row = rows::decode::<IndexRow>(row).ok_or_else(|| format!("{key} has no row"))?;
        let view = fold_held(&session, roster.standing()).ok_or_else(|| format!("{key} has no view"))?;
        if row != IndexRow::of(&session, &view, roster.standing()) {
            return Err(format!("INV-10: the row of {key} is not what its records come to: {row:?}"));
        }
        let records = session.entries().map(|entry| entry.signed.id()).collect();
        let row = IndexRow { basis: [0; 32], authors: Vec::new(), records: 0, ..row };
        Ok(Self { records, view: View { aside: 0, ..view }, row })
    }
}

fn read(wire: &[u8]) -> Option<Signed<Verified>> {
    match Signed::<Unverified>::decode(wire) {
        Ok(Received::Record(record)) => Some(record.trust()),
        _ => None,
    }
}

impl SimNode {
    /// One hash over which records it holds and what its rows say.
    fn rows_digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.durable);
        for (key, row) in self.store.as_ref().and_then(|store| store.index().ok()).unwrap_or_default() {
            hasher.update(&key).update(&(row.len() as u64).to_be_bytes()).update(&row);
        }
        *hasher.finalize().as_bytes()
    }

    fn stored(&self) -> Option<Stored> {
        boot::read(self.store.as_ref()?, self.workspace.as_ref()?).ok()
    }

    fn rows(&self, key: StreamKey) -> Option<Rows> {
        self.store.as_ref()?.load_stream(*key.as_bytes()).ok()
    }

    /// The roster on its disk.
    #[must_use]
    pub fn roster(&self) -> Option<Roster> {
        Some(roster_of(self.workspace?, &self.stored().map(|stored| stored.roster)?))
    }

    /// A session on its disk, counted under the roster there.
    #[must_use]
    pub fn session(&self, key: StreamKey, roster: &Roster) -> Option<Session> {
        session_of(key, &self.rows(key)?, roster)
    }

    /// The records of its roster, and all sessions of which something counts.
    ///
    /// # Errors
    /// A row that is not what the records come to, or none where there should be one.
    fn state(&self, memo: &mut Memo) -> Result<State, String> {
        let (Some(workspace), Some(stored)) = (self.workspace, self.stored()) else {
            return Ok((None, BTreeMap::new()));
        };
        let (basis, roster) = memo.roster(workspace, &stored.roster);
        let mut all = BTreeMap::new();
        for (key, row) in &stored.index {
            let rows = self.rows(*key).ok_or_else(|| format!("INV-4: {key} cannot be read"))?;
            let wires = rows.iter().map(|(_, wire)| wire.as_slice());
            let from = memo::key_of([&basis, key.as_bytes().as_slice(), row].into_iter().chain(wires));
            let counted = memo.session(from, || Counted::of(*key, &rows, row, &roster))?;
            if counted.view.revision > 0 {
                all.insert(*key, counted);
            }
        }
        Ok((Some(roster.records().map(Signed::id).collect()), all))
    }
}

impl World {
    /// Waits until these nodes agree on the roster, on what counts, on rows and views, and on the export. They are compared
    /// when they hold the same records, and now and then when not: what does not count may differ.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn agree(&mut self, nodes: &[usize], ms_max: u64) -> Result<(), String> {
        let end = self.now_ms() + ms_max;
        let (mut pause, mut patient_until) = (COMPARE_MS, self.now_ms() + COMPARE_MS);
        loop {
            self.run_for(LOOK_MS);
            let now = self.now_ms();
            if now < end && now < patient_until && !self.hold_the_same(nodes) {
                continue;
            }
            if now >= patient_until {
                pause *= 2;
                patient_until = now + pause;
            }
            match self.disagreement(nodes) {
                None => return Ok(()),
                Some(difference) if now >= end => return Err(difference),
                Some(_) => {}
            }
        }
    }

    /// Whether these nodes run, write nothing, and have the same records and exports.
    fn hold_the_same(&self, nodes: &[usize]) -> bool {
        let mut sims = nodes.iter().filter_map(|node| self.nodes.get(*node));
        let Some(first) = sims.next() else { return true };
        let is_idle = |sim: &SimNode| matches!(sim.life, Life::Up(_)) && sim.pending.is_empty();
        let is_same = |sim: &SimNode| sim.durable == first.durable && sim.export.tree == first.export.tree;
        is_idle(first) && sims.all(|sim| is_idle(sim) && is_same(sim))
    }

    /// Waits until all honest nodes agree; says what differs if they do not. When they do not in time, those that a lying
    /// disk damaged are given up, and the others begin anew.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn become_equal(&mut self, ms_max: u64) -> Result<(), String> {
        let mut end = self.now_ms() + ms_max;
        loop {
            self.excuse_void();
            let honest = self.honest();
            let left = end.saturating_sub(self.now_ms());
            match self.agree(&honest, left.min(EXCUSE_MS)) {
                Err(_) if left > EXCUSE_MS => {}
                Err(_) if self.give_up_damaged() => end = self.now_ms() + ms_max,
                done => return done,
            }
        }
    }

    /// Writes a roster record with a device's key, and hands it to its node as if a peer had gossiped it.
    pub fn write_roster(&mut self, node: usize, payload: Payload) -> Option<RecordId> {
        let sim = self.nodes.get(node)?;
        let roster = sim.roster()?;
        let record = Record {
            workspace: roster.workspace(),
            stream: roster.key(),
            author: sim.me,
            roster: Vec::new(),
            deps: roster.heads().iter().copied().collect(),
            at_ms: self.now_ms(),
            payload,
        };
        let signed = Signed::sign(record, &sim.key).ok()?;
        self.hear(node, node, &signed);
        Some(signed.id())
    }

    /// A node hears a record by gossip from another one, to be passed on if it accepts it.
    pub fn hear(&mut self, node: usize, from: usize, record: &Signed<Verified>) {
        let Some(device) = self.nodes.get(from).map(|sim| sim.me) else {
            return;
        };
        let token = self.draw(1 << 32, u64::MAX - 1);
        let bytes = record.wire().to_vec();
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.heard.insert(record.id());
            sim.judged.insert(token, Heard { id: record.id(), bytes: record.wire().into(), from, hops: 0 });
        }
        self.feed(node, Input::Net(NetInput::Gossip { from: device, token, bytes }));
    }

    /// Makes a member an admin, in the name of a device of the founder's.
    pub fn promote(&mut self, founder: usize, handle: &str) -> Option<RecordId> {
        let roster = self.nodes.get(founder)?.roster()?;
        let member = *roster.standing().member_called(&handle.parse().ok()?)?.0;
        self.write_roster(founder, Payload::ChangeRole { member, role: MemberRole::Admin })
    }

    /// What these nodes do not agree on. Of many nodes with the same records and rows one is counted for all.
    #[must_use]
    pub fn disagreement(&self, nodes: &[usize]) -> Option<String> {
        let mut first: Option<(usize, State)> = None;
        let mut known: BTreeSet<[u8; 32]> = BTreeSet::new();
        for node in nodes {
            let Some(sim) = self.nodes.get(*node) else { continue };
            match sim.life {
                Life::Up(_) => {}
                Life::Down if sim.workspace.is_some() => return Some(format!("#{node} does not run")),
                Life::Down | Life::Joining(_) | Life::Liar(_) | Life::Ruined => continue,
            }
            if !sim.pending.is_empty() {
                return Some(format!("#{node} is still writing"));
            }
            if let Some((other, _)) = &first
                && self.nodes.get(*other).is_some_and(|other| other.tree.files() != sim.tree.files())
            {
                return Some(format!("the exports of #{other} and #{node} differ"));
            }
            if nodes.len() > COUNTED_EACH_MAX && !known.insert(sim.rows_digest()) {
                continue;
            }
            let state = match sim.state(&mut self.counts.borrow_mut()) {
                Ok(state) => state,
                Err(what) => return Some(format!("#{node}: {what}")),
            };
            let Some((other, ours)) = &first else {
                first = Some((*node, state));
                continue;
            };
            let what = match (ours.0 == state.0, ours.1 == state.1) {
                (false, _) => "rosters",
                (_, false) => "sessions",
                (true, true) => continue,
            };
            return Some(format!("the {what} of #{other} and #{node} differ"));
        }
        None
    }
}
