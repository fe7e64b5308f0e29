//! The words of the protocol and their bytes: one CBOR array a frame, its first element the kind. Decoding is strict and
//! bounded: every list has a named longest length that is checked before it is read, and a frame that does not
//! re-encode to the same bytes (trailing bytes included) is refused. Nothing here decides anything.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use starling_crdt::limits::LABEL_BYTES_MAX;

use super::codec::{
    self, Writer, Written, array, ascending, bytes, fields, list, next_type, put_list, put_records, text,
};
use super::io::Have;
use super::limits::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, BATCH_STREAMS_MAX, DETAIL_BYTES_MAX, FRAME_BYTES_MAX,
    HAVE_AUTHORS_MAX, HAVE_HEADS_MAX, INDEX_ITEMS_MAX, INDEX_RANGES_MAX, PROOF_BYTES_MAX, PROOF_RECORDS_MAX,
    REFUSAL_RECORDS_MAX,
};

/// Domain of the tag in the first frame.
const TAG_DOMAIN: &str = "starling/hello/1";

/// A digest of 64 bits. Salted anew for each round (see [`super::index`]), so that nobody can prepare two states that
/// look the same.
pub(super) type Short = [u8; 8];

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// First frame of a member, both ways.
    Hello {
        version: u16,
        version_min: u16,
        /// Shows, to this peer alone, that the sender knows the workspace.
        tag: [u8; 32],
        /// The receiver is not on the sender's roster: it is to prove that it belongs there.
        prove: bool,
    },
    /// First frame of a joiner.
    Join {
        version: u16,
        version_min: u16,
        tag: [u8; 32],
        secret: [u8; 32],
        label: String,
    },
    /// The roster records that admit the sender.
    Proof { records: Vec<Vec<u8>> },
    /// The whole roster for a joiner, in parts.
    Welcome { records: Vec<Vec<u8>>, more: bool },
    /// You are not let in, and the link closes.
    Refused {
        code: RefusalCode,
        detail: String,
        records: Vec<Vec<u8>>,
    },
    /// You are let in. From here on, and once both have said it, the rest may be said.
    Accepted,
    /// Our state in short.
    Summary(Summary),
    /// Parts of the index: ranges of stream keys, each with a digest, or with its items.
    Index {
        /// Salt of the digests, and the name of the round.
        round: Short,
        ranges: Vec<Range>,
        /// Whether this ends the answer to one frame.
        last: bool,
    },
    /// What we have of a stream: send what we lack.
    Have {
        stream: StreamKey,
        have: Have,
        /// Whether to answer with a `Have` as well.
        reply: bool,
    },
    /// Records that you lack.
    Records { token: u64, parts: Vec<Part> },
    /// The records of that frame are in our store, or will never be.
    Ack { token: u64 },
    /// We stop talking on purpose.
    Bye { paused: bool },
}

/// A node's state in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    /// Digest of the roster's heads.
    pub(super) roster: [u8; 32],
    /// Digest over all sessions and their digests.
    pub(super) root: [u8; 32],
    /// How many sessions.
    pub(super) sessions: u64,
}

/// The stream keys from the end of the range before (or the first key) to `upto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) upto: Bound,
    pub(super) what: RangeState,
}

/// What is said of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RangeState {
    /// Nothing to say.
    Skip,
    /// The digest of the sender's items there.
    Digest(Short),
    /// The sender's items there, all of them, sorted.
    Items(Vec<(StreamKey, Short)>),
}

/// The end of a range, exclusive: the first bytes of a key, the rest taken as zero; `None` is behind the last key.
/// Ordered as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound(pub(super) Option<[u8; 32]>);

/// Records of one stream in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) stream: StreamKey,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) tail: Tail,
}

/// What follows the records of a [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Another part of the same answer.
    Part,
    /// Nothing: that was all you lacked.
    End,
    /// More, if you ask again.
    Again,
}

