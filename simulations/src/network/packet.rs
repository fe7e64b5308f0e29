//! What goes over a connection.

use std::sync::Arc;

use starling_crdt::id::RecordId;

/// What arrives over a connection.
#[derive(Debug, Clone)]
pub(crate) enum Packet {
    Frame(Vec<u8>),
    Gossip(Rumour),
    Close,
}

/// A gossiped record on its way.
#[derive(Debug, Clone)]
pub(crate) struct Rumour {
    pub(crate) id: RecordId,
    pub(crate) data: Arc<[u8]>,
    /// Links that it has crossed when it arrives.
    pub(crate) hops: u8,
    /// A second copy, which comes when the first was forgotten.
    pub(crate) copy: bool,
}

impl Packet {
    /// Its length, bytes. Closing takes none.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Frame(bytes) => bytes.len() as u64,
            Self::Gossip(rumour) => rumour.data.len() as u64,
            Self::Close => 0,
        }
    }
}
