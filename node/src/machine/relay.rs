//! What an agent does, told to the other devices of the session's creator while it happens, and permission requests, which
//! are answered at the host or, where its policy permits, by the creator from there. Everything here is of use now or
//! never: nothing is stored, and nothing is told again but open requests, to a device that comes back or calls.
//!
//! A note is believed as far as the roster goes: what an agent does only from its host, an answer only from a device of
//! the session's creator, for a request that is open, if the host's policy lets them.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::rand_core::Rng;
use starling_crdt::id::{AttemptId, DeviceKey, SessionId, StreamKey};

use super::Node;
use super::activity::{Activity, Asking, Doing, Note, PermissionInfo};
use super::info::Notice;
use super::input::{Effect, Ticket};
use super::policy::Permissions;
use super::request::{Answer, Code, Rejection};
use super::rows::IndexRow;

/// Requests of agents hosted elsewhere that are kept.
const ASKS_MAX: usize = 256;

/// Open permission requests, of agents hosted here and elsewhere.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<(AttemptId, u64), Ask>);

#[derive(Debug)]
struct Ask {
    key: StreamKey,
    info: PermissionInfo,
    /// Numbers begin anew with each run of the host, and attempts may be taken up again: this names the very request.
    nonce: u64,
    /// When its host spoke of it last, ms.
    heard_at_ms: u64,
}

/// Whose turn something is said of.
#[derive(Debug, Clone, Copy)]
struct Source {
    key: StreamKey,
    session: SessionId,
    attempt: AttemptId,
    generation: u64,
}

impl Ask {
    fn doing(&self, state: Asking, can_answer: bool) -> Doing {
        let (request, title, nonce) = (self.info.request, self.info.title.clone(), self.nonce);
        Doing::Permission { request, title, state, can_answer, nonce }
    }
}

impl Node {
    /// A turn's runner says what the agent does; clients here were told already.
    pub(super) fn on_doing(&mut self, attempt: AttemptId, doing: Vec<Doing>) {
        if let Some((source, row)) = self.source(attempt) {
            self.tell_creator(source, &row, doing);
        }
    }

    /// An agent asks for a permission.
    pub(super) fn on_asked(&mut self, attempt: AttemptId, request: u64, title: String) {
        let Some((source, row)) = self.source(attempt) else {
            // The turn is over; whoever waits is told so.
            return self.effects.push(Effect::Permit { request, allow: false });
        };
        let info = PermissionInfo {
            session: source.session,
            attempt,
            request,
            agent: self.item(&row).agent,
            title: title.clone(),
            host: self.me,
            here: true,
            can_answer: true,
            asked_at_ms: self.now,
        };
        let ask = Ask { key: source.key, info, nonce: self.rng.next_u64(), heard_at_ms: self.now };
        self.say_permission(source, &row, &ask, Asking::Asked);
        self.asks.0.insert((attempt, request), ask);
    }

    /// A request is answered, or nobody did in time.
    pub(super) fn on_answered(&mut self, attempt: AttemptId, request: u64, allowed: bool) {
        let asked = self.asks.0.remove(&(attempt, request));
        if let (Some(ask), Some((source, row))) = (asked, self.source(attempt)) {
            let state = if allowed { Asking::Allowed } else { Asking::Refused };
            self.say_permission(source, &row, &ask, state);
        }
    }

    fn say_permission(&mut self, source: Source, row: &IndexRow, ask: &Ask, state: Asking) {
        let open = state == Asking::Asked;
        let there = open && self.creator_may_answer(row);
        self.tell_clients(source, None, ask.doing(state, open));
        self.tell_creator(source, row, vec![ask.doing(state, there)]);
    }

    /// The turn of an attempt that runs here, and its session's row.
    fn source(&self, attempt: AttemptId) -> Option<(Source, IndexRow)> {
        let turn = self.hosting.turns.get(&attempt)?;
        let row = self.slots.get(&turn.key)?.row.clone()?;
        Some((Source { key: turn.key, session: row.id, attempt, generation: turn.generation }, row))
    }

    fn creator_may_answer(&self, row: &IndexRow) -> bool {
        self.hosting.profile(&row.agent).is_some_and(|p| p.policy.permissions == Permissions::Creator)
    }