/// Why a peer is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalCode {
    /// It does not know the workspace that we sync.
    WrongWorkspace,
    /// No protocol version that both speak.
    Version,
    /// It is not on the roster, and its proof does not put it there.
    NotMember,
    /// It was on the roster; the revocation goes with the refusal.
    Revoked,
    /// No such invite, or not one that this device can redeem.
    InviteUnknown,
    /// The invite is too old.
    InviteExpired,
    /// The invite was redeemed by another device.
    InviteUsed,
    /// A reason that a later version has given.
    Other(u8),
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongWorkspace => f.write_str("wrong_workspace"),
            Self::Version => f.write_str("version"),
            Self::NotMember => f.write_str("not_member"),
            Self::Revoked => f.write_str("revoked"),
            Self::InviteUnknown => f.write_str("invite_unknown"),
            Self::InviteExpired => f.write_str("invite_expired"),
            Self::InviteUsed => f.write_str("invite_used"),
            Self::Other(code) => write!(f, "refused_{code}"),
        }
    }
}

impl RefusalCode {
    const fn to_wire(self) -> u8 {
        match self {
            Self::WrongWorkspace => 0,
            Self::Version => 1,
            Self::NotMember => 2,
            Self::Revoked => 3,
            Self::InviteUnknown => 4,
            Self::InviteExpired => 5,
            Self::InviteUsed => 6,
            Self::Other(code) => code,
        }
    }

    const fn from_wire(code: u8) -> Self {
        match code {
            0 => Self::WrongWorkspace,
            1 => Self::Version,
            2 => Self::NotMember,
            3 => Self::Revoked,
            4 => Self::InviteUnknown,
            5 => Self::InviteExpired,
            6 => Self::InviteUsed,
            later => Self::Other(later),
        }
    }
}

/// The tag by which `from` shows `to` that it knows the workspace; good for nobody else, and in no other direction.
pub(super) fn tag(workspace: &WorkspaceId, from: &DeviceKey, to: &DeviceKey) -> [u8; 32] {
    let key = blake3::derive_key(TAG_DOMAIN, workspace.as_bytes());
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(from.as_bytes()).update(to.as_bytes());
    *hasher.finalize().as_bytes()
}

/// The bytes of a frame.
pub(super) fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into a Vec cannot fail.
    let written = put(&mut Encoder::new(&mut bytes), message);
    debug_assert!(written.is_ok() && bytes.len() <= FRAME_BYTES_MAX);
    bytes
}

/// Reads a frame.
///
/// # Errors
/// A text for the log: too long, malformed, beyond a bound, or not canonical.
pub(super) fn decode(frame: &[u8]) -> Result<Message, String> {
    if frame.len() > FRAME_BYTES_MAX {
        return Err(format!("a frame has at most {FRAME_BYTES_MAX} bytes"));
    }
    let message = get(&mut Decoder::new(frame)).map_err(|error| format!("malformed frame: {error}"))?;
    if encode(&message) == frame {
        Ok(message)
    } else {
        Err("the frame's encoding is not canonical".to_owned())
    }
}

