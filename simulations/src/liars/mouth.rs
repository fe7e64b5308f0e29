//! What a liar knows and can sign: its key, the roster and the sessions as it believes them. Every record that it makes
//! is signed by its own key, unless a lie says otherwise, and is at least of the right form: bytes of no form at all are
//! garbage, which is another lie.

use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use starling_crdt::id::{DeviceKey, MemberId, RecordId, StreamKey};
use starling_crdt::payload::{Header, Payload};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::Session;
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::{Body, RequestId};

use super::Word;
use crate::liar::{Liar, believed};

/// Where a liar takes its choices from.
pub(super) struct Dice<'a>(pub(super) &'a mut ChaCha8Rng);

impl Dice<'_> {
    /// A number below `count`; 0 if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        let drawn = self.0.next_u64() % (count.max(1) as u64);
        usize::try_from(drawn).unwrap_or_default()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(super) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    pub(super) fn one_of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(self.below(all.len()))
    }
}

/// One who speaks.
pub(super) struct Mouth<'a> {
    pub(super) key: &'a SigningKey,
    pub(super) me: DeviceKey,
    pub(super) now_ms: u64,
    liar: &'a Liar,
}

/// One session as the liar believes it.
pub(super) struct Known {
    pub(super) key: StreamKey,
    pub(super) session: Session,
    pub(super) header: Header,
}

impl Known {
    /// Its heads.
    pub(super) fn heads(&self) -> Vec<RecordId> {
        self.session.write_deps(None)
    }
}

impl<'a> Mouth<'a> {
    pub(super) fn new(key: &'a SigningKey, liar: &'a Liar, now_ms: u64) -> Self {
        Self { key, me: device_key(key), now_ms, liar }
    }

    pub(super) const fn roster(&self) -> &'a Roster {
        self.liar.roster()
    }

    pub(super) fn roster_heads(&self) -> Vec<RecordId> {
        self.roster().write_heads(&self.me)
    }

    /// Its member, if it was not removed.
    pub(super) fn member(&self) -> Option<MemberId> {
        self.roster().standing().device(&self.me).map(|device| device.member)
    }

    /// A session that it may write in as the creator, if there is one and the dice want it, or any.
    pub(super) fn some_session(&self, dice: &mut Dice<'_>) -> Option<Known> {
        let all: Vec<Known> = self.liar.sessions().into_iter().filter_map(|key| self.known(key)).collect();
        let mine: Vec<usize> =
            (0..all.len()).filter(|at| all.get(*at).map(|k| k.header.creator) == self.member()).collect();
        let at = match dice.one_of(&mine) {
            Some(at) if dice.below(4) > 0 => *at,
            _ => dice.below(all.len()),
        };
        all.into_iter().nth(at)
    }

    fn known(&self, key: StreamKey) -> Option<Known> {
        let mut session = Session::new(self.roster().workspace(), key);
        for record in self.liar.wires(&key).filter_map(believed) {
            session.offer(record, self.roster());
        }
        let header = session.header()?.clone();
        Some(Known { key, session, header })
    }

    /// Bytes of records of any stream, newest first.
    pub(super) fn records(&self) -> Vec<(StreamKey, Vec<u8>)> {
        let roster = self.roster().key();
        let keys = self.liar.sessions().into_iter().chain([roster]);
        let of = |key: StreamKey| {
            let newest = self.liar.wires(&key).rev().map(<[u8]>::to_vec).collect::<Vec<_>>();
            newest.into_iter().map(move |wire| (key, wire))
        };
        keys.flat_map(of).collect()
    }

    /// A record by this device.
    pub(super) fn sign(
        &self,
        stream: StreamKey,
        (roster, deps): (Vec<RecordId>, Vec<RecordId>),
        payload: Payload,
        at_ms: u64,
    ) -> Option<Signed<Verified>> {
        let workspace = self.roster().workspace();
        let record = Record { workspace, stream, author: self.me, roster, deps, at_ms, payload };
        Signed::sign(record, self.key).ok()
    }

    /// A record of a session upon its heads.
    pub(super) fn write(&self, known: &Known, payload: Payload) -> Option<Signed<Verified>> {
        self.sign(known.key, (self.roster_heads(), known.heads()), payload, self.now_ms)
    }

    /// A record of the roster upon its heads.
    pub(super) fn enrol(&self, payload: Payload) -> Option<Signed<Verified>> {
        let deps = self.roster_heads();
        self.sign(self.roster().key(), (Vec::new(), deps), payload, self.now_ms)
    }
}

/// A message that says nothing much.
pub(super) fn message(dice: &mut Dice<'_>) -> Option<Payload> {
    let n = dice.number();
    let body = Body::new(format!("lie {n:x}")).ok()?;
    Some(Payload::Message { body, request_id: RequestId::new(format!("lie-{n:x}")).ok()?, reply_to: None })
}

/// Says a record to all, or to one half.
pub(super) fn tell(record: Option<Signed<Verified>>, half: Option<bool>) -> Option<Word> {
    let record = record?;
    Some(Word::Record { stream: record.stream(), wire: record.wire().to_vec(), half })
}