    fn tell_clients(&mut self, source: Source, from: Option<DeviceKey>, doing: Doing) {
        let Source { session, attempt, generation, .. } = source;
        let activity = Activity { session, attempt, generation, from, doing };
        self.effects.push(Effect::Notify(Notice::Activity(activity)));
    }

    /// The creator's other devices that are connected, or were heard lately over others.
    fn devices_of_creator(&self, row: &IndexRow) -> BTreeSet<DeviceKey> {
        let all = self.peers.connected().chain(self.heard_over_others());
        all.filter(|device| self.is_of_creator(device, row)).collect()
    }

    fn is_of_creator(&self, device: &DeviceKey, row: &IndexRow) -> bool {
        self.standing().member_of(device).is_some_and(|(member, _)| member == row.creator)
    }

    fn tell_creator(&mut self, source: Source, row: &IndexRow, doing: Vec<Doing>) {
        let devices = self.devices_of_creator(row);
        if devices.is_empty() {
            return;
        }
        let is_talk = doing.iter().all(Doing::is_talk);
        let notes = Note::of(source.key, source.attempt, source.generation, doing);
        for device in devices {
            if self.peers.is_connected(&device) || !is_talk || self.may_talk_over_others() {
                notes.iter().for_each(|bytes| self.tell(device, bytes.clone()));
            }
        }
    }

    /// A device came back: it hears of what waits for an answer.
    pub(super) fn tell_open_requests(&mut self, peer: DeviceKey) {
        let mut notes = Vec::new();
        for ask in self.asks.0.values().filter(|ask| ask.info.here) {
            let Some((source, row)) = self.source(ask.info.attempt) else { continue };
            if self.is_of_creator(&peer, &row) {
                let doing = vec![ask.doing(Asking::Asked, self.creator_may_answer(&row))];
                notes.extend(Note::of(source.key, source.attempt, source.generation, doing));
            }
        }
        notes.into_iter().for_each(|bytes| self.tell(peer, bytes));
    }

    pub(super) fn on_note(&mut self, peer: DeviceKey, bytes: &[u8]) {
        if let Some(note) = Note::decode(bytes) {
            self.hear_note(peer, note);
        }
    }

    /// A note of `author`, who brought it or signed it.
    pub(super) fn hear_note(&mut self, author: DeviceKey, note: Note) {
        match note {
            Note::Doing { session, attempt, generation, doing } => {
                self.on_told(author, session, (attempt, generation), doing);
            }
            Note::Answer { session, attempt, request, allow, nonce } => {
                self.on_answer_of(author, session, (attempt, request), nonce, allow);
            }
            Note::Passed(note) => self.on_passed(author, note),
            // Who is connected is told without it.
            Note::Call | Note::Here => {}
        }
    }

    /// The host of a session's agent says what it does.
    fn on_told(
        &mut self,
        peer: DeviceKey,
        key: StreamKey,
        (attempt, generation): (AttemptId, u64),
        doing: Vec<Doing>,
    ) {
        let Some(row) = self.slots.get(&key).and_then(|slot| slot.row.clone()) else { return };
        let is_host = self.standing().agent(&row.agent).is_some_and(|agent| agent.host == peer);
        if !is_host || !self.standing().stands(&peer) || self.my_member().ok() != Some(row.creator) {
            return;
        }
        let source = Source { key, session: row.id, attempt, generation };
        for doing in doing {
            let is_news = match &doing {
                Doing::Permission { .. } => self.note_request(peer, source, &row, &doing),
                _ => true,
            };
            if is_news {
                self.tell_clients(source, Some(peer), doing);
            }
        }
    }