fn put(e: &mut Writer<'_>, message: &Message) -> Written {
    match message {
        Message::Hello {
            version,
            version_min,
            tag,
            prove,
        } => {
            e.array(5)?.u8(0)?.u16(*version)?.u16(*version_min)?.bytes(tag)?;
            e.bool(*prove)?.ok()
        }
        Message::Join {
            version,
            version_min,
            tag,
            secret,
            label,
        } => {
            e.array(6)?.u8(1)?.u16(*version)?.u16(*version_min)?.bytes(tag)?;
            e.bytes(secret)?.str(label)?.ok()
        }
        Message::Proof { records } => {
            e.array(2)?.u8(2)?;
            put_records(e, records)
        }
        Message::Welcome { records, more } => {
            e.array(3)?.u8(3)?;
            put_records(e, records)?;
            e.bool(*more)?.ok()
        }
        Message::Refused {
            code,
            detail,
            records,
        } => {
            e.array(4)?.u8(4)?.u8(code.to_wire())?.str(detail)?;
            put_records(e, records)
        }
        Message::Accepted => e.array(1)?.u8(5)?.ok(),
        Message::Summary(Summary {
            roster,
            root,
            sessions,
        }) => e
            .array(4)?
            .u8(6)?
            .bytes(roster)?
            .bytes(root)?
            .u64(*sessions)?
            .ok(),
        Message::Index { round, ranges, last } => {
            e.array(4)?.u8(7)?.bytes(round)?;
            put_list(e, ranges, put_range)?;
            e.bool(*last)?.ok()
        }
        Message::Have { stream, have, reply } => {
            e.array(5)?.u8(8)?.bytes(stream.as_bytes())?;
            put_list(e, &have.heads, |e, id| e.bytes(id.as_bytes())?.ok())?;
            put_list(e, &have.counts, |e, (author, count)| {
                e.array(2)?.bytes(author.as_bytes())?.u32(*count)?.ok()
            })?;
            e.bool(*reply)?.ok()
        }
        Message::Records { token, parts } => {
            e.array(3)?.u8(9)?.u64(*token)?;
            put_list(e, parts, put_part)
        }
        Message::Ack { token } => e.array(2)?.u8(10)?.u64(*token)?.ok(),
        Message::Bye { paused } => e.array(2)?.u8(11)?.bool(*paused)?.ok(),
    }
}

fn put_range(e: &mut Writer<'_>, range: &Range) -> Written {
    e.array(2)?;
    match range.upto.0 {
        None => e.null()?,
        Some(key) => {
            let used = key.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            e.bytes(key.split_at(used).0)?
        }
    };
    match &range.what {
        RangeState::Skip => e.null()?.ok(),
        RangeState::Digest(short) => e.bytes(short)?.ok(),
        RangeState::Items(items) => put_list(e, items, |e, (stream, short)| {
            e.array(2)?.bytes(stream.as_bytes())?.bytes(short)?.ok()
        }),
    }
}

fn put_part(e: &mut Writer<'_>, part: &Part) -> Written {
    let tail = match part.tail {
        Tail::Part => 0,
        Tail::End => 1,
        Tail::Again => 2,
    };
    e.array(3)?.bytes(part.stream.as_bytes())?.u8(tail)?;
    put_records(e, &part.records)
}

fn get(d: &mut Decoder<'_>) -> Result<Message, Error> {
    let Some(len) = d.array()? else {
        return Err(Error::message("a frame has a definite length"));
    };
    match (d.u8()?, len) {
        (0, 5) => Ok(Message::Hello {
            version: d.u16()?,
            version_min: d.u16()?,
            tag: array(d)?,
            prove: d.bool()?,
        }),
        (1, 6) => Ok(Message::Join {
            version: d.u16()?,
            version_min: d.u16()?,
            tag: array(d)?,
            secret: array(d)?,
            label: text(d, LABEL_BYTES_MAX)?,
        }),
        (2, 2) => Ok(Message::Proof {
            records: codec::records(d, PROOF_RECORDS_MAX, PROOF_BYTES_MAX)?,
        }),
        (3, 3) => Ok(Message::Welcome {
            records: codec::records(d, BATCH_RECORDS_MAX, BATCH_BYTES_MAX)?,
            more: d.bool()?,
        }),
        (4, 4) => Ok(Message::Refused {
            code: RefusalCode::from_wire(d.u8()?),
            detail: text(d, DETAIL_BYTES_MAX)?,
            records: codec::records(d, REFUSAL_RECORDS_MAX, PROOF_BYTES_MAX)?,
        }),
        (5, 1) => Ok(Message::Accepted),
        (6, 4) => Ok(Message::Summary(Summary {
            roster: array(d)?,
            root: array(d)?,
            sessions: d.u64()?,
        })),
        (7, 4) => Ok(Message::Index {
            round: array(d)?,
            ranges: get_ranges(d)?,
            last: d.bool()?,
        }),
        (8, 5) => Ok(Message::Have {
            stream: codec::stream(d)?,
            have: get_have(d)?,
            reply: d.bool()?,
        }),
        (9, 3) => Ok(Message::Records {
            token: d.u64()?,
            parts: get_parts(d)?,
        }),
        (10, 2) => Ok(Message::Ack { token: d.u64()? }),
        (11, 2) => Ok(Message::Bye { paused: d.bool()? }),
        _ => Err(Error::message("unknown kind of frame")),
    }
}

