//! What is written, as plain data: a [`Batch`] is one atomic transaction, whoever composes it. Rows are
//! opaque bytes under 32-byte keys; the store neither parses nor verifies them, so a change of record format
//! never reaches it.

/// A stream's key, a record's id, a device's key: all are 32 bytes, and the store does not tell them apart.
pub type Key32 = [u8; 32];

/// A local row as it is read: its key within its space, and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// One atomic transaction: after a crash, all of it is there or none of it.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Records to append.
    pub records: Vec<RecordRow>,
    /// Records to keep aside, or to take from there, in this order.
    pub aside: Vec<AsideRow>,
    /// What a list shows of a stream; each replaces the row before it.
    pub index: Vec<IndexRow>,
    /// Streams whose row goes, before those of `index` are written; one that has none is ignored.
    pub unindexed: Vec<Key32>,
    /// Ids of records to take from the outbox: they were sent. An id that is not in it is ignored.
    pub published: Vec<Key32>,
    /// Streams to take from the export queue, before those of `export_pending` are put there. Whoever says so
    /// has made sure that nothing was committed to the stream after what it exported.
    pub exported: Vec<Key32>,
    /// Streams to put in the export queue; one that is there already stays.
    pub export_pending: Vec<Key32>,
    /// Rows of this node alone, written in this order.
    pub local: Vec<LocalRow>,
}

impl Batch {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        let Self { records, aside, index, unindexed, published, exported, export_pending, local } = self;
        records.is_empty()
            && aside.is_empty()
            && index.is_empty()
            && unindexed.is_empty()
            && published.is_empty()
            && exported.is_empty()
            && export_pending.is_empty()
            && local.is_empty()
    }
}

/// One record at its place in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The stream: a session, or the roster.
    pub stream: Key32,
    /// Order of admission in this stream, from 0 without a gap; the next one is the number of rows loaded.
    pub position: u64,
    /// The record's id, unique over all streams.
    pub id: Key32,
    /// The signed record as it travels.
    pub wire: Vec<u8>,
    /// Whether it has yet to be sent: it then shows in the outbox until it is `published`.
    pub outbox: bool,
}

/// A record that is held but not (or not yet) part of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsideRow {
    /// Keeps the record, or replaces what is kept under this id.
    Put {
        /// The stream that it names.
        stream: Key32,
        /// Its id.
        id: Key32,
        /// The signed record as it travelled, with whatever the caller puts before it.
        wire: Vec<u8>,
    },
    /// Forgets it; one that is not there is ignored.
    Delete {
        /// The stream that it names.
        stream: Key32,
        /// Its id.
        id: Key32,
    },
}

/// What a list shows of a stream, so that a start need not load every stream. Can be rebuilt from the
/// records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// The stream.
    pub stream: Key32,
    /// The caller's encoding.
    pub row: Vec<u8>,
}

/// A row of this node alone: it is never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRow {
    /// Which family of rows.
    pub space: Space,
    /// The key within its space.
    pub key: Vec<u8>,
    /// The new value; `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// The families of local rows. The numbers are on disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// The node's own facts: workspace, device, counters.
    Meta = 1,
    /// What is known of each peer.
    Peer = 2,
    /// Invitations given out or accepted.
    Invite = 3,
    /// The agent's side of sessions that are worked on here.
    Turn = 4,
    /// Settings that outlive a restart.
    Setting = 5,
    /// What was exported to git, and where.
    Export = 6,
}

/// A record as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its stream.
    pub stream: Key32,
    /// Its place in the stream.
    pub position: u64,
    /// Its id.
    pub id: Key32,
    /// The bytes that were stored.
    pub wire: Vec<u8>,
}

/// How much is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records in all streams, without those aside.
    pub records: u64,
    /// Streams with at least one record.
    pub streams: u64,
    /// Records kept aside.
    pub aside: u64,
    /// Length of the file in bytes, free pages included.
    pub bytes: u64,
}
