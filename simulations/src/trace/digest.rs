//! The hash of a trace. Bytes go into it as they are, what is rare as its debug text; lengths stand before fields, so that
//! no two lists of fields look the same.

use std::fmt::{Debug, Write as _};

use starling_node::machine::input::{Effect, NetEffect};
use starling_node::store::Batch;

/// The running hash, and how many events went into it.
#[derive(Debug, Default)]
pub(super) struct Digest {
    hasher: blake3::Hasher,
    events: u64,
    /// Room for a text, which comes in pieces of a few bytes and is hashed as a whole.
    text: String,
}

impl Digest {
    /// Something happened on a node at `now_ms`.
    pub(super) fn note(&mut self, now_ms: u64, node: usize, what: &str, detail: &[u8]) {
        self.head(now_ms, node, what);
        self.bytes(detail);
    }

    /// A node wants something done.
    pub(super) fn effect(&mut self, now_ms: u64, node: usize, effect: &Effect) {
        match effect {
            Effect::Net(NetEffect::Send { peer, frame }) => {
                self.head(now_ms, node, "send");
                self.bytes(peer.as_bytes());
                self.bytes(frame);
            }
            Effect::Net(NetEffect::Publish { id, data }) => {
                self.head(now_ms, node, "publish");
                self.bytes(id.as_bytes());
                self.bytes(data);
            }
            Effect::Net(NetEffect::Allow { peers }) => {
                self.head(now_ms, node, "allow");
                peers.iter().for_each(|peer| self.bytes(peer.as_bytes()));
            }
            Effect::Commit { seq, batch } => {
                self.head(now_ms, node, "commit");
                self.bytes(&seq.to_be_bytes());
                self.batch(batch);
            }
            Effect::Export(plan) => {
                self.head(now_ms, node, "export");
                plan.removes.iter().for_each(|path| self.bytes(path.as_bytes()));
                for (path, content) in &plan.writes {
                    self.bytes(path.as_bytes());
                    self.bytes(content);
                }
            }
            other => {
                self.head(now_ms, node, "effect");
                self.debug(other);
            }
        }
    }

    fn head(&mut self, now_ms: u64, node: usize, what: &str) {
        self.events += 1;
        let mut head = [0; 16];
        head[..8].copy_from_slice(&now_ms.to_be_bytes());
        head[8..].copy_from_slice(&(node as u64).to_be_bytes());
        self.hasher.update(&head);
        self.bytes(what.as_bytes());
    }

    /// With their length, so that no two lists of fields look the same.
    fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_be_bytes()).update(bytes);
    }

    fn debug(&mut self, what: &impl Debug) {
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{what:?}");
        self.hasher.update(self.text.as_bytes());
    }

    fn batch(&mut self, batch: &Batch) {
        let Batch { records, aside, index, unindexed, published, exported, export_pending, local } = batch;
        for row in records {
            self.bytes(&row.stream);
            self.bytes(&row.position.to_be_bytes());
            self.bytes(&row.wire);
            self.bytes(&[u8::from(row.outbox)]);
        }
        for row in index {
            self.bytes(&row.stream);
            self.bytes(&row.row);
        }
        for keys in [unindexed, published, exported, export_pending] {
            self.bytes(keys.as_flattened());
        }
        for row in local {
            self.bytes(&[row.space as u8]);
            self.bytes(&row.key);
            self.bytes(row.value.as_deref().unwrap_or(&[0xff]));
        }
        if !aside.is_empty() {
            self.debug(aside);
        }
    }

    /// The hash so far.
    pub(super) fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// How many events there were.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }
}
