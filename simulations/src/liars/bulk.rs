//! Lies that are many or mean nothing: old records and frames again, more than anybody wants to hear, bytes of no form.
//! All are bounded, so that a seed with liars does not cost a hundred seeds without.

use starling_crdt::id::RecordId;
use starling_net::proto::limits::FRAME_BYTES_MAX;

use super::Word;
use super::lies::in_a_wrong_hand;
use super::mouth::{Dice, Mouth, message, tell};
use crate::liar::{Liar, believed};

/// Records that are said again at once.
const REPLAYED: usize = 20;
/// Messages of a flood, and the time between two, ms: 200 a second for two seconds.
const FLOOD: (usize, u64) = (400, 5);
/// Frames of the largest size that go with it.
const FLOOD_FRAMES: usize = 3;
/// Messages of a flood that keep to the rules, and have to be stored by all.
const FLOOD_TRUE: usize = 8;
/// Senseless messages, and as many frames.
const GARBAGE: usize = 8;

/// Old records by gossip, old frames to whom they were not meant for.
pub(super) fn replay(mouth: &Mouth<'_>, liar: &Liar, dice: &mut Dice<'_>) -> Vec<Word> {
    let records = mouth.records();
    let mut words = Vec::new();
    for _ in 0..REPLAYED.min(records.len()) {
        words.extend(dice.one_of(&records).map(|(_, wire)| Word::Gossip(wire.clone())));
    }
    words.extend(liar.frames().take(GARBAGE).map(|frame| Word::Frame(frame.to_vec())));
    words
}

/// More than anybody wants to hear, most of it worth nothing.
pub(super) fn flood(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Word> {
    let (count, pause_ms) = FLOOD;
    let known = mouth.some_session(dice);
    let mut words = Vec::new();
    for (n, at) in (0..count).zip((0..).step_by(usize::try_from(pause_ms).unwrap_or(1))) {
        let signed = known.as_ref().filter(|_| n % 4 == 3).and_then(|known| {
            let deps = match n % 8 {
                3 => vec![RecordId::from_bytes(dice.bytes32())],
                _ => known.heads(),
            };
            mouth.sign(known.key, (mouth.roster_heads(), deps), message(dice)?, mouth.now_ms)
        });
        let bytes = match signed {
            Some(record) if n % 8 == 3 => record.wire().to_vec(),
            Some(record) if n % (count / FLOOD_TRUE) == 7 => {
                words.extend(tell(Some(record), None));
                continue;
            }
            Some(record) => in_a_wrong_hand(record.wire()),
            None => {
                let length = 32 + dice.below(300);
                dice.bytes(length)
            }
        };
        words.push(Word::Drip(at, bytes));
    }
    for _ in 0..FLOOD_FRAMES {
        let first = dice.bytes(16);
        words.push(Word::Frame(first.into_iter().cycle().take(FRAME_BYTES_MAX).collect()));
    }
    words
}

/// Bytes that mean nothing, or only almost something: random, cut off, too long.
pub(super) fn garbage(mouth: &Mouth<'_>, liar: &Liar, dice: &mut Dice<'_>) -> Vec<Word> {
    let mut words = Vec::new();
    let records = mouth.records();
    let frames: Vec<Vec<u8>> = liar.frames().map(<[u8]>::to_vec).collect();
    for _ in 0..GARBAGE {
        let length = dice.below(400);
        words.push(Word::Gossip(dice.bytes(length)));
        let length = dice.below(400);
        words.push(Word::Frame(dice.bytes(length)));
        if let Some((_, wire)) = dice.one_of(&records) {
            words.push(Word::Gossip(cut(wire, dice)));
            words.push(Word::Gossip(changed(wire, dice)));
        }
        if let Some(frame) = dice.one_of(&frames) {
            words.push(Word::Frame(cut(frame, dice)));
            words.push(Word::Frame(changed(frame, dice)));
        }
    }
    words.push(Word::Frame(vec![0x84; FRAME_BYTES_MAX + 1]));
    // A record with a time and a past, but longer than any.
    if let Some(record) = records.first().and_then(|(_, wire)| believed(wire)) {
        words.push(Word::Gossip(record.wire().iter().copied().cycle().take(200_000).collect()));
    }
    words
}

fn cut(bytes: &[u8], dice: &mut Dice<'_>) -> Vec<u8> {
    bytes.iter().take(dice.below(bytes.len())).copied().collect()
}

fn changed(bytes: &[u8], dice: &mut Dice<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = dice.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
    bytes
}
