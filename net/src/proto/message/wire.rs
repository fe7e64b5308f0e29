//! The bytes of frames: one CBOR array a frame (RFC 8949, definite lengths), its first element the kind. Decoding is
//! strict and bounded: every list has a named longest length that is checked before it is read, and a frame that does
//! not re-encode to the same bytes (trailing bytes included) is refused.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use starling_crdt::id::RecordId;
use starling_crdt::limits::LABEL_BYTES_MAX;

use super::super::codec::{
    self, Writer, Written, array, ascending, bytes, fields, list, next_type, put_list, put_records, text,
};
use super::super::io::{Have, Place};
use super::super::limits::{
    ADDRESS_BYTES_MAX, BATCH_BYTES_MAX, BATCH_RECORDS_MAX, BATCH_STREAMS_MAX, DETAIL_BYTES_MAX,
    FRAME_BYTES_MAX, HAVE_AUTHORS_MAX, HAVE_HEADS_MAX, INDEX_ITEMS_MAX, INDEX_RANGES_MAX, NOTE_BYTES_MAX,
    PLACE_ADDRESSES_MAX, PLACES_MAX, PROOF_BYTES_MAX, PROOF_RECORDS_MAX, REFUSAL_RECORDS_MAX,
};
use super::{Bound, Message, Part, Range, RangeState, RefusalCode, Summary, Tail};

/// The bytes of a frame.
pub(in crate::proto) fn encode(message: &Message) -> Vec<u8> {
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
pub(in crate::proto) fn decode(frame: &[u8]) -> Result<Message, String> {
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
        Message::Hello { version, version_min, tag, prove } => {
            e.array(5)?.u8(0)?.u16(*version)?.u16(*version_min)?.bytes(tag)?;
            e.bool(*prove)?.ok()
        }
        Message::Join { version, version_min, tag, secret, label } => {
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
        Message::Refused { code, detail, records } => {
            e.array(4)?.u8(4)?.u8(code.to_wire())?.str(detail)?;
            put_records(e, records)
        }
        Message::Accepted => e.array(1)?.u8(5)?.ok(),
        Message::Summary(Summary { roster, root, sessions }) => {
            e.array(4)?.u8(6)?.bytes(roster)?.bytes(root)?.u64(*sessions)?.ok()
        }
        Message::Index { round, ranges, last } => {
            e.array(4)?.u8(7)?.bytes(round)?;
            put_list(e, ranges, put_range)?;
            e.bool(*last)?.ok()
        }
        Message::Have { stream, have, reply } => {
            e.array(5)?.u8(8)?.bytes(stream.as_bytes())?;
            put_list(e, &have.heads, |e, id| e.bytes(id.as_bytes())?.ok())?;
            put_list(e, &have.counts, |e, (author, count, last)| {
                e.array(3)?.bytes(author.as_bytes())?.u32(*count)?.bytes(last.as_bytes())?.ok()
            })?;
            e.bool(*reply)?.ok()
        }
        Message::Records { token, parts } => {
            e.array(3)?.u8(9)?.u64(*token)?;
            put_list(e, parts, put_part)
        }
        Message::Ack { token } => e.array(2)?.u8(10)?.u64(*token)?.ok(),
        Message::Later { round } => e.array(2)?.u8(12)?.bytes(round)?.ok(),
        Message::Bye { paused } => e.array(2)?.u8(11)?.bool(*paused)?.ok(),
        Message::Seek => e.array(1)?.u8(13)?.ok(),
        Message::Places { places } => {
            e.array(2)?.u8(14)?;
            put_list(e, places, put_place)
        }
        Message::Note { bytes } => e.array(2)?.u8(15)?.bytes(bytes)?.ok(),
    }
}

fn put_place(e: &mut Writer<'_>, place: &Place) -> Written {
    e.array(2)?.bytes(place.device.as_bytes())?;
    put_list(e, &place.addresses, |e, address| e.str(address)?.ok())
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
        RangeState::Items(items) => {
            put_list(e, items, |e, (stream, short)| e.array(2)?.bytes(stream.as_bytes())?.bytes(short)?.ok())
        }
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
        (0, 5) => {
            Ok(Message::Hello { version: d.u16()?, version_min: d.u16()?, tag: array(d)?, prove: d.bool()? })
        }
        (1, 6) => Ok(Message::Join {
            version: d.u16()?,
            version_min: d.u16()?,
            tag: array(d)?,
            secret: array(d)?,
            label: text(d, LABEL_BYTES_MAX)?,
        }),
        (2, 2) => Ok(Message::Proof { records: codec::records(d, PROOF_RECORDS_MAX, PROOF_BYTES_MAX)? }),
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
        (6, 4) => Ok(Message::Summary(Summary { roster: array(d)?, root: array(d)?, sessions: d.u64()? })),
        (7, 4) => Ok(Message::Index { round: array(d)?, ranges: get_ranges(d)?, last: d.bool()? }),
        (8, 5) => Ok(Message::Have { stream: codec::stream(d)?, have: get_have(d)?, reply: d.bool()? }),
        (9, 3) => Ok(Message::Records { token: d.u64()?, parts: get_parts(d)? }),
        (10, 2) => Ok(Message::Ack { token: d.u64()? }),
        (12, 2) => Ok(Message::Later { round: array(d)? }),
        (11, 2) => Ok(Message::Bye { paused: d.bool()? }),
        (13, 1) => Ok(Message::Seek),
        (14, 2) => Ok(Message::Places { places: get_places(d)? }),
        (15, 2) => Ok(Message::Note { bytes: codec::bytes(d, NOTE_BYTES_MAX)? }),
        _ => Err(Error::message("unknown kind of frame")),
    }
}

fn get_have(d: &mut Decoder<'_>) -> Result<Have, Error> {
    let heads: Vec<RecordId> = ascending(list(d, HAVE_HEADS_MAX, codec::record_id)?, |id| *id)?;
    let counts = list(d, HAVE_AUTHORS_MAX, |d| {
        fields(d, 3)?;
        Ok((codec::device(d)?, d.u32()?, codec::record_id(d)?))
    })?;
    Ok(Have { heads, counts: ascending(counts, |(author, ..)| *author)? })
}

fn get_places(d: &mut Decoder<'_>) -> Result<Vec<Place>, Error> {
    let places = list(d, PLACES_MAX, |d| {
        fields(d, 2)?;
        let device = codec::device(d)?;
        let addresses = list(d, PLACE_ADDRESSES_MAX, |d| text(d, ADDRESS_BYTES_MAX))?;
        if addresses.is_empty() {
            return Err(Error::message("a place has an address"));
        }
        Ok(Place { device, addresses })
    })?;
    ascending(places, |place| place.device)
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
        Ok(Part { stream, records, tail })
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
            && !items.iter().all(|(key, _)| *key.as_bytes() >= lower && upto.is_above(key))
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