fn get_have(d: &mut Decoder<'_>) -> Result<Have, Error> {
    let heads: Vec<RecordId> = ascending(list(d, HAVE_HEADS_MAX, codec::record_id)?, |id| *id)?;
    let counts = list(d, HAVE_AUTHORS_MAX, |d| {
        fields(d, 2)?;
        Ok((codec::device(d)?, d.u32()?))
    })?;
    Ok(Have {
        heads,
        counts: ascending(counts, |(author, _)| *author)?,
    })
}

fn get_parts(d: &mut Decoder<'_>) -> Result<Vec<Part>, Error> {
    let (mut records_left, mut bytes_left) = (BATCH_RECORDS_MAX, BATCH_BYTES_MAX);
    list(d, BATCH_STREAMS_MAX, |d| {
        fields(d, 3)?;
        let stream = codec::stream(d)?;
        let tail = match d.u8()? {
            0 => Tail::Part,
            1 => Tail::End,
            2 => Tail::Again,
            _ => return Err(Error::message("unknown tail")),
        };
        let records = codec::records(d, records_left, bytes_left)?;
        records_left -= records.len();
        bytes_left -= records.iter().map(Vec::len).sum::<usize>();
        Ok(Part {
            stream,
            records,
            tail,
        })
    })
}

fn get_ranges(d: &mut Decoder<'_>) -> Result<Vec<Range>, Error> {
    let mut items_left = INDEX_ITEMS_MAX;
    let mut behind_last = false;
    let mut lower = [0; 32];
    let ranges = list(d, INDEX_RANGES_MAX, |d| {
        fields(d, 2)?;
        let upto = get_bound(d)?;
        let what = get_range_state(d, &mut items_left)?;
        if behind_last || upto.0.is_some_and(|upto| upto <= lower) {
            return Err(Error::message("ranges do not ascend"));
        }
        if let RangeState::Items(items) = &what
            && !items
                .iter()
                .all(|(key, _)| *key.as_bytes() >= lower && upto.is_above(key))
        {
            return Err(Error::message("an item is outside its range"));
        }
        match upto.0 {
            None => behind_last = true,
            Some(upto) => lower = upto,
        }
        Ok(Range { upto, what })
    })?;
    Ok(ranges)
}

fn get_bound(d: &mut Decoder<'_>) -> Result<Bound, Error> {
    if next_type(d)? == Type::Null {
        d.null()?;
        return Ok(Bound(None));
    }
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(bytes(d, 32)?) {
        *to = from;
    }
    Ok(Bound(Some(key)))
}

fn get_range_state(d: &mut Decoder<'_>, items_left: &mut usize) -> Result<RangeState, Error> {
    match next_type(d)? {
        Type::Null => d.null().map(|()| RangeState::Skip),
        Type::Bytes => Ok(RangeState::Digest(array(d)?)),
        _ => {
            let items = list(d, *items_left, |d| {
                fields(d, 2)?;
                Ok((codec::stream(d)?, array(d)?))
            })?;
            *items_left -= items.len();
            Ok(RangeState::Items(ascending(items, |(stream, _)| *stream)?))
        }
    }
}

impl Bound {
    /// Whether `key` is before this end.
    pub(super) fn is_above(&self, key: &StreamKey) -> bool {
        self.0.is_none_or(|upto| *key.as_bytes() < upto)
    }
}

#[cfg(test)]
mod tests;
