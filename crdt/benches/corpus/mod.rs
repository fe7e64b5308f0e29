//! What benchmarks measure with: a workspace of one person with two devices and a third that hosts the agent, and
//! sessions of any length in three shapes. Everything is made from fixed seeds, so each run has the same records.
//! Bodies have 200 bytes.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{AttemptId, RecordId, SessionId, StreamKey, WorkspaceId};
use starling_crdt::payload::{Header, Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::{Body, Label, RequestId, Title};

const AT_MS: u64 = 1_700_000_000_000;
const BODY_BYTES: usize = 200;
/// Messages that each of the two devices writes before the next claim joins them.
const WIDTH: usize = 4;

const LAPTOP: u8 = 1;
const PHONE: u8 = 2;
const HOST: u8 = 3;

/// How the records of a session depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A chain: message, claim, now and then a title, reply.
    Chat,
    /// Two devices write four messages each without hearing of one another; a claim joins them, a reply follows.
    Wide,
    /// The agent's machine is away: a chain of messages, and nothing claims them.
    Unanswered,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Wide, Self::Unanswered];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Wide => "wide",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A session's records in topological order, and the roster that they are judged by.
pub(crate) struct Corpus {
    pub(crate) records: Vec<Signed<Verified>>,
    pub(crate) roster: Roster,
    header: Header,
}

impl Corpus {
    /// At least `len` records; more, to the end of the round.
    pub(crate) fn new(shape: Shape, len: usize) -> Self {
        let (roster, header) = workspace();
        let mut writer = Writer { corpus: Self { records: Vec::new(), roster, header }, tip: None, turns: 0 };
        let mut last = writer.open();
        while writer.corpus.records.len() < len {
            last = match shape {
                Shape::Chat => writer.chat_turn(last),
                Shape::Wide => writer.wide_turn(last),
                Shape::Unanswered => writer.message(LAPTOP, &[last]),
            };
        }
        writer.corpus
    }

    /// The session's key.
    pub(crate) fn key(&self) -> StreamKey {
        self.header.key(&self.roster.workspace())
    }

    /// A replica with the first `len` records.
    pub(crate) fn session(&self, len: usize) -> Session {
        let mut session = Session::new(self.roster.workspace(), self.key());
        for record in self.records.iter().take(len) {
            let offer = session.offer(record.clone(), &self.roster);
            assert!(matches!(offer, Offer::Admitted(_)), "{offer:?}");
        }
        session
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn workspace() -> (Roster, Header) {
    let founding = Payload::Found {
        handle: "alice".parse().unwrap(),
        label: Label::new("laptop").unwrap(),
        recovery: None,
    };
    let zero = WorkspaceId::from_bytes([0; 32]);
    let founding = roster_record(zero, &BTreeSet::new(), founding);
    let creator = founding.id();
    let mut roster = Roster::new(WorkspaceId::founded_by(creator));
    roster.offer(founding);
    let mut put = |payload| {
        let record = roster_record(roster.workspace(), roster.heads(), payload);
        let id = record.id();
        assert!(matches!(roster.offer(record), Offer::Admitted(_)));
        id
    };
    for seed in [PHONE, HOST] {
        let label = Label::new("device").unwrap();
        put(Payload::AddDevice { member: creator, device: device_key(&key(seed)), label });
    }
    let agent = put(Payload::HostAgent { handle: "claude".parse().unwrap(), device: device_key(&key(HOST)) });
    (roster, Header { session: SessionId::from_parts(AT_MS, 1), creator, agent })
}

fn roster_record(workspace: WorkspaceId, deps: &BTreeSet<RecordId>, payload: Payload) -> Signed<Verified> {
    let record = Record {
        workspace,
        stream: workspace.roster(),
        author: device_key(&key(LAPTOP)),
        roster: Vec::new(),
        deps: deps.iter().copied().collect(),
        at_ms: AT_MS,
        payload,
    };
    Signed::sign(record, &key(LAPTOP)).unwrap()
}

struct Writer {
    corpus: Corpus,
    /// The agent's newest record.
    tip: Option<RecordId>,
    turns: u128,
}

impl Writer {
    fn put(&mut self, seed: u8, deps: &[RecordId], payload: Payload) -> RecordId {
        let Corpus { records, roster, header } = &mut self.corpus;
        let record = Record {
            workspace: roster.workspace(),
            stream: header.key(&roster.workspace()),
            author: device_key(&key(seed)),
            roster: roster.heads().iter().copied().collect(),
            deps: deps.iter().copied().collect::<BTreeSet<_>>().into_iter().collect(),
            at_ms: AT_MS + records.len() as u64 * 1_000,
            payload,
        };
        let signed = Signed::sign(record, &key(seed)).unwrap();
        let id = signed.id();
        records.push(signed);
        id
    }

    /// A body and a request id that no other record has.
    fn text(&self) -> (Body, RequestId) {
        let n = self.corpus.records.len();
        let body = format!("{n:0BODY_BYTES$}");
        (Body::new(body).unwrap(), RequestId::new(format!("request-{n}")).unwrap())
    }

    fn open(&mut self) -> RecordId {
        let (body, request_id) = self.text();
        let header = self.corpus.header.clone();
        self.put(LAPTOP, &[], Payload::Open { header, body, request_id })
    }

    fn message(&mut self, seed: u8, deps: &[RecordId]) -> RecordId {
        let (body, request_id) = self.text();
        self.put(seed, deps, Payload::Message { body, request_id, reply_to: None })
    }

    fn agent(&mut self, deps: &[RecordId], make: impl FnOnce(Turn) -> Payload) -> RecordId {
        let turn = Turn { attempt: AttemptId::from_parts(AT_MS, self.turns), prev: self.tip };
        let id = self.put(HOST, deps, make(turn));
        self.tip = Some(id);
        id
    }

    /// Claim and reply, with a title every fourth time.
    fn answer(&mut self, deps: &[RecordId]) -> RecordId {
        let titles = self.turns.is_multiple_of(4);
        self.turns += 1;
        let mut last = self.agent(deps, |turn| Payload::Claim { turn });
        if titles {
            let title = Title::new(format!("Title {}", self.turns)).unwrap();
            last = self.agent(&[last], |turn| Payload::Title { title, turn: Some(turn) });
        }
        let (body, _) = self.text();
        self.agent(&[last], |turn| Payload::Reply { turn, body })
    }

    fn chat_turn(&mut self, last: RecordId) -> RecordId {
        let device = if self.turns.is_multiple_of(2) { LAPTOP } else { PHONE };
        let asked = self.message(device, &[last]);
        self.answer(&[asked])
    }

    fn wide_turn(&mut self, last: RecordId) -> RecordId {
        let (mut left, mut right) = (last, last);
        for _ in 0..WIDTH {
            left = self.message(LAPTOP, &[left]);
            right = self.message(PHONE, &[right]);
        }
        self.answer(&[left, right])
    }
}
