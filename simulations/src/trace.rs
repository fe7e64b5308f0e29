//! What makes two runs comparable: one hash over every input and effect of every node, with its time. The same seed
//! must give the same hash; a different one means that something outside the seed had a say. Bytes go into the hash as
//! they are; what is rare goes in as its debug text, which is also what a kept line shows.

use std::fmt::{self, Write as _};

use starling_node::machine::input::{Effect, NetEffect};
use starling_node::store::Batch;

/// The running hash, and optionally the lines that went into it.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    events: u64,
    /// Keeps a readable line for each event, for a look at a failure.
    pub keep: bool,
    lines: Vec<String>,
}

/// Characters of a line that is kept.
const LINE_CHARS: usize = 160;

/// A hasher as something to write text to.
struct Text<'a>(&'a mut blake3::Hasher);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Trace {
    /// Something happened on a node at `now_ms`.
    pub fn note(&mut self, now_ms: u64, node: usize, what: &str, detail: &[u8]) {
        self.head(now_ms, node, what);
        self.bytes(detail);
        if self.keep {
            self.line(now_ms, node, what, &String::from_utf8_lossy(detail));
        }
    }

    /// A node wants something done.
    pub fn effect(&mut self, now_ms: u64, node: usize, effect: &Effect) {
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
                // Writing to a hasher cannot fail.
                let _ = write!(Text(&mut self.hasher), "{other:?}");
            }
        }
        if self.keep {
            self.line(now_ms, node, "effect", &format!("{effect:?}"));
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

    fn batch(&mut self, batch: &Batch) {
        let Batch { records, aside, index, published, exported, export_pending, local } = batch;
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
        for keys in [published, exported, export_pending] {
            self.bytes(keys.as_flattened());
        }
        for row in local {
            self.bytes(&[row.space as u8]);
            self.bytes(&row.key);
            self.bytes(row.value.as_deref().unwrap_or(&[0xff]));
        }
        if !aside.is_empty() {
            let _ = write!(Text(&mut self.hasher), "{aside:?}");
        }
    }

    fn line(&mut self, now_ms: u64, node: usize, what: &str, detail: &str) {
        let detail: String = detail.chars().filter(|c| !c.is_control()).take(LINE_CHARS).collect();
        self.lines.push(format!("{} #{node} {what} {detail}", now_ms % 10_000_000_000));
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    /// How many events there were.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// All lines that were kept.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// The newest lines that were kept.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let from = self.lines.len().saturating_sub(count);
        self.lines.get(from..).unwrap_or_default().join("\n")
    }
}
