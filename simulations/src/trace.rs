//! What makes two runs comparable: one hash over every input and effect of every node, with its time. The same seed
//! must give the same hash; a different one means that something outside the seed had a say.

use starling_node::machine::input::{Effect, NetEffect};

/// The running hash, and optionally the lines that went into it.
#[derive(Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    events: u64,
    /// Keeps a readable line for each event, for a look at a failure.
    pub keep: bool,
    lines: Vec<String>,
}

impl Trace {
    /// Something happened on a node at `now_ms`.
    pub fn note(&mut self, now_ms: u64, node: usize, what: &str, detail: &[u8]) {
        self.events += 1;
        self.hasher.update(&now_ms.to_be_bytes());
        self.hasher.update(&(node as u64).to_be_bytes());
        self.hasher.update(what.as_bytes()).update(&[0]);
        self.hasher.update(detail);
        if self.keep {
            let detail = String::from_utf8_lossy(detail);
            let detail: String = detail.chars().filter(|c| !c.is_control()).take(160).collect();
            self.lines.push(format!("{} #{node} {what} {detail}", now_ms % 10_000_000_000));
        }
    }

    /// A node wants something done.
    pub fn effect(&mut self, now_ms: u64, node: usize, effect: &Effect) {
        match effect {
            Effect::Net(NetEffect::Send { peer, frame }) => {
                self.note(now_ms, node, "send", peer.as_bytes());
                self.hasher.update(frame);
            }
            other => self.note(now_ms, node, "effect", format!("{other:?}").as_bytes()),
        }
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
