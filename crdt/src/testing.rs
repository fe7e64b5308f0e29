//! What the tests of this crate share: seeded keys, a workspace with a founder, devices and an agent, short
//! names for payloads, and a replica that can write. Nothing here is random: the same test makes the same
//! ids.

mod payloads;

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;

use crate::id::{AgentId, AttemptId, DeviceKey, MemberId, RecordId, SessionId, StreamKey, WorkspaceId};
use crate::payload::{Header, MemberRole, Payload, Turn};
use crate::record::Record;
use crate::roster::Roster;
use crate::rules::Refusal;
use crate::session::{Offer, Session};
use crate::signed::{Signed, Verified, device_key};
use crate::text::{Body, Label, RequestId};
use crate::view::{View, fold};
pub(crate) use payloads::{
    add_device, add_member, agent_title, answer_to, claim, failure, host_agent, message, message_as, reply,
    retry, stop, summary, title, turn,
};

/// A time that records carry: 2023-11-14.
pub(crate) const AT_MS: u64 = 1_700_000_000_000;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn device(seed: u8) -> DeviceKey {
    device_key(&key(seed))
}

pub(crate) fn attempt(n: u8) -> AttemptId {
    AttemptId::from_parts(AT_MS, u128::from(n))
}

pub(crate) fn session_id(n: u8) -> SessionId {
    SessionId::from_parts(AT_MS, u128::from(n))
}

pub(crate) fn request(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

pub(crate) fn body(text: &str) -> Body {
    Body::new(text).unwrap()
}

/// The founder's first device.
pub(crate) const FOUNDER: u8 = 1;
/// The founder's second device.
pub(crate) const PHONE: u8 = 2;
/// The device of the founder that hosts the agent.
pub(crate) const HOST: u8 = 3;
/// The device of bob, a member.
pub(crate) const BOB: u8 = 4;
/// The device of gwen, a guest.
pub(crate) const GUEST: u8 = 5;
/// The device of ann, an admin.
pub(crate) const ADMIN: u8 = 6;
/// A device that is not on the roster.
pub(crate) const STRANGER: u8 = 9;

/// Signs a roster record on these deps.
pub(crate) fn roster_record(
    workspace: WorkspaceId,
    seed: u8,
    deps: &BTreeSet<RecordId>,
    payload: Payload,
) -> Signed<Verified> {
    let record = Record {
        workspace,
        stream: workspace.roster(),
        author: device(seed),
        roster: Vec::new(),
        deps: deps.iter().copied().collect(),
        at_ms: AT_MS,
        payload,
    };
    Signed::sign(record, &key(seed)).unwrap()
}

/// The founding record by the founder's first device.
pub(crate) fn found() -> Signed<Verified> {
    let payload = Payload::Found {
        handle: "alice".parse().unwrap(),
        label: Label::new("laptop").unwrap(),
        recovery: None,
    };
    roster_record(WorkspaceId::from_bytes([0; 32]), FOUNDER, &BTreeSet::new(), payload)
}

/// A roster with a founder (three devices), a member, a guest, an admin and one agent.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) roster: Roster,
    pub(crate) founder: MemberId,
    pub(crate) bob: MemberId,
    pub(crate) guest: MemberId,
    pub(crate) admin: MemberId,
    pub(crate) agent: AgentId,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let first = found();
        let founder = first.id();
        let mut roster = Roster::new(WorkspaceId::founded_by(founder));
        assert!(matches!(roster.offer(first), Offer::Admitted(_)));
        let mut workspace =
            Self { roster, founder, bob: founder, guest: founder, admin: founder, agent: founder };
        workspace.add_device(founder, PHONE);
        workspace.add_device(founder, HOST);
        workspace.bob = workspace.add_member("bob", MemberRole::Member, BOB);
        workspace.guest = workspace.add_member("gwen", MemberRole::Guest, GUEST);
        workspace.admin = workspace.add_member("ann", MemberRole::Admin, ADMIN);
        workspace.agent = workspace.put(FOUNDER, host_agent("claude", HOST));
        workspace
    }

    pub(crate) fn id(&self) -> WorkspaceId {
        self.roster.workspace()
    }

    /// Signs a roster record on the roster's heads.
    pub(crate) fn sign(&self, seed: u8, payload: Payload) -> Signed<Verified> {
        roster_record(self.id(), seed, self.roster.heads(), payload)
    }

    /// Signs a roster record on the roster's heads, and admits it.
    pub(crate) fn put(&mut self, seed: u8, payload: Payload) -> RecordId {
        let record = self.sign(seed, payload);
        let id = record.id();
        let offer = self.roster.offer(record);
        assert!(matches!(offer, Offer::Admitted(_)), "{offer:?}");
        id
    }

    fn add_member(&mut self, handle: &str, role: MemberRole, seed: u8) -> MemberId {
        let member = self.put(FOUNDER, add_member(handle, role));
        self.add_device(member, seed);
        member
    }

    fn add_device(&mut self, member: MemberId, seed: u8) {
        self.put(FOUNDER, add_device(member, seed));
    }

    /// The header of a session of the founder with the agent.
    pub(crate) fn header(&self, n: u8) -> Header {
        Header { session: session_id(n), creator: self.founder, agent: self.agent }
    }

    /// The key of session 1.
    pub(crate) fn key(&self) -> StreamKey {
        self.header(1).key(&self.id())
    }

    /// An empty replica of session 1.
    pub(crate) fn session(&self) -> Session {
        Session::new(self.id(), self.key())
    }

    /// Signs a record of session 1 on these deps, under today's roster heads.
    pub(crate) fn record(&self, seed: u8, deps: &[RecordId], payload: Payload) -> Signed<Verified> {
        let record = Record {
            workspace: self.id(),
            stream: self.key(),
            author: device(seed),
            roster: self.roster.heads().iter().copied().collect(),
            deps: deps.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
            at_ms: AT_MS,
            payload,
        };
        Signed::sign(record, &key(seed)).unwrap()
    }

    /// The root of session 1, by the founder's first device.
    pub(crate) fn open(&self) -> Signed<Verified> {
        self.open_by(FOUNDER)
    }

    /// A root of session 1 by any device.
    pub(crate) fn open_by(&self, seed: u8) -> Signed<Verified> {
        let payload =
            Payload::Open { header: self.header(1), body: body("hello"), request_id: request("first") };
        self.record(seed, &[], payload)
    }
}

