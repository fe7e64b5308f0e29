//! Histories of one session: the input chooses authors, kinds, deps, turns, and how much of the roster each author knew.
//! The roster is the same for all inputs, and not a simple one: the agent moves and a device is revoked in it.

use std::sync::LazyLock;

use starling_crdt::id::{AgentId, AttemptId, RecordId, SessionId};
use starling_crdt::payload::{Cut, Header, MemberRole, Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::Session;
use starling_crdt::signed::{Signed, Verified};
use starling_crdt::text::{Body, Reason, RequestId, Summary, Title};

use crate::choices::Choices;
use crate::roster::{History as RosterHistory, handle, label};
use crate::{AT_MS, deps, device, key};

/// Records that an input makes at most.
pub const RECORDS_MAX: usize = 40;

/// The roster that sessions live under.
#[derive(Debug)]
pub struct Place {
    /// The roster with all its records.
    pub roster: Roster,
    /// Its heads at three times: with the agent on device 2, then on device 1, then without device 1.
    pub heads: [Vec<RecordId>; 3],
    header: Header,
}

static PLACE: LazyLock<Place> =
    LazyLock::new(|| place().expect("every record of the place is within bounds"));

/// The one place.
#[must_use]
pub fn here() -> &'static Place {
    &PLACE
}

fn place() -> Option<Place> {
    let mut history = RosterHistory::founded();
    let founder = history.founder();
    let add = |member, n| Payload::AddDevice { member, device: device(n), label: label("device") };
    history.put(0, add(founder, 1))?;
    history.put(0, add(founder, 2))?;
    let bob = history.put(0, Payload::AddMember { handle: handle("bob"), role: MemberRole::Member })?;
    history.put(0, add(bob, 3))?;
    let ann = history.put(0, Payload::AddMember { handle: handle("ann"), role: MemberRole::Admin })?;
    history.put(0, add(ann, 4))?;
    let agent: AgentId =
        history.put(0, Payload::HostAgent { handle: handle("claude"), device: device(2) })?;
    let heads = |history: &RosterHistory| history.roster.heads().iter().copied().collect::<Vec<_>>();
    let hosted = heads(&history);
    history.put(0, Payload::MoveAgent { agent, device: device(1), epoch: 2, handover: None })?;
    let moved = heads(&history);
    history.put(0, Payload::RevokeDevice { cut: Cut { device: device(1), kept: Vec::new() } })?;
    let revoked = heads(&history);
    let header = Header { session: SessionId::from_parts(AT_MS, 1), creator: founder, agent };
    Some(Place { roster: history.roster, heads: [hosted, moved, revoked], header })
}

impl Place {
    /// An empty replica of the session.
    #[must_use]
    pub fn session(&self) -> Session {
        let workspace = self.roster.workspace();
        Session::new(workspace, self.header.key(&workspace))
    }

    fn sign(
        &self,
        author: usize,
        stage: usize,
        deps: Vec<RecordId>,
        payload: Payload,
    ) -> Option<Signed<Verified>> {
        let workspace = self.roster.workspace();
        let record = Record {
            workspace,
            stream: self.header.key(&workspace),
            author: device(author),
            roster: self.heads[stage % self.heads.len()].clone(),
            deps,
            at_ms: AT_MS,
            payload,
        };
        Signed::sign(record, key(author)).ok()
    }
}

/// A replica, and all records that it was offered, in this order.
#[derive(Debug)]
pub struct History {
    /// The replica.
    pub session: Session,
    /// What it was offered: admitted, refused and waiting ones.
    pub records: Vec<Signed<Verified>>,
    turns: Vec<RecordId>,
}

impl History {
    /// What the input says in the session.
    #[must_use]
    pub fn grown(choices: &mut Choices<'_>) -> Self {
        let mut history = Self { session: here().session(), records: Vec::new(), turns: Vec::new() };
        history.put(0, 0, Vec::new(), open("a", "a"));
        while !choices.is_empty() && history.records.len() < RECORDS_MAX {
            history.grow(choices);
        }
        history
    }

    fn grow(&mut self, choices: &mut Choices<'_>) {
        let who = choices.byte();
        let (author, stage) = (usize::from(who & 7) % crate::DEVICES, usize::from(who >> 3));
        let payload = self.payload(choices);
        let deps = match &payload {
            Payload::Open { .. } => Vec::new(),
            _ => {
                let made: Vec<_> = self.records.iter().map(Signed::id).collect();
                deps(choices, self.session.heads(), &made)
            }
        };
        self.put(author, stage, deps, payload);
    }

    fn put(&mut self, author: usize, stage: usize, deps: Vec<RecordId>, payload: Payload) {
        let is_turn = payload.turn().is_some();
        if let Some(record) = here().sign(author, stage, deps, payload) {
            if is_turn {
                self.turns.push(record.id());
            }
            self.session.offer(record.clone(), &here().roster);
            self.records.push(record);
        }
    }

    fn any(&self, choices: &mut Choices<'_>) -> Option<RecordId> {
        let made: Vec<_> = self.records.iter().map(Signed::id).collect();
        choices.recent(&made)
    }

    /// An attempt and, mostly, the record of the agent that was made last.
    fn turn(&self, choices: &mut Choices<'_>) -> Turn {
        let choice = choices.byte();
        let prev = match choice >> 4 {
            0..=11 => self.turns.last().copied(),
            12 | 13 => None,
            14 => choices.recent(&self.turns),
            _ => self.any(choices),
        };
        Turn { attempt: attempt(choice), prev }
    }

    fn payload(&self, choices: &mut Choices<'_>) -> Payload {
        match choices.below(14) {
            0 | 1 => {
                let text = word(choices);
                let reply_to = if choices.below(4) == 1 { self.any(choices) } else { None };
                Payload::Message { body: body(text), request_id: request(word(choices)), reply_to }
            }
            2 => Payload::Title { title: title(word(choices)), turn: None },
            3 => Payload::Title { title: title(word(choices)), turn: Some(self.turn(choices)) },
            4 | 5 => Payload::Claim { turn: self.turn(choices) },
            6 | 7 => Payload::Reply { turn: self.turn(choices), body: body(word(choices)) },
            8 => {
                let summary = Summary::new(word(choices)).expect("a summary");
                Payload::Summary { turn: self.turn(choices), summary }
            }
            9 => Payload::Failure { turn: self.turn(choices), reason: Reason::cut(word(choices)) },
            10 => Payload::Archive {},
            11 => Payload::Unarchive {},
            12 => Payload::Stop { attempt: attempt(choices.byte()) },
            _ if choices.below(4) == 3 => open(word(choices), word(choices)),
            _ => Payload::Retry { attempt: attempt(choices.byte()) },
        }
    }
}

fn open(text: &str, name: &str) -> Payload {
    Payload::Open { header: here().header.clone(), body: body(text), request_id: request(name) }
}

fn attempt(choice: u8) -> AttemptId {
    AttemptId::from_parts(AT_MS, u128::from(choice % 4))
}

fn word(choices: &mut Choices<'_>) -> &'static str {
    ["a", "b", "two\nlines", "Ω"][choices.below(4)]
}

fn title(text: &str) -> Title {
    Title::new(text.replace('\n', " ")).expect("a title")
}

fn body(text: &str) -> Body {
    Body::new(text).expect("a body")
}

fn request(text: &str) -> RequestId {
    RequestId::new(text.replace('\n', " ")).expect("a request id")
}
