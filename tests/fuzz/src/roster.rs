//! Histories of a roster: the input chooses authors, kinds, what is named and on which records each record stands. Every
//! record is signed by its author; many are refused, because the input gives no thought to who may do what.

use std::collections::BTreeSet;

use starling_crdt::id::{DeviceKey, Handle, RecordId, WorkspaceId};
use starling_crdt::payload::{Cut, MemberRole, Payload};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::signed::{Signed, Verified};
use starling_crdt::text::Label;

use crate::choices::Choices;
use crate::{AT_MS, deps, device, key};

/// Records that an input makes at most: a fold takes all of them at each, so that more only costs time.
pub const RECORDS_MAX: usize = 40;
/// Few names, so that they collide.
const HANDLES: [&str; 5] = ["alice", "bob", "ann", "claude", "claude-2"];

/// A replica, and all records that it was offered, in this order.
#[derive(Debug)]
pub struct History {
    /// The replica.
    pub roster: Roster,
    /// What it was offered: admitted, refused and waiting ones.
    pub records: Vec<Signed<Verified>>,
    members: Vec<RecordId>,
    agents: Vec<RecordId>,
}

/// Signs a roster record. `None` when it is outside a bound.
#[must_use]
pub fn sign(
    workspace: WorkspaceId,
    author: usize,
    deps: Vec<RecordId>,
    payload: Payload,
) -> Option<Signed<Verified>> {
    let stream = workspace.roster();
    let author_key = device(author);
    let record =
        Record { workspace, stream, author: author_key, roster: Vec::new(), deps, at_ms: AT_MS, payload };
    Signed::sign(record, key(author)).ok()
}

impl History {
    /// A workspace that device 0 founded.
    #[must_use]
    pub fn founded() -> Self {
        let zero = WorkspaceId::from_bytes([0; 32]);
        let payload = Payload::Found {
            handle: handle("alice"),
            label: label("laptop"),
            recovery: Some(device(crate::DEVICES - 1)),
        };
        let first = sign(zero, 0, Vec::new(), payload).expect("a founding record is within all bounds");
        let founder = first.id();
        let mut roster = Roster::new(WorkspaceId::founded_by(founder));
        roster.offer(first.clone());
        Self { roster, records: vec![first], members: vec![founder], agents: Vec::new() }
    }

    /// A workspace, and what the input does with it.
    #[must_use]
    pub fn grown(choices: &mut Choices<'_>) -> Self {
        let mut history = Self::founded();
        while !choices.is_empty() && history.records.len() < RECORDS_MAX {
            history.grow(choices);
        }
        history
    }

    fn grow(&mut self, choices: &mut Choices<'_>) {
        let author = choices.below(crate::DEVICES);
        let payload = self.payload(choices);
        let made: Vec<_> = self.records.iter().map(Signed::id).collect();
        let deps = deps(choices, self.roster.heads(), &made);
        self.put_on(author, deps, payload);
    }

    /// Writes on the heads and returns the record's id. `None` when the record is outside a bound.
    pub fn put(&mut self, author: usize, payload: Payload) -> Option<RecordId> {
        let deps = self.roster.heads().iter().copied().collect();
        self.put_on(author, deps, payload)
    }

    fn put_on(&mut self, author: usize, deps: Vec<RecordId>, payload: Payload) -> Option<RecordId> {
        let record = sign(self.roster.workspace(), author, deps, payload)?;
        let id = record.id();
        match &record.record().payload {
            Payload::AddMember { .. } => self.members.push(id),
            Payload::HostAgent { .. } => self.agents.push(id),
            _ => {}
        }
        self.roster.offer(record.clone());
        self.records.push(record);
        Some(id)
    }

    /// The founder.
    #[must_use]
    pub fn founder(&self) -> RecordId {
        RecordId::from_bytes(*self.roster.workspace().as_bytes())
    }

    fn member(&self, choices: &mut Choices<'_>) -> RecordId {
        choices.recent(&self.members).unwrap_or(self.founder())
    }

    /// An agent; a member where there is none.
    fn agent(&self, choices: &mut Choices<'_>) -> RecordId {
        choices.recent(&self.agents).unwrap_or(self.founder())
    }

    fn any(&self, choices: &mut Choices<'_>) -> RecordId {
        let made: Vec<_> = self.records.iter().map(Signed::id).collect();
        choices.recent(&made).unwrap_or(self.founder())
    }

    fn payload(&self, choices: &mut Choices<'_>) -> Payload {
        match choices.below(10) {
            0 => Payload::AddMember { handle: name(choices), role: role(choices) },
            1 => Payload::AddDevice {
                member: self.member(choices),
                device: someone(choices),
                label: label("device"),
            },
            2 => Payload::HostAgent { handle: name(choices), device: someone(choices) },
            3 => Payload::ChangeRole { member: self.member(choices), role: role(choices) },
            4 => Payload::RevokeDevice { cut: self.cut(choices) },
            5 => self.removal(choices),
            6 => Payload::MoveAgent {
                agent: self.agent(choices),
                device: someone(choices),
                epoch: choices.below(5) as u32,
                handover: (choices.below(2) == 1).then(|| self.any(choices)),
            },
            7 => Payload::Handover {
                agent: self.agent(choices),
                to: someone(choices),
                tips: RecordId::from_bytes([8; 32]),
            },
            8 => Payload::Merge {},
            _ => Payload::RetireAgent { agent: self.agent(choices) },
        }
    }

    fn removal(&self, choices: &mut Choices<'_>) -> Payload {
        let member = self.member(choices);
        let mut cuts: Vec<Cut> = (0..choices.below(3)).map(|_| self.cut(choices)).collect();
        cuts.sort_by_key(|cut| cut.device);
        cuts.dedup_by_key(|cut| cut.device);
        Payload::RemoveMember { member, cuts }
    }

    fn cut(&self, choices: &mut Choices<'_>) -> Cut {
        let device = someone(choices);
        let heads: BTreeSet<_> = (0..choices.below(3)).map(|_| self.any(choices)).collect();
        let heads: Vec<_> = heads.into_iter().collect();
        let kept =
            if heads.is_empty() { Vec::new() } else { vec![(self.roster.workspace().roster(), heads)] };
        Cut { device, kept }
    }
}

fn someone(choices: &mut Choices<'_>) -> DeviceKey {
    device(choices.below(crate::DEVICES))
}

fn name(choices: &mut Choices<'_>) -> Handle {
    handle(HANDLES[choices.below(HANDLES.len())])
}

fn role(choices: &mut Choices<'_>) -> MemberRole {
    [MemberRole::Guest, MemberRole::Member, MemberRole::Admin][choices.below(3)]
}

/// A handle.
///
/// # Panics
/// If the text is none.
#[must_use]
pub fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

/// A device's label.
///
/// # Panics
/// If the text is none.
#[must_use]
pub fn label(text: &str) -> Label {
    Label::new(text).expect("a label")
}
