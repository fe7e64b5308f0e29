//! Between store and machine at a start: reads what the machine wants to know. The daemon and the simulator start a node
//! in this one way. It decides nothing; rows that cannot be read are the machine's to judge.

use starling_crdt::id::{RecordId, StreamKey, WorkspaceId};

use crate::machine::Place;
use crate::machine::rows::{self, Stored};
use crate::machine::search::{Looked, mentions};
use crate::store::{KeyValue, Space, Store, StoreError};

/// All that the machine wants to know of a store that belongs to `workspace`.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn read(store: &Store, workspace: &WorkspaceId) -> Result<Stored, StoreError> {
    let keys = |keys: Vec<[u8; 32]>| keys.into_iter().map(StreamKey::from_bytes).collect();
    let length = |(stream, records)| (StreamKey::from_bytes(stream), records);
    let place = |(stream, id)| (StreamKey::from_bytes(stream), RecordId::from_bytes(id));
    let roster = store.load_stream(*workspace.roster().as_bytes())?;
    let settings = store.local(Space::Setting)?;
    Ok(Stored {
        roster: roster.into_iter().map(|(_, wire)| wire).collect(),
        streams: store.stream_lengths()?.into_iter().map(length).collect(),
        index: store.index()?.into_iter().map(|(key, row)| (StreamKey::from_bytes(key), row)).collect(),
        export_queue: keys(store.export_queue()?),
        exported: commit_of(store.local(Space::Export)?),
        outbox: store.outbox()?.into_iter().map(RecordId::from_bytes).collect(),
        peers: store.local(Space::Peer)?,
        invites: store.local(Space::Invite)?,
        paused: settings.iter().any(|(key, _)| key == rows::PAUSED),
        profiles: settings,
        contexts: store.local(Space::Turn)?,
        restored: store.local(Space::Meta)?.iter().any(|(key, _)| key == rows::RESTORED),
        aside: store.aside_places()?.into_iter().map(place).collect(),
    })
}

fn commit_of(facts: Vec<KeyValue>) -> Option<String> {
    let fact = facts.into_iter().find(|(key, _)| key == rows::COMMIT);
    fact.and_then(|(_, commit)| String::from_utf8(commit).ok())
}

/// The records held at these places, each under its id, for [`Input::AsideLoaded`].
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
///
/// [`Input::AsideLoaded`]: crate::machine::input::Input::AsideLoaded
pub fn held(store: &Store, places: &[Place]) -> Result<Vec<(RecordId, Vec<u8>)>, StoreError> {
    let places: Vec<_> = places.iter().map(|(stream, id)| (*stream.as_bytes(), *id.as_bytes())).collect();
    let rows = store.aside(&places)?;
    Ok(rows.into_iter().map(|(id, wire)| (RecordId::from_bytes(id), wire)).collect())
}

/// Bytes of records that one search looks through: a fraction of a second's work.
const SEARCH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Which of these sessions have a message with the text, for [`Input::Searched`]. It ends after the session with which
/// it has looked through enough.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
///
/// [`Input::Searched`]: crate::machine::input::Input::Searched
pub fn search(store: &Store, streams: &[StreamKey], text: &str) -> Result<Looked, StoreError> {
    let (mut looked, mut bytes) = (Looked::default(), 0_u64);
    for stream in streams {
        let (found, read) = store.find_record(*stream.as_bytes(), |wire| mentions(wire, text))?;
        if found {
            looked.found.insert(*stream);
        }
        looked.streams += 1;
        bytes = bytes.saturating_add(read);
        if bytes >= SEARCH_BYTES_MAX {
            break;
        }
    }
    Ok(looked)
}
