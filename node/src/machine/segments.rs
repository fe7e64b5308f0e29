//! The signed records as files of the export: each stream in segments, of which number n has the records with lamport
//! 256n to 256n+255, sorted by (lamport, id), each as a length (4 bytes, big-endian) and its wire. So the files are a
//! function of the set of records, and a new record rewrites the newest, small file and no other.
//!
//! It says nothing of what a record means: who reads a segment checks each record like one that a peer sent. The one
//! thing that is not in the set of ids is the signature: an author who signs one record twice, which takes a changed
//! program, can give two nodes different bytes for it, here and nowhere else.

use std::collections::BTreeMap;

use starling_crdt::facts::Stamp;
use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::limits::{SIGNATURE_BYTES, WIRE_BYTES_MAX};
use starling_crdt::signed::{Signed, Verified};

use super::rows::digest_of;

/// Lamport times of one segment.
pub const LAMPORTS: u64 = 256;
/// A session that is filled up to its cap with the longest messages, all of them concurrent, has 256 MiB in one segment;
/// twice that is more than an honest node ever writes, and bounds what reading one takes.
pub const SEGMENT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Folder of all of this.
pub const FOLDER: &str = ".starling";
/// The roster's segments.
pub const ROSTER_FOLDER: &str = ".starling/roster";
/// One folder a session, below 256 folders that are called by the first two digits of its key: ten thousand names in one
/// tree would be a megabyte that every commit writes anew.
pub const RECORDS_FOLDER: &str = ".starling/records";
/// Bytes of a record's length.
const LENGTH_BYTES: usize = 4;

/// These bytes are no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// There is no file without a record.
    #[error("the segment is empty")]
    Empty,
    /// More bytes than any node writes.
    #[error("the segment has more than {SEGMENT_BYTES_MAX} bytes")]
    TooLong,
    /// It ends within a record or its length.
    #[error("the segment ends in the middle of a record")]
    CutOff,
    /// A record would be shorter than its signature, or longer than any record.
    #[error("a record of the segment has {0} bytes, which no record has")]
    Length(usize),
}

/// Which segments of a stream were shown, each with a digest of what is in it.
pub(super) type Shown = BTreeMap<u64, [u8; 32]>;

/// What has to be done so that a stream's folder shows its records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) writes: Vec<(String, Vec<u8>)>,
    pub(super) removes: Vec<String>,
}

/// The folder of a session.
#[must_use]
pub fn session_folder(key: &StreamKey) -> String {
    let key = key.to_string();
    format!("{RECORDS_FOLDER}/{}/{key}", fan_of(&key))
}

/// The folder among 256 in which a session's folder of this name is.
#[must_use]
pub fn fan_of(name: &str) -> &str {
    name.split_at_checked(2).map_or(name, |(first, _)| first)
}

/// The number of a file that this module names.
#[must_use]
pub fn number_of(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then_some(number)
}

/// The wires of a segment, in their order.
///
/// # Errors
/// [`SegmentError`]; nothing is taken from a file that is no segment as a whole.
pub fn parse(bytes: &[u8]) -> Result<Vec<&[u8]>, SegmentError> {
    if bytes.len() > SEGMENT_BYTES_MAX {
        return Err(SegmentError::TooLong);
    }
    let (mut wires, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(SegmentError::CutOff)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(SIGNATURE_BYTES..=WIRE_BYTES_MAX).contains(&length) {
            return Err(SegmentError::Length(length));
        }
        let (wire, after) = after.split_at_checked(length).ok_or(SegmentError::CutOff)?;
        wires.push(wire);
        rest = after;
    }
    if wires.is_empty() { Err(SegmentError::Empty) } else { Ok(wires) }
}

/// A segment with these wires, in their order.
#[must_use]
pub fn render<'a>(wires: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for wire in wires {
        debug_assert!(wire.len() <= WIRE_BYTES_MAX, "INV-8: a record has {} bytes", wire.len());
        bytes.extend_from_slice(&u32::try_from(wire.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(wire);
    }
    bytes
}

/// Brings `folder` from what it shows (`None`: nobody knows) to these records, and notes what it shows then.
pub(super) fn change<'a>(
    folder: &str,
    records: impl Iterator<Item = (Stamp, &'a Signed<Verified>)>,
    shown: &mut Option<Shown>,
) -> Change {
    let mut segments: BTreeMap<u64, BTreeMap<Stamp, &Signed<Verified>>> = BTreeMap::new();
    for (stamp, record) in records {
        segments.entry(stamp.0 / LAMPORTS).or_default().insert(stamp, record);
    }
    let before = shown.take();
    let path = |number: &u64| format!("{folder}/{number}");
    let mut change = Change::default();
    match &before {
        Some(before) => {
            let gone = before.keys().filter(|number| !segments.contains_key(number));
            change.removes.extend(gone.map(path));
        }
        None => change.removes.push(folder.to_owned()),
    }
    let mut now = Shown::new();
    for (number, records) in &segments {
        let digest = digest_of(records.keys().map(|(_, id): &(u64, RecordId)| *id));
        if before.as_ref().and_then(|before| before.get(number)) != Some(&digest) {
            change.writes.push((path(number), render(records.values().map(|record| record.wire()))));
        }
        now.insert(*number, digest);
    }
    *shown = Some(now);
    change
}

#[cfg(test)]
mod tests;
