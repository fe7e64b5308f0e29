//! Stored records against their ids, signatures and rules: nothing of what the store says is believed, as if a peer had
//! sent it in this order. Pure.

use starling_crdt::id::{RecordId, StreamKey, WorkspaceId};
use starling_crdt::roster::Roster;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Signed, Verified};

use super::restoring::checked;

/// A record as it is stored: the id under which it stands, and its bytes.
pub type Row = ([u8; 32], Vec<u8>);

/// A record that is not what it should be, and why.
pub type Fault = (RecordId, String);

/// The roster as far as it holds, and what does not.
#[must_use]
pub fn roster(workspace: WorkspaceId, stored: &[Row]) -> (Roster, Vec<Fault>) {
    let mut roster = Roster::new(workspace);
    let faults = faults(stored, |record| roster.offer(record));
    (roster, faults)
}

/// What does not hold of a session.
#[must_use]
pub fn session(roster: &Roster, key: StreamKey, stored: &[Row]) -> Vec<Fault> {
    let mut session = Session::new(roster.workspace(), key);
    faults(stored, |record| session.restore(record, roster))
}

fn faults(stored: &[Row], mut offer: impl FnMut(Signed<Verified>) -> Offer) -> Vec<Fault> {
    let fault = |(id, wire): &Row| {
        let id = RecordId::from_bytes(*id);
        let wrong = match checked(wire) {
            Err(reason) => reason,
            Ok(record) if record.id() != id => format!("its bytes are those of {}", record.id()),
            Ok(record) => match offer(record) {
                Offer::Admitted(_) => return None,
                Offer::Known => "it is there twice".to_owned(),
                Offer::Waiting { missing } => format!("it needs {missing}, which is not before it"),
                Offer::NoRoom => "there is no room for it".to_owned(),
                Offer::Refused(refusal) => format!("it is refused: {refusal}"),
            },
        };
        Some((id, wrong))
    };
    stored.iter().filter_map(fault).collect()
}
