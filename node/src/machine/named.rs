//! Whom the roster names, in good standing or not: a device that it ever gave a place may go on reading what it has.

use starling_crdt::id::{DeviceKey, Handle, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::roster::Roster;
use starling_crdt::signed::{Received, Signed, Unverified, Verified};

use super::BootError;

/// A name for whom the roster has none any more.
pub(super) fn nobody() -> Handle {
    Handle::fit("unknown").unwrap_or_else(|| unreachable!("`unknown` is a handle"))
}

/// Whether the roster ever gave a device a place.
#[must_use]
pub fn is_named(roster: &Roster, device: &DeviceKey) -> bool {
    roster.records().any(|record| names(record, device))
}

/// Whether a roster record gives a device a place.
pub(super) fn names(record: &Signed<Verified>, device: &DeviceKey) -> bool {
    match &record.record().payload {
        Payload::Found { .. } => record.record().author == *device,
        Payload::AddDevice { device: added, .. } => added == device,
        _ => false,
    }
}

pub(super) fn load_roster(workspace: WorkspaceId, records: &[Vec<u8>]) -> Result<Roster, BootError> {
    let mut roster = Roster::new(workspace);
    for wire in records {
        if let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) {
            roster.offer(record.trust());
        }
    }
    if roster.heads().is_empty() { Err(BootError::NoRoster) } else { Ok(roster) }
}
