//! What this replica is and has, as far as peers are told, and whose turn it is to exchange sessions
//! with us: what all conversations share.

use std::collections::BTreeSet;

use starling_crdt::id::{DeviceKey, StreamKey, WorkspaceId};

use super::index::Index;
use super::limits::{PROOF_BYTES_MAX, PROOF_RECORDS_MAX};
use super::message::Summary;
use super::turn::Turn;

/// Our side of every conversation.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) me: DeviceKey,
    pub(super) workspace: WorkspaceId,
    pub(super) index: Index,
    pub(super) allowed: BTreeSet<DeviceKey>,
    pub(super) proof: Vec<Vec<u8>>,
    pub(super) roster_digest: [u8; 32],
    pub(super) turn: Turn,
}

impl Local {
    pub(super) fn new(me: DeviceKey, workspace: WorkspaceId) -> Self {
        Self {
            me,
            workspace,
            index: Index::default(),
            allowed: BTreeSet::new(),
            proof: Vec::new(),
            roster_digest: [0; 32],
            turn: Turn::default(),
        }
    }

    /// The stream of the roster.
    pub(super) const fn roster(&self) -> StreamKey {
        self.workspace.roster()
    }

    /// Our state in short.
    pub(super) fn summary(&mut self) -> Summary {
        Summary { roster: self.roster_digest, root: self.index.root(), sessions: self.index.len() as u64 }
    }

    /// Whether we have anything of a stream.
    pub(super) fn knows(&self, stream: &StreamKey) -> bool {
        *stream == self.roster() || self.index.contains(stream)
    }

    /// Takes the proof of our own admission, if it is within the bounds of a frame.
    pub(super) fn set_proof(&mut self, proof: Vec<Vec<u8>>) {
        let bytes: usize = proof.iter().map(Vec::len).sum();
        let fits = proof.len() <= PROOF_RECORDS_MAX && bytes <= PROOF_BYTES_MAX;
        self.proof = if fits { proof } else { Vec::new() };
    }
}
