//! A random history of signed records: a few devices of three members, an agent that one of them hosts, sessions of which
//! some share an id, and a roster that goes on changing. Writers know everything or fall behind, so that they write side
//! by side; most records are ones that the rules take, some are not.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use starling_crdt::id::{
    AgentId, AttemptId, DeviceKey, MemberId, RecordId, SessionId, StreamKey, WorkspaceId,
};
use starling_crdt::limits::DEPS_MAX;
use starling_crdt::payload::{Cut, Header, MemberRole, Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::{Label, Reason, RequestId, Summary};

use super::dice::{Dice, body, title};

/// A time that records carry.
const AT_MS: u64 = 1_700_000_000_000;
/// Steps of a history: at least, and up to so many more.
const STEPS: (usize, usize) = (30, 90);
/// Messages before them in a long one.
const STEPS_LONG: usize = 330;
/// The founder's devices, of which the third hosts the agent; bob's two; carol's, who is an admin.
const DEVICES: usize = 6;
const FOUNDER: usize = 0;
const PHONE: usize = 1;
const HOST: usize = 2;
const BOB: usize = 3;
const TABLET: usize = 4;
const CAROL: usize = 5;

fn key(device: usize) -> SigningKey {
    SigningKey::from_bytes(&[u8::try_from(device).unwrap() + 1; 32])
}

fn device(n: usize) -> DeviceKey {
    device_key(&key(n))
}

/// The agent's newest record in somebody's past, how many came before it, and its attempt.
type Link = (usize, Option<RecordId>, AttemptId);

/// One session while it is written.
struct Told {
    header: Header,
    session: Session,
    /// The agent does not write in it, so that nothing of it need count in the end.
    lonely: bool,
    /// Of each record the end of the agent's chain in its past.
    links: BTreeMap<RecordId, Link>,
}

/// All that was written, in an order in which it can be taken.
pub(super) struct History {
    pub(super) roster: Roster,
    pub(super) records: Vec<Signed<Verified>>,
    told: BTreeMap<StreamKey, Told>,
    founder: MemberId,
    bob: MemberId,
    agent: AgentId,
    /// The roster's heads as they were.
    moments: Vec<Vec<RecordId>>,
    /// Of these, those that carol could write on before there was anybody else.
    before_others: Vec<RecordId>,
}

impl History {
    /// A long one has one session, and that has more than one segment.
    pub(super) fn grown(long: bool, dice: &mut Dice) -> Self {
        let mut history = Self::founded();
        history.name_sessions(if long { 1 } else { 2 + dice.below(4) }, dice);
        for step in 0..STEPS.0 + dice.below(STEPS.1) + if long { STEPS_LONG } else { 0 } {
            // At first nothing but messages, in a long one.
            let chats = long && step < STEPS_LONG;
            if !chats && dice.one_in(14) {
                history.change_roster(dice);
            } else {
                history.write(chats, dice);
            }
        }
        if dice.one_in(2) {
            // Carol had added the same name before, and is heard of now: the others are called something else from now on.
            let handle = dice.pick(&["bob", "coder"]).unwrap().parse().unwrap();
            let payload = Payload::AddMember { handle, role: MemberRole::Guest };
            let _either = history.put_on(CAROL, history.before_others.clone(), payload);
        }
        if dice.one_in(2) {
            history.collide(dice);
        }
        if dice.one_in(4) {
            // Of what bob wrote nothing counts, but what others answered.
            let cuts = [BOB, TABLET].map(|n| Cut { device: device(n), kept: Vec::new() });
            let cuts = BTreeMap::from(cuts.map(|cut| (cut.device, cut))).into_values().collect();
            let _either = history.put(FOUNDER, Payload::RemoveMember { member: history.bob, cuts });
        }
        history
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = StreamKey> {
        self.told.iter().filter(|(_, told)| told.session.header().is_some()).map(|(key, _)| *key)
    }

    /// Devices that have lost their standing.
    pub(super) fn fallen(&self) -> usize {
        (0..DEVICES).filter(|n| !self.roster.standing().stands(&device(*n))).count()
    }

    fn founded() -> Self {
        let handle = "alice".parse().unwrap();
        let payload = Payload::Found { handle, label: Label::new("laptop").unwrap(), recovery: None };
        let zero = WorkspaceId::from_bytes([0; 32]);
        let record = Record {
            workspace: zero,
            stream: zero.roster(),
            author: device(FOUNDER),
            roster: Vec::new(),
            deps: Vec::new(),
            at_ms: AT_MS,
            payload,
        };
        let first = Signed::sign(record, &key(FOUNDER)).unwrap();
        let founder = first.id();
        let mut roster = Roster::new(WorkspaceId::founded_by(founder));
        roster.offer(first.clone());
        let mut history = Self {
            roster,
            records: vec![first],
            told: BTreeMap::new(),
            founder,
            bob: founder,
            agent: founder,
            moments: Vec::new(),
            before_others: Vec::new(),
        };
        history.settle_in();
        history
    }

    fn settle_in(&mut self) {
        let add =
            |member, n| Payload::AddDevice { member, device: device(n), label: Label::new("x").unwrap() };
        let member = |handle: &str, role| Payload::AddMember { handle: handle.parse().unwrap(), role };
        let carol = self.put(FOUNDER, member("carol", MemberRole::Admin)).unwrap();
        self.put(FOUNDER, add(carol, CAROL)).unwrap();
        self.before_others = self.moments.last().cloned().unwrap();
        self.put(FOUNDER, add(self.founder, PHONE)).unwrap();
        self.put(FOUNDER, add(self.founder, HOST)).unwrap();
        self.bob = self.put(FOUNDER, member("bob", MemberRole::Member)).unwrap();
        self.put(FOUNDER, add(self.bob, BOB)).unwrap();
        self.put(BOB, add(self.bob, TABLET)).unwrap();
        let host = Payload::HostAgent { handle: "coder".parse().unwrap(), device: device(HOST) };
        self.agent = self.put(FOUNDER, host).unwrap();
    }

    /// Sessions of alice's and bob's, under few ids.
    fn name_sessions(&mut self, count: usize, dice: &mut Dice) {
        for _ in 0..count {
            let session = SessionId::from_parts(AT_MS, dice.below(4) as u128);
            let creator = if dice.one_in(2) { self.bob } else { self.founder };
            self.name_session(session, creator, count > 1 && dice.one_in(3));
        }
    }

    fn name_session(&mut self, session: SessionId, creator: MemberId, lonely: bool) -> StreamKey {
        let workspace = self.roster.workspace();
        let header = Header { session, creator, agent: self.agent };
        let key = header.key(&workspace);
        let session = Session::new(workspace, key);
        self.told.entry(key).or_insert(Told { header, session, lonely, links: BTreeMap::new() });
        key
    }

    /// Somebody else opens a session under the id of one that is there.
    fn collide(&mut self, dice: &mut Dice) {
        let keys: Vec<StreamKey> = self.sessions().collect();
        let Some(header) = dice.pick(&keys).map(|key| self.told[&key].header.clone()) else { return };
        let creator = if header.creator == self.bob { self.founder } else { self.bob };
        let key = self.name_session(header.session, creator, true);
        self.write_in(key, true, dice);
    }

    /// Writes a roster record on the heads, or on older ones; `None` if it is not taken.
    fn put(&mut self, author: usize, payload: Payload) -> Option<RecordId> {
        let deps = self.roster.write_heads(&device(author));
        self.put_on(author, deps, payload)
    }

    fn put_on(&mut self, author: usize, deps: Vec<RecordId>, payload: Payload) -> Option<RecordId> {
        let workspace = self.roster.workspace();
        let record = Record {
            workspace,
            stream: workspace.roster(),
            author: device(author),
            roster: Vec::new(),
            deps,
            at_ms: AT_MS + self.records.len() as u64,
            payload,
        };
        let signed = Signed::sign(record, &key(author)).ok()?;
        let offer = self.roster.offer(signed.clone());
        let id = signed.id();
        self.records.push(signed);
        self.moments.push(self.roster.heads().iter().copied().collect());
        matches!(offer, Offer::Admitted(_)).then_some(id)
    }

    fn change_roster(&mut self, dice: &mut Dice) {
        let author = dice.pick(&[FOUNDER, FOUNDER, CAROL]).unwrap();
        let payload = match dice.below(9) {
            0..=2 => self.name(dice),
            3 => Payload::RemoveMember { member: self.bob, cuts: self.cuts(&[BOB, TABLET], dice) },
            4 => Payload::MoveAgent { agent: self.agent, device: device(PHONE), epoch: 2, handover: None },
            5 if dice.one_in(4) => Payload::RetireAgent { agent: self.agent },
            _ => {
                let target = dice.pick(&[PHONE, HOST, BOB, TABLET, CAROL]).unwrap();
                Payload::RevokeDevice { cut: self.cuts(&[target], dice).remove(0) }
            }
        };
        if dice.one_in(3) {
            // Side by side with what others changed.
            let deps = self.moments[dice.below(self.moments.len())].clone();
            let _either = self.put_on(author, deps, payload);
        } else {
            let _either = self.put(author, payload);
        }
    }

    /// A name that may be there already.
    fn name(&self, dice: &mut Dice) -> Payload {
        let handle = dice.pick(&["bob", "alice", "coder", "dora"]).unwrap().parse().unwrap();
        if dice.one_in(2) {
            return Payload::HostAgent { handle, device: device(PHONE) };
        }
        Payload::AddMember { handle, role: MemberRole::Guest }
    }

    /// What is kept of these devices: all that they wrote in a session, an older part, or nothing.
    fn cuts(&self, devices: &[usize], dice: &mut Dice) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = devices.iter().map(|n| self.cut(device(*n), dice)).collect();
        cuts.sort_by_key(|cut| cut.device);
        cuts
    }

    fn cut(&self, device: DeviceKey, dice: &mut Dice) -> Cut {
        let mut kept = Vec::new();
        for (key, told) in &self.told {
            let own = told.session.admitted().filter(|entry| entry.signed.record().author == device);
            let own: Vec<RecordId> = own.map(|entry| entry.signed.id()).collect();
            let last = if dice.one_in(3) { dice.pick(&own) } else { own.last().copied() };
            kept.extend(last.filter(|_| !dice.one_in(3)).map(|id| (*key, vec![id])));
        }
        Cut { device, kept }
    }

    /// Somebody writes in a session, if one of a few tries is taken; now and then one that is not is kept as well.
    fn write(&mut self, chats: bool, dice: &mut Dice) {
        let keys: Vec<StreamKey> = self.told.keys().copied().collect();
        let key = dice.pick(&keys).unwrap();
        self.write_in(key, chats, dice);
    }

    fn write_in(&mut self, key: StreamKey, chats: bool, dice: &mut Dice) {
        for _ in 0..6 {
            let Some(record) = self.record(&key, chats, dice) else { continue };
            let Some(told) = self.told.get_mut(&key) else { return };
            let taken = matches!(told.session.offer(record.clone(), &self.roster), Offer::Admitted(_));
            if taken {
                let link = told.link(&record.record().deps);
                let turn = record.record().payload.turn();
                let link = turn.map_or(link, |turn| (link.0 + 1, Some(record.id()), turn.attempt));
                told.links.insert(record.id(), link);
            }
            if taken || dice.one_in(12) {
                return self.records.push(record);
            }
        }
    }

    fn record(&self, key: &StreamKey, chats: bool, dice: &mut Dice) -> Option<Signed<Verified>> {
        let told = self.told.get(key)?;
        let creators: &[usize] =
            if told.header.creator == self.bob { &[BOB, TABLET] } else { &[FOUNDER, PHONE, HOST] };
        let host = self.roster.standing().agent(&self.agent).map(|agent| agent.host);
        let host = (0..DEVICES).find(|n| Some(device(*n)) == host).unwrap_or(HOST);
        let is_turn = !chats && told.session.header().is_some() && !told.lonely && dice.one_in(2);
        let author = if is_turn { host } else { dice.pick(creators)? };
        let author = if dice.one_in(40) { dice.below(DEVICES) } else { author };
        let deps = told.deps(author, dice);
        let n = self.records.len() as u64;
        let payload = if is_turn { told.turn(&deps, n, dice) } else { told.word(n, chats, dice) };
        let roster = if dice.one_in(4) { dice.below(self.moments.len()) } else { self.moments.len() - 1 };
        let workspace = self.roster.workspace();
        let record = Record {
            workspace,
            stream: *key,
            author: device(author),
            roster: self.moments[roster].clone(),
            deps: if matches!(payload, Payload::Open { .. }) { Vec::new() } else { deps },
            at_ms: AT_MS + 1_000 * n - dice.below(20_000) as u64,
            payload,
        };
        Signed::sign(record, &self::key(author)).ok()
    }
}

impl Told {
    /// The heads; or, for one who has not heard of all, one's own last and something older.
    fn deps(&self, author: usize, dice: &mut Dice) -> Vec<RecordId> {
        if !dice.one_in(4) {
            return self.session.heads().iter().copied().take(DEPS_MAX).collect();
        }
        let all: Vec<_> = self.session.admitted().map(|entry| &entry.signed).collect();
        let own = all.iter().rev().find(|record| record.record().author == device(author));
        // One who forgets one's own writes two histories.
        let own = own.filter(|_| !dice.one_in(4)).map(|record| record.id());
        let older = all.get(dice.below(all.len().max(1))).map(|record| record.id());
        own.into_iter().chain(older).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn link(&self, deps: &[RecordId]) -> Link {
        let start = (0, None, AttemptId::from_parts(AT_MS, 0));
        deps.iter().filter_map(|dep| self.links.get(dep).copied()).max().unwrap_or(start)
    }

    /// What the creator writes.
    fn word(&self, n: u64, chats: bool, dice: &mut Dice) -> Payload {
        let request_id = RequestId::new(format!("r{}", if dice.one_in(8) { 0 } else { n })).unwrap();
        if self.session.header().is_none() || dice.one_in(60) {
            return Payload::Open { header: self.header.clone(), body: body(dice), request_id };
        }
        let all: Vec<_> = self.session.admitted().map(|entry| entry.signed.id()).collect();
        let (_, _, attempt) = self.link(&all);
        match if chats { 11 } else { dice.below(12) } {
            0 | 1 => Payload::Title { title: title(dice), turn: None },
            2 => Payload::Archive {},
            3 => Payload::Unarchive {},
            4 if dice.one_in(2) => Payload::Stop { attempt },
            4 => Payload::Retry { attempt },
            _ => {
                let reply_to = if dice.one_in(3) { dice.pick(&all) } else { None };
                Payload::Message { body: body(dice), request_id, reply_to }
            }
        }
    }

    /// What the agent's host writes, on the end of the chain that it knows.
    fn turn(&self, deps: &[RecordId], n: u64, dice: &mut Dice) -> Payload {
        let (_, prev, attempt) = self.link(deps);
        let turn = Turn { attempt, prev };
        match dice.below(12) {
            0 => Payload::Title { title: title(dice), turn: Some(turn) },
            1..=3 => Payload::Reply { turn, body: body(dice) },
            4 => {
                let text: String = body(dice).as_str().chars().take(300).chain(['.']).collect();
                Payload::Summary { turn, summary: Summary::new(text).unwrap() }
            }
            5 => Payload::Failure { turn, reason: Reason::cut(body(dice).as_str()) },
            _ => Payload::Claim { turn: Turn { attempt: AttemptId::from_parts(AT_MS, n.into()), prev } },
        }
    }
}
