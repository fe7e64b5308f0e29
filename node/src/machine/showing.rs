//! What peers are shown of our records: what we have, and what they lack of it. Only what is durable is shown (INV-3):
//! a session's questions wait in its queue, those about the roster wait here.

use starling_crdt::id::{DeviceKey, StreamKey};
use starling_crdt::session::{AuthorCounts, Session};
use starling_crdt::signed::{Signed, Verified};
use starling_net::proto::{self, Have};

use super::Node;
use super::task::Task;

/// A peer's question about the roster. The sync machine asks at most two at a time for each peer.
#[derive(Debug)]
pub(super) struct RosterRead {
    peer: DeviceKey,
    /// What the peer has, if it wants what it lacks, and how many bytes of it.
    theirs: Option<(Have, usize)>,
}

impl Node {
    /// What a peer wants to know of the roster is shown when all of it is durable (INV-3).
    fn on_roster_read(&mut self, read: RosterRead) {
        self.roster_reads.push(read);
        if !self.commits.is_roster_dirty() {
            self.read_roster();
        }
    }

    /// Shows the roster to those who waited for it.
    pub(super) fn read_roster(&mut self) {
        let stream = self.roster.key();
        for RosterRead { peer, theirs } in std::mem::take(&mut self.roster_reads) {
            match theirs {
                None => {
                    let heads = self.roster.heads().iter().copied().collect();
                    let counts = Vec::new();
                    self.described(stream, peer, Have { heads, counts });
                }
                Some((theirs, bytes_max)) => {
                    let missing = self.roster.missing_for(&theirs.heads);
                    let (records, more) = fill(missing.into_iter(), bytes_max);
                    self.collected(stream, peer, records, more);
                }
            }
        }
        self.slots.waiting_keys().into_iter().for_each(|key| self.pump(key));
    }

    pub(super) fn on_describe(&mut self, peer: DeviceKey, stream: StreamKey) {
        if stream == self.roster.key() {
            return self.on_roster_read(RosterRead { peer, theirs: None });
        }
        if self.slots.get(&stream).is_some() {
            self.with_session(stream, Task::Describe { peer });
        } else {
            self.described(stream, peer, Have::default());
        }
    }

    pub(super) fn on_collect(&mut self, peer: DeviceKey, stream: StreamKey, theirs: Have, bytes_max: usize) {
        if stream == self.roster.key() {
            let theirs = Some((theirs, bytes_max));
            return self.on_roster_read(RosterRead { peer, theirs });
        }
        if self.slots.get(&stream).is_some() {
            self.with_session(stream, Task::Collect { peer, theirs, bytes_max });
        } else {
            self.collected(stream, peer, Vec::new(), false);
        }
    }

    pub(super) fn described(&mut self, stream: StreamKey, peer: DeviceKey, have: Have) {
        self.feed(proto::Input::Described { peer, stream, have });
    }

    pub(super) fn collected(
        &mut self,
        stream: StreamKey,
        peer: DeviceKey,
        records: Vec<Vec<u8>>,
        more: bool,
    ) {
        self.feed(proto::Input::Collected { peer, stream, records, more });
    }
}

/// As many records as fit, at least one; and whether there are more.
pub(super) fn fill<'a>(
    records: impl Iterator<Item = &'a Signed<Verified>>,
    bytes_max: usize,
) -> (Vec<Vec<u8>>, bool) {
    let mut bytes = 0;
    let mut filled = Vec::new();
    for record in records {
        bytes += record.wire().len();
        if bytes > bytes_max && !filled.is_empty() {
            return (filled, true);
        }
        filled.push(record.wire().to_vec());
    }
    (filled, false)
}

/// What we tell a peer of a session.
pub(super) fn have_of(session: &Session) -> Have {
    let counts =
        session.author_counts().into_iter().map(|(author, (count, last))| (author, count, last)).collect();
    Have { heads: session.heads().iter().copied().collect(), counts }
}

/// What a peer told us of a session.
pub(super) fn counts_of(have: &Have) -> AuthorCounts {
    have.counts.iter().map(|(author, count, last)| (*author, (*count, *last))).collect()
}
