//! What was written since the last sync, and what of it a power cut leaves. A disk may write in any order, so any subset
//! may be there; a page may be there in part, by sectors of 512 bytes. Lengths are the file system's, whose journal
//! keeps their order: of those a first part is there.

use rand_chacha::ChaCha8Rng;

use super::image::{Image, Page};
use crate::network::between;

/// One operation of the log.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// A page as it was after a write, and which of its sectors the write touched.
    Page { page: usize, bytes: Page, sectors: u8 },
    /// The length was set.
    Length(usize),
    /// All before was made safe.
    Sync,
}

/// What a power cut did to writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// Written in whole.
    pub kept: u64,
    /// Written in part.
    pub torn: u64,
    /// Not written.
    pub lost: u64,
}

impl Loss {
    /// Adds another one's.
    pub const fn add(&mut self, other: &Self) {
        self.kept += other.kept;
        self.torn += other.torn;
        self.lost += other.lost;
    }
}

impl Entry {
    /// Carries it out, after all that was before it.
    pub(super) fn apply(self, image: &mut Image) {
        match self {
            Self::Page { page, bytes, .. } => image.put(page, bytes),
            Self::Length(len) => image.set_len(len),
            Self::Sync => {}
        }
    }
}

/// The disk when its power goes after the first `moment` operations of the log.
pub(super) fn at_moment(safe: &Image, log: &[Entry], moment: usize, rng: &mut ChaCha8Rng) -> (Image, Loss) {
    let mut image = safe.clone();
    let is_sync = |entry: &Entry| matches!(entry, Entry::Sync);
    let past = log.get(..moment).unwrap_or(log);
    let synced = past.iter().rposition(is_sync).map_or(0, |at| at + 1);
    let (before, rest) = log.split_at(synced);
    before.iter().cloned().for_each(|entry| entry.apply(&mut image));
    let end = rest.iter().position(is_sync).unwrap_or(rest.len());
    let mut open = in_order(rest.get(..end).unwrap_or(rest));
    open.truncate(past.len() - synced);
    let loss = lose(&mut image, &open, rng);
    (image, loss)
}

/// The pages between two lengths in the order of their numbers: in which order redb writes them says nothing, and may
/// be another one on another machine.
fn in_order(entries: &[Entry]) -> Vec<&Entry> {
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    let number = |entry: &&Entry| match entry {
        Entry::Page { page, .. } => Some(*page),
        Entry::Length(_) | Entry::Sync => None,
    };
    for run in ordered.chunk_by_mut(|one, other| number(one).is_some() && number(other).is_some()) {
        run.sort_by_key(number);
    }
    ordered
}

/// Carries out what chance leaves of what was not synced.
fn lose(image: &mut Image, open: &[&Entry], rng: &mut ChaCha8Rng) -> Loss {
    if open.is_empty() {
        return Loss::default();
    }
    // Often all or nothing is there: with a coin for each page both would be rare.
    let percent = between(rng, (0, 4)) * 25;
    let lengths = open.iter().filter(|entry| matches!(entry, Entry::Length(_))).count() as u64;
    let mut lengths = match percent {
        0 => 0,
        100 => lengths,
        _ => between(rng, (0, lengths)),
    };
    let mut loss = Loss::default();
    for entry in open {
        match entry {
            Entry::Page { page, bytes, sectors } => {
                let kept = sectors & kept_sectors(rng, percent);
                match kept {
                    0 => loss.lost += 1,
                    kept if kept == *sectors => loss.kept += 1,
                    _ => loss.torn += 1,
                }
                if kept != 0 {
                    image.put_sectors(*page, bytes, kept);
                }
            }
            Entry::Length(len) if lengths > 0 => {
                lengths -= 1;
                loss.kept += 1;
                image.set_len(*len);
            }
            Entry::Length(_) => loss.lost += 1,
            Entry::Sync => {}
        }
    }
    loss
}

fn kept_sectors(rng: &mut ChaCha8Rng, percent: u64) -> u8 {
    let is_kept = between(rng, (1, 100)) <= percent;
    let is_torn = between(rng, (1, 4)) == 1 && percent < 100;
    let some = u8::try_from(between(rng, (0, 255))).unwrap_or_default();
    match (is_kept, is_torn) {
        (false, _) => 0,
        (true, false) => u8::MAX,
        (true, true) => some,
    }
}