    /// Remembers a request of a host, or that it is over. Returns whether that is news: a host repeats what is open.
    fn note_request(&mut self, host: DeviceKey, source: Source, row: &IndexRow, doing: &Doing) -> bool {
        let Doing::Permission { request, title, state, can_answer, nonce } = doing else { return true };
        let (request, can_answer, nonce) = (*request, *can_answer, *nonce);
        let place = (source.attempt, request);
        let known = self.asks.0.get_mut(&place).filter(|ask| ask.nonce == nonce);
        if *state != Asking::Asked {
            self.asks.0.remove(&place);
        } else if let Some(known) = known {
            known.heard_at_ms = self.now;
            let is_news = known.info.can_answer != can_answer;
            known.info.can_answer = can_answer;
            return is_news;
        } else if self.asks.0.len() < ASKS_MAX {
            let info = PermissionInfo {
                session: source.session,
                attempt: source.attempt,
                request,
                agent: self.item(row).agent,
                title: title.clone(),
                host,
                here: false,
                can_answer,
                asked_at_ms: self.now,
            };
            self.asks.0.insert(place, Ask { key: source.key, info, nonce, heard_at_ms: self.now });
        }
        true
    }

    /// Another device answers a request of an agent hosted here.
    fn on_answer_of(
        &mut self,
        peer: DeviceKey,
        key: StreamKey,
        (attempt, request): (AttemptId, u64),
        nonce: u64,
        allow: bool,
    ) {
        let asked = self.asks.0.get(&(attempt, request));
        let is_open = asked.is_some_and(|ask| ask.key == key && ask.info.here && ask.nonce == nonce);
        let Some((_, row)) = self.source(attempt).filter(|(source, _)| is_open && source.key == key) else {
            return;
        };
        if self.creator_may_answer(&row) && self.is_of_creator(&peer, &row) {
            self.effects.push(Effect::Permit { request, allow });
        }
    }

    pub(super) fn permissions(&self) -> Answer {
        Answer::Permissions(self.asks.0.values().map(|ask| ask.info.clone()).collect())
    }

    /// A client answers a request.
    pub(super) fn on_permit(&mut self, ticket: Ticket, session: SessionId, request: u64, allow: bool) {
        let answer = self.permit(session, request, allow);
        self.answer(ticket, answer);
    }

    fn permit(&mut self, session: SessionId, request: u64, allow: bool) -> Result<Answer, Rejection> {
        let mut open = self.asks.0.values();
        let asked = open.find(|ask| ask.info.session == session && ask.info.request == request);
        let Some(Ask { key, info, nonce, .. }) = asked else {
            let detail = format!("no permission request {request} is open in {session}");
            return Err(Rejection::new(Code::NotFound, detail));
        };
        let (key, info, nonce) = (*key, info.clone(), *nonce);
        if info.here {
            self.effects.push(Effect::Permit { request, allow });
        } else if !info.can_answer {
            let host = self.label(&info.host);
            let detail =
                format!("@{}'s requests are answered on the device that hosts it ({host})", info.agent);
            return Err(Rejection::new(Code::QuickSessionForbidden, detail));
        } else if !self.can_reach(&info.host) {
            let detail = format!("@{}'s node ({}) is not connected", info.agent, self.label(&info.host));
            return Err(Rejection::new(Code::QuickSessionInvalidState, detail));
        } else {
            let note = Note::Answer { session: key, attempt: info.attempt, request, allow, nonce };
            self.tell(info.host, note.encode());
        }
        Ok(Answer::Permissions(vec![info]))
    }

    /// A host is gone: whatever its agents ask, it is told anew when it comes back.
    pub(super) fn forget_requests_of(&mut self, host: &DeviceKey) {
        if self.can_reach(host) {
            return;
        }
        self.asks.0.retain(|_, ask| ask.info.here || ask.info.host != *host);
    }

    /// A host that is not connected repeats what is open: what it did not for this long is over.
    pub(super) fn drop_unheard_asks(&mut self, ms: u64) {
        let (now, peers) = (self.now, &self.peers);
        let is_heard = |ask: &Ask| ask.heard_at_ms.saturating_add(ms) > now;
        self.asks.0.retain(|_, ask| ask.info.here || peers.is_connected(&ask.info.host) || is_heard(ask));
    }

    /// Nothing runs in a session any more: nothing waits for an answer either.
    pub(super) fn drop_asks(&mut self, key: &StreamKey, row: &IndexRow) {
        if row.open == 0 {
            self.asks.0.retain(|_, ask| ask.key != *key);
        }
    }
}
