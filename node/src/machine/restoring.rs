//! From the files of exports to records that a new home may hold: every signature and rule is checked again, as if a peer
//! had sent them. A session that is not whole in any copy is set aside with the reason, and no other with it; of the roster
//! all that is sound is taken, for without it nothing can be judged. Pure: it reads no repository and writes no store.
//!
//! Several copies of one stream, from branches of several nodes, are joined: records are a set.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{DeviceKey, RecordId, SessionId, StreamKey, WorkspaceId};
use starling_crdt::payload::{MemberRole, Payload};
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::rules::Refusal;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Received, Signed, Unverified, Verified, device_key};
use starling_crdt::text::Label;

use super::segments;
use crate::store::RecordRow;

/// A stream's files, as one branch has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// The branch, for people.
    pub branch: String,
    /// What could not even be listed.
    pub unlisted: Option<String>,
    /// Each file's name, and its bytes or why it cannot be read.
    pub files: Vec<(String, Result<Vec<u8>, String>)>,
}

/// Something that is not as an export has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where: a branch and a file.
    pub place: String,
    /// What.
    pub reason: String,
}

/// Why nothing can be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No copy has the record that founds a workspace.
    #[error("no branch has the record that founded a workspace")]
    NoFounding,
    /// The recovery key is not the one that the founding record names.
    #[error("this is not the recovery key of the workspace")]
    WrongKey,
    /// The workspace was founded without a recovery key.
    #[error("the workspace has no recovery key")]
    NoKey,
    /// The roster refuses the new device.
    #[error("the roster does not take the new device: {0}")]
    NotAdmitted(String),
}

/// A session that a home may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Its id.
    pub id: SessionId,
    /// Its records in an order in which they can be admitted.
    pub records: Vec<Signed<Verified>>,
    /// Copies that were not used, and why.
    pub left_out: Vec<Trouble>,
}

/// A session of which no copy is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its id, if its first record can be read.
    pub id: Option<SessionId>,
    /// What is wrong with each copy.
    pub troubles: Vec<Trouble>,
}

/// What is restored: begins with the roster, then takes the sessions in any order.
#[derive(Debug)]
pub struct Restoring {
    roster: Roster,
}

/// Records of one stream by id, in the order of their copies.
#[derive(Debug, Default)]
struct Pool {
    order: Vec<Signed<Verified>>,
    known: BTreeSet<RecordId>,
}

impl Restoring {
    /// Takes the roster from its copies; of several workspaces the first one's counts. Returns what was wrong with them
    /// too.
    ///
    /// # Errors
    /// [`RestoreError::NoFounding`].
    pub fn begin(copies: &[Copy]) -> Result<(Self, Vec<Trouble>), RestoreError> {
        let mut troubles = Vec::new();
        let mut pool = Pool::default();
        for copy in copies {
            pool.take(copy, &mut troubles);
        }
        let founding =
            pool.order.iter().find(|signed| matches!(signed.record().payload, Payload::Found { .. }));
        let workspace = WorkspaceId::founded_by(founding.ok_or(RestoreError::NoFounding)?.id());
        let mut roster = Roster::new(workspace);
        let left = offer_all(pool.order, |record| roster.offer(record));
        troubles.extend(left.into_iter().map(|why| why.in_roster()));
        Ok((Self { roster }, troubles))
    }

    /// The workspace.
    #[must_use]
    pub const fn workspace(&self) -> WorkspaceId {
        self.roster.workspace()
    }

    /// The roster as far as it is restored.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Checks a session. Copies in which anything is wrong are left out; the others are joined, and have to be whole.
    ///
    /// # Errors
    /// What is wrong, if no copy is whole.
    pub fn session(&self, key: StreamKey, copies: &[Copy]) -> Result<Whole, Broken> {
        let (mut left_out, mut pool, mut id) = (Vec::new(), Pool::default(), None);
        for copy in copies {
            let (mut own, mut troubles) = (Pool::default(), Vec::new());
            own.take(copy, &mut troubles);
            let (found, left) = self.replay(key, own.order.clone());
            id = id.or_else(|| found.header().map(|header| header.session));
            let place = || copy.branch.clone();
            troubles.extend(left.into_iter().map(|why| Trouble { place: place(), reason: why.to_string() }));
            if troubles.is_empty() {
                own.order.into_iter().for_each(|record| pool.put(record));
            }
            left_out.extend(troubles);
        }
        let (session, left) = self.replay(key, pool.order);
        match session.header().map(|header| header.session).filter(|_| left.is_empty()) {
            Some(id) => {
                let records = session.admitted().map(|entry| entry.signed.clone()).collect();
                Ok(Whole { id, records, left_out })
            }
            None => Err(Broken { id, troubles: left_out }),
        }
    }

    /// Offers records to a new replica. Returns it, and what it does not take.
    fn replay(&self, key: StreamKey, records: Vec<Signed<Verified>>) -> (Session, Vec<Left>) {
        let mut session = Session::new(self.workspace(), key);
        let left = offer_all(records, |record| session.restore(record, &self.roster));
        (session, left)
    }

