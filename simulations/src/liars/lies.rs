//! Lies that are records: two with the same past, some with a wrong name or hand under them, some upon what was long ago.

use ed25519_dalek::Signer;
use starling_crdt::id::{DeviceKey, SessionId, WorkspaceId};
use starling_crdt::limits::{AT_MS_MAX, SIGNATURE_BYTES};
use starling_crdt::payload::{Header, Payload};
use starling_crdt::record::{Record, id_of};
use starling_crdt::text::{Body, Label, RequestId, Title};

use super::Word;
use super::mouth::{Dice, Known, Mouth, message, tell};
use crate::liar::believed;

/// What is signed of a record, besides its id.
const SIGNATURE_DOMAIN: &[u8] = b"starling/signature/1";

/// Two records with the same past, each to half of the peers.
pub(super) fn equivocate(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Word> {
    let twins = match dice.below(4) {
        0 => twin_devices(mouth, dice),
        1 => twin_roots(mouth, dice),
        way => mouth.some_session(dice).map_or_else(Vec::new, |known| twin_words(mouth, dice, &known, way)),
    };
    twins.into_iter().flatten().collect()
}

fn twin_words(mouth: &Mouth<'_>, dice: &mut Dice<'_>, known: &Known, way: usize) -> Vec<Option<Word>> {
    let title = Title::new(format!("twin {}", dice.below(100))).ok();
    let payloads = match way {
        2 => [message(dice), message(dice)],
        _ => [title.map(|title| Payload::Title { title, turn: None }), Some(Payload::Archive {})],
    };
    let say = |(half, payload): (bool, Option<Payload>)| {
        tell(payload.and_then(|payload| mouth.write(known, payload)), Some(half))
    };
    [false, true].into_iter().zip(payloads).map(say).collect()
}

/// The same key under two names on the roster.
fn twin_devices(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Option<Word>> {
    let device = DeviceKey::from_bytes(dice.bytes32());
    let say = |half: bool| {
        let label = Label::new(format!("twin {half}")).ok()?;
        let payload = Payload::AddDevice { member: mouth.member()?, device, label };
        tell(mouth.enrol(payload), Some(half))
    };
    [false, true].map(say).into()
}

/// One session id, opened with two agents, or twice with two messages.
fn twin_roots(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Option<Word>> {
    let agents: Vec<_> = mouth.roster().standing().agents().map(|(agent, _)| *agent).collect();
    let session = SessionId::from_parts(mouth.now_ms, u128::from(dice.number()));
    let mut say = |half: bool| {
        let header = Header { session, creator: mouth.member()?, agent: *dice.one_of(&agents)? };
        let body = Body::new(format!("opened {half}")).ok()?;
        let request_id = RequestId::new(session.to_string()).ok()?;
        let key = header.key(&mouth.roster().workspace());
        let open = Payload::Open { header, body, request_id };
        tell(mouth.sign(key, (mouth.roster_heads(), Vec::new()), open, mouth.now_ms), Some(half))
    };
    vec![say(false), say(true)]
}

/// Another one's name, a wrong hand, another workspace, a changed text.
pub(super) fn forge(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Word> {
    let mut words = Vec::new();
    if let Some(known) = mouth.some_session(dice) {
        words.extend(in_another_name(mouth, dice, &known));
        words.extend(of_another_workspace(mouth, dice, &known));
    }
    let records = mouth.records();
    if let Some((stream, wire)) = dice.one_of(&records) {
        words.push(Word::Record { stream: *stream, wire: in_a_wrong_hand(wire), half: None });
        words.extend(with_another_text(dice, wire).map(Word::Gossip));
    }
    // The newest, before others had the time to hear of it: its id must not be spoilt by a bad signature.
    if let Some((_, wire)) = records.first() {
        words.push(Word::Gossip(in_a_wrong_hand(wire)));
    }
    words
}

fn in_another_name(mouth: &Mouth<'_>, dice: &mut Dice<'_>, known: &Known) -> Option<Word> {
    let others: Vec<DeviceKey> = mouth.roster().standing().admitted_devices().copied().collect();
    let author = *dice.one_of(&others)?;
    let record = Record {
        workspace: mouth.roster().workspace(),
        stream: known.key,
        author,
        roster: mouth.roster_heads(),
        deps: known.heads(),
        at_ms: mouth.now_ms,
        payload: message(dice)?,
    };
    let mut wire = record.encode();
    let text = [SIGNATURE_DOMAIN, id_of(&wire).as_bytes()].concat();
    wire.extend_from_slice(&mouth.key.sign(&text).to_bytes());
    Some(Word::Record { stream: known.key, wire, half: None })
}

fn of_another_workspace(mouth: &Mouth<'_>, dice: &mut Dice<'_>, known: &Known) -> Option<Word> {
    let record = mouth.write(known, message(dice)?)?;
    let record = Record { workspace: WorkspaceId::from_bytes(dice.bytes32()), ..record.record().clone() };
    let signed = starling_crdt::signed::Signed::sign(record, mouth.key).ok()?;
    Some(Word::Record { stream: known.key, wire: signed.wire().to_vec(), half: None })
}

pub(super) fn in_a_wrong_hand(wire: &[u8]) -> Vec<u8> {
    let mut wire = wire.to_vec();
    if let Some(byte) = wire.last_mut() {
        *byte ^= 1;
    }
    wire
}

fn with_another_text(dice: &mut Dice<'_>, wire: &[u8]) -> Option<Vec<u8>> {
    let mut record = believed(wire)?.record().clone();
    record.payload = match record.payload {
        Payload::Open { header, request_id, .. } => {
            Payload::Open { header, request_id, body: Body::new("never said").ok()? }
        }
        Payload::Reply { turn, .. } => Payload::Reply { turn, body: Body::new("never answered").ok()? },
        _ => message(dice)?,
    };
    let (_, signature) = wire.split_at_checked(wire.len().checked_sub(SIGNATURE_BYTES)?)?;
    Some([record.encode().as_slice(), signature].concat())
}

/// Records upon what was long ago, at the beginning and at the end of time.
pub(super) fn back_date(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Word> {
    let mut words = Vec::new();
    let founding = mouth.roster().records().next().map(|record| record.id());
    let merge = mouth.sign(
        mouth.roster().key(),
        (Vec::new(), founding.into_iter().collect()),
        Payload::Merge {},
        AT_MS_MAX,
    );
    words.extend(tell(merge, None));
    let Some(known) = mouth.some_session(dice) else { return words };
    let past: Vec<_> = known.session.entries().map(|entry| entry.signed.clone()).collect();
    let (first, some) = (past.first(), dice.one_of(&past));
    for (record, roster, at_ms) in [
        (first, first.map(|root| root.record().roster.clone()), 0),
        (some, some.map(|record| record.record().roster.clone()), AT_MS_MAX),
        (some, Some(mouth.roster_heads()), 1),
        // Older than what it builds upon, perhaps.
        (past.last(), founding.map(|founding| vec![founding]), mouth.now_ms),
    ] {
        let (Some(record), Some(roster), Some(payload)) = (record, roster, message(dice)) else { continue };
        words.extend(tell(mouth.sign(known.key, (roster, vec![record.id()]), payload, at_ms), None));
    }
    words
}