/// A replica of session 1 that can write on its own heads.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) workspace: Workspace,
    pub(crate) session: Session,
    tries: u64,
}

impl Replica {
    /// A replica with the first message.
    pub(crate) fn opened() -> Self {
        let mut replica = Self::empty(Workspace::new());
        let open = replica.workspace.open();
        assert!(matches!(replica.take(&open), Offer::Admitted(_)));
        replica
    }

    pub(crate) fn empty(workspace: Workspace) -> Self {
        let session = workspace.session();
        Self { workspace, session, tries: 0 }
    }

    pub(crate) fn heads(&self) -> Vec<RecordId> {
        self.session.heads().iter().copied().collect()
    }

    pub(crate) fn take(&mut self, record: &Signed<Verified>) -> Offer {
        self.session.offer(record.clone(), &self.workspace.roster)
    }

    /// Takes all that `other` has.
    pub(crate) fn pull(&mut self, other: &Self) {
        for record in other.records() {
            assert!(matches!(self.take(&record), Offer::Admitted(_) | Offer::Known));
        }
    }

    /// All records in the order of their admission.
    pub(crate) fn records(&self) -> Vec<Signed<Verified>> {
        self.session.entries().map(|entry| entry.signed.clone()).collect()
    }

    /// Another replica with the same records.
    pub(crate) fn fork(&self) -> Self {
        let mut other = Self::empty(self.workspace.clone());
        other.pull(self);
        other
    }

    /// Writes on `deps`; what becomes of it.
    fn offer_on(&mut self, seed: u8, deps: &[RecordId], payload: Payload) -> Offer {
        let record = self.workspace.record(seed, deps, payload);
        self.take(&record)
    }

    /// Writes on the heads; it must be admitted.
    pub(crate) fn put(&mut self, seed: u8, payload: Payload) -> RecordId {
        self.put_on(seed, &self.heads(), payload)
    }

    pub(crate) fn put_on(&mut self, seed: u8, deps: &[RecordId], payload: Payload) -> RecordId {
        match self.offer_on(seed, deps, payload) {
            Offer::Admitted(admitted) => admitted[0].id(),
            other => panic!("{other:?}"),
        }
    }

    /// Why it is refused when written on the heads.
    pub(crate) fn refusal(&mut self, seed: u8, payload: Payload) -> Option<Refusal> {
        self.refusal_on(seed, &self.heads(), payload)
    }

    /// Why it is refused when written on `deps`. Each try has a time of its own: the refusal of an equal
    /// record would be remembered, not judged.
    pub(crate) fn refusal_on(&mut self, seed: u8, deps: &[RecordId], payload: Payload) -> Option<Refusal> {
        self.tries += 1;
        let mut record = self.workspace.record(seed, deps, payload).record().clone();
        record.at_ms += self.tries;
        match self.take(&Signed::sign(record, &key(seed)).unwrap()) {
            Offer::Refused(refusal) => Some(refusal),
            Offer::Admitted(_) => None,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn view(&self) -> View {
        fold(&self.session, self.workspace.roster.standing()).unwrap()
    }

    /// The agent's newest record.
    pub(crate) fn tip(&self) -> Option<RecordId> {
        let facts = self.session.facts();
        let tips = facts.tips.iter().filter_map(|tip| self.session.entry(tip));
        tips.max_by_key(|entry| entry.stamp()).map(|entry| entry.signed.id())
    }

    /// The agent writes in attempt `n`.
    pub(crate) fn agent(&mut self, n: u8, make: impl Fn(Turn) -> Payload) -> RecordId {
        let payload = make(turn(n, self.tip()));
        self.put(HOST, payload)
    }
}