    /// Admits `device` as one of the founder's, in the recovery key's name.
    ///
    /// # Errors
    /// [`RestoreError`]: the key is not the workspace's, or the device was on the roster before.
    pub fn recover(
        &mut self,
        recovery: &SigningKey,
        device: DeviceKey,
        label: Label,
        now_ms: u64,
    ) -> Result<(), RestoreError> {
        let author = device_key(recovery);
        let named = *self.roster.standing().recovery().ok_or(RestoreError::NoKey)?;
        if named != author {
            return Err(RestoreError::WrongKey);
        }
        let refused = |why: &dyn ToString| RestoreError::NotAdmitted(why.to_string());
        let founder = self.roster.standing().members().find(|(_, member)| member.role == MemberRole::Founder);
        let member = *founder.ok_or_else(|| refused(&"it has no founder"))?.0;
        let record = Record {
            workspace: self.workspace(),
            stream: self.roster.key(),
            author,
            roster: Vec::new(),
            deps: self.roster.write_heads(&author),
            at_ms: now_ms,
            payload: Payload::AddDevice { member, device, label },
        };
        let signed = Signed::sign(record, recovery).map_err(|error| refused(&error))?;
        match self.roster.offer(signed) {
            Offer::Admitted(_) if self.roster.standing().stands(&device) => Ok(()),
            Offer::Refused(refusal) => Err(refused(&refusal)),
            _ => Err(refused(&"what the recovery key says does not stand")),
        }
    }
}

/// The rows of a stream in a new store.
#[must_use]
pub fn rows<'a>(
    stream: &StreamKey,
    records: impl Iterator<Item = &'a Signed<Verified>>,
    outbox: Option<DeviceKey>,
) -> Vec<RecordRow> {
    let row = |(position, record): (u64, &Signed<Verified>)| RecordRow {
        stream: *stream.as_bytes(),
        position,
        id: *record.id().as_bytes(),
        wire: record.wire().to_vec(),
        outbox: outbox.is_some_and(|author| record.record().author == author),
    };
    (0..).zip(records).map(row).collect()
}

/// A record that a replica does not take.
enum Left {
    Missing(RecordId, RecordId),
    NoRoom(RecordId),
    Refused(RecordId, Refusal),
}

impl Left {
    fn in_roster(self) -> Trouble {
        Trouble { place: segments::ROSTER_FOLDER.to_owned(), reason: self.to_string() }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(id, missing) => write!(f, "record {id} needs {missing}, which is not there"),
            Self::NoRoom(id) => write!(f, "there is no room for record {id}"),
            Self::Refused(id, refusal) => write!(f, "record {id} is refused: {refusal}"),
        }
    }
}

/// Offers records until none of them moves any more. Returns those that were not taken.
fn offer_all(
    mut records: Vec<Signed<Verified>>,
    mut offer: impl FnMut(Signed<Verified>) -> Offer,
) -> Vec<Left> {
    loop {
        let (mut later, mut left, before) = (Vec::new(), Vec::new(), records.len());
        for record in records {
            let id = record.id();
            match offer(record.clone()) {
                Offer::Admitted(_) | Offer::Known => continue,
                Offer::Waiting { missing } => left.push(Left::Missing(id, missing)),
                Offer::NoRoom => left.push(Left::NoRoom(id)),
                Offer::Refused(refusal) => left.push(Left::Refused(id, refusal)),
            }
            later.push(record);
        }
        if later.is_empty() || later.len() == before {
            return left;
        }
        records = later;
    }
}

impl Pool {
    fn put(&mut self, record: Signed<Verified>) {
        if self.known.insert(record.id()) {
            self.order.push(record);
        }
    }

    /// Takes the records of a copy whose form and signature are good, and tells of all else.
    fn take(&mut self, copy: &Copy, troubles: &mut Vec<Trouble>) {
        let trouble =
            |place: &str, reason: String| Trouble { place: format!("{} {place}", copy.branch), reason };
        troubles.extend(copy.unlisted.iter().map(|reason| trouble("", reason.clone())));
        let mut files: Vec<_> =
            copy.files.iter().map(|(name, bytes)| (segments::number_of(name), name, bytes)).collect();
        files.sort_by_key(|(number, ..)| *number);
        for (number, name, bytes) in files {
            let taken = match (number, bytes) {
                (None, _) => Err("it has no segment's name".to_owned()),
                (Some(_), Err(reason)) => Err(reason.clone()),
                (Some(_), Ok(bytes)) => self.take_segment(bytes),
            };
            troubles.extend(taken.err().map(|reason| trouble(name, reason)));
        }
    }

    fn take_segment(&mut self, bytes: &[u8]) -> Result<(), String> {
        let wires = segments::parse(bytes).map_err(|error| error.to_string())?;
        let mut wrong = Ok(());
        for wire in wires {
            match checked(wire) {
                Ok(record) => self.put(record),
                Err(reason) => wrong = Err(reason),
            }
        }
        wrong
    }
}

/// A record whose form and signature are good, or what is wrong with it.
pub(super) fn checked(wire: &[u8]) -> Result<Signed<Verified>, String> {
    match Signed::<Unverified>::decode(wire) {
        Ok(Received::Record(record)) => {
            let id = record.id();
            record.verify().map_err(|error| format!("record {id}: {error}"))
        }
        Ok(Received::NeedsUpgrade { id, .. }) => Err(format!("record {id} was written by a later version")),
        Err(error) => Err(format!("it has bytes that are no record: {error}")),
    }
}

#[cfg(test)]
mod tests;
