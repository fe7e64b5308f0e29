//! Bounded building blocks for the frame codec: lists that know their longest length before they are read, short byte
//! strings, and ids. Nothing here allocates by a length that a peer declared; what grows, grows with bytes that came.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use starling_crdt::id::{DeviceKey, RecordId, StreamKey};

/// Writing into a `Vec` cannot fail; the type says so.
pub(super) type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;
/// The only writer of frames.
pub(super) type Writer<'a> = Encoder<&'a mut Vec<u8>>;

/// Reads an array header of exactly `n` fields.
pub(super) fn fields(d: &mut Decoder<'_>, n: u64) -> Result<(), Error> {
    match d.array()? {
        Some(found) if found == n => Ok(()),
        Some(_) | None => Err(Error::message("wrong number of fields")),
    }
}

/// Reads a list of at most `max` elements.
pub(super) fn list<'b, T>(
    d: &mut Decoder<'b>,
    max: usize,
    mut element: impl FnMut(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let Some(len) = d.array()? else {
        return Err(Error::message("lists have a definite length"));
    };
    if usize::try_from(len).map_or(true, |len| len > max) {
        return Err(Error::message("the list is too long"));
    }
    (0..len).map(|_| element(d)).collect()
}

/// Writes a list.
pub(super) fn put_list<T>(
    e: &mut Writer<'_>,
    items: &[T],
    mut element: impl FnMut(&mut Writer<'_>, &T) -> Written,
) -> Written {
    e.array(items.len() as u64)?;
    items.iter().try_for_each(|item| element(e, item))
}

/// Reads a byte string of exactly `N` bytes.
pub(super) fn array<const N: usize>(d: &mut Decoder<'_>) -> Result<[u8; N], Error> {
    d.bytes()?.try_into().map_err(|_| Error::message("wrong number of bytes"))
}

/// Reads a byte string of at most `max` bytes.
pub(super) fn bytes(d: &mut Decoder<'_>, max: usize) -> Result<Vec<u8>, Error> {
    let bytes = d.bytes()?;
    if bytes.len() > max {
        return Err(Error::message("the byte string is too long"));
    }
    Ok(bytes.to_vec())
}

/// Reads a text of at most `max` bytes.
pub(super) fn text(d: &mut Decoder<'_>, max: usize) -> Result<String, Error> {
    let text = d.str()?;
    if text.len() > max {
        return Err(Error::message("the text is too long"));
    }
    Ok(text.to_owned())
}

/// Reads signed records: at most `count_max` of them with at most `bytes_max` bytes in all, none empty.
pub(super) fn records(
    d: &mut Decoder<'_>,
    count_max: usize,
    bytes_max: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let mut left = bytes_max;
    list(d, count_max, |d| {
        let record = bytes(d, left)?;
        if record.is_empty() {
            return Err(Error::message("a record is not empty"));
        }
        left -= record.len();
        Ok(record)
    })
}

/// Writes signed records.
pub(super) fn put_records(e: &mut Writer<'_>, records: &[Vec<u8>]) -> Written {
    put_list(e, records, |e, record| e.bytes(record)?.ok())
}

/// Reads a stream key.
pub(super) fn stream(d: &mut Decoder<'_>) -> Result<StreamKey, Error> {
    array(d).map(StreamKey::from_bytes)
}

/// Reads a record id.
pub(super) fn record_id(d: &mut Decoder<'_>) -> Result<RecordId, Error> {
    array(d).map(RecordId::from_bytes)
}

/// Reads a device key.
pub(super) fn device(d: &mut Decoder<'_>) -> Result<DeviceKey, Error> {
    array(d).map(DeviceKey::from_bytes)
}

/// Refuses a list that is not strictly ascending.
pub(super) fn ascending<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Result<Vec<T>, Error> {
    if items.is_sorted_by(|a, b| key(a) < key(b)) {
        Ok(items)
    } else {
        Err(Error::message("the list is not sorted and unique"))
    }
}

/// What comes next.
pub(super) fn next_type(d: &Decoder<'_>) -> Result<Type, Error> {
    d.datatype()
}
