//! Power cuts by the thousand: a store is written to on a disk that notes each operation, power is cut in hindsight at
//! moments drawn from all of them, and each disk that is left has to open, to hold every commit that had returned and
//! at most the one that ran, whole, and to take the next one. Some are cut once more while they are opened.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use starling_node::store::{
    AsideRow, Batch, IndexRow, Key32, LocalRow, Options, RecordRow, Space, Store, StoreError,
};

use crate::disk::{Disk, Loss};
use crate::network::between;

/// Disks that are left by one history.
const IMAGES_EACH: u64 = 100;
/// Commits of one history.
const COMMITS: u64 = 24;
/// One in so many disks is cut once more while it is opened.
const CUT_AGAIN_ONE_IN: u64 = 6;
/// Streams of a history.
const STREAMS: u8 = 4;
/// The longest record, bytes: such ones need several of redb's pages.
const LONG_BYTES: u64 = 30_000;

/// What power cuts did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PowerCuts {
    /// Disks that were looked at.
    pub images: u64,
    /// Of these, cut again while they were opened.
    pub cut_again: u64,
    /// Disks on which a commit that had returned was missing, or that held what no commit had left.
    pub lost: u64,
    /// Disks that could not be opened, or not be written to.
    pub unopenable: u64,
    /// What became of the writes that were not synced.
    pub writes: Loss,
    /// The first one that was wrong, in words.
    pub first: Option<String>,
}

/// A store's history: what its disk noted, and what it held after each commit.
struct History {
    disk: Disk,
    /// After each commit: the operations of the disk so far, and a digest of all that was stored.
    states: Vec<(usize, blake3::Hash)>,
    batches: Vec<Batch>,
}

/// Cuts power so often. The same seed, the same disks. On disks that lie, which say that they sync and do not, nothing
/// is sure: that shows what this finds where a sync is missing.
///
/// # Errors
/// The store's own, before any power was cut.
pub fn power_cuts(seed: u64, images: u64, lying: bool) -> Result<PowerCuts, StoreError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut cuts = PowerCuts::default();
    while cuts.images < images {
        let history = History::draw(&mut rng, lying)?;
        for _ in 0..IMAGES_EACH.min(images - cuts.images) {
            cuts.cut(&history, &mut rng);
        }
    }
    Ok(cuts)
}

fn open(disk: &Disk) -> Result<Store, StoreError> {
    Store::open_with(disk.plug(), Options { cache_bytes: 256 * 1024, ..Options::default() })
}

/// One digest of everything that a store holds.
fn digest(store: &Store) -> Result<blake3::Hash, StoreError> {
    let mut hasher = blake3::Hasher::new();
    for stream in store.streams()? {
        add(&mut hasher, b"stream", &stream);
        store.load_stream(stream)?.iter().for_each(|(id, wire)| add(&mut hasher, id, wire));
    }
    let places = store.aside_places()?;
    places.iter().for_each(|(stream, id)| add(&mut hasher, stream, id));
    store.aside(&places)?.iter().for_each(|(id, wire)| add(&mut hasher, id, wire));
    store.index()?.iter().for_each(|(stream, row)| add(&mut hasher, stream, row));
    store.outbox()?.iter().for_each(|id| add(&mut hasher, b"outbox", id));
    store.export_queue()?.iter().for_each(|stream| add(&mut hasher, b"export", stream));
    store.local(Space::Turn)?.iter().for_each(|(key, value)| add(&mut hasher, key, value));
    Ok(hasher.finalize())
}

fn add(hasher: &mut blake3::Hasher, key: &[u8], value: &[u8]) {
    hasher.update(&[key.len() as u64, value.len() as u64].map(u64::to_be_bytes).concat());
    hasher.update(key).update(value);
}

impl History {
    fn draw(rng: &mut ChaCha8Rng, lying: bool) -> Result<Self, StoreError> {
        let disk = Disk::default();
        disk.note();
        if lying {
            disk.lie();
        }
        let mut store = open(&disk)?;
        let mut states = vec![(disk.noted(), digest(&store)?)];
        let (mut batches, mut drawn) = (Vec::new(), Drawn::default());
        for _ in 0..COMMITS {
            if between(rng, (1, 8)) == 1 {
                store.close()?;
                store = open(&disk)?;
            }
            let batch = drawn.batch(rng);
            store.commit(std::slice::from_ref(&batch))?;
            states.push((disk.noted(), digest(&store)?));
            batches.push(batch);
        }
        Ok(Self { disk, states, batches })
    }
}

impl PowerCuts {
    fn cut(&mut self, history: &History, rng: &mut ChaCha8Rng) {
        self.images += 1;
        let moment = usize::try_from(between(rng, (0, history.disk.noted() as u64))).unwrap_or_default();
        let (disk, loss) = history.disk.cut_at(moment, rng);
        self.writes.add(&loss);
        if between(rng, (1, CUT_AGAIN_ONE_IN)) == 1 {
            self.cut_again += 1;
            disk.note();
            // Whether it can be opened is seen below.
            drop(open(&disk));
            self.writes.add(&disk.cut_power(rng));
        }
        // Commit 0 is the making of the store.
        let returned = history.states.iter().take_while(|(at, _)| *at <= moment).count();
        match held(&disk, history, returned) {
            Err(error) => {
                self.unopenable += 1;
                self.first.get_or_insert(format!("after {moment} operations: {error}"));
            }
            Ok(Some(what)) => {
                self.lost += 1;
                self.first.get_or_insert(format!("after {moment} operations: {what}"));
            }
            Ok(None) => {}
        }
    }
}

/// What is wrong with a disk on which so many states had been reached for sure.
fn held(disk: &Disk, history: &History, returned: usize) -> Result<Option<String>, StoreError> {
    let store = open(disk)?;
    let found = digest(&store)?;
    let sure = returned.saturating_sub(1);
    let may = history.states.iter().enumerate().skip(sure).take(2);
    let Some((state, _)) = may.into_iter().find(|(_, (_, digest))| *digest == found) else {
        let other = history.states.iter().position(|(_, digest)| *digest == found);
        return Ok(Some(format!("{returned} states were reached, found is {other:?}")));
    };
    let Some(next) = history.batches.get(state) else {
        return Ok(None);
    };
    store.commit(std::slice::from_ref(next))?;
    let goes_on =
        history.states.get(state + 1).is_some_and(|(_, after)| digest(&store).is_ok_and(|is| is == *after));
    Ok((!goes_on).then(|| format!("after state {state} the next commit came to something else")))
}

/// Batches upon each other.
#[derive(Default)]
struct Drawn {
    records: Vec<Key32>,
    positions: [u64; STREAMS as usize],
}

impl Drawn {
    fn batch(&mut self, rng: &mut ChaCha8Rng) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..between(rng, (1, 4)) {
            let stream = u8::try_from(between(rng, (0, u64::from(STREAMS) - 1))).unwrap_or_default();
            batch.records.extend(self.record(stream, rng));
            let row = bytes(rng, (20, 200));
            batch.index.push(IndexRow { stream: [stream; 32], row });
            batch.export_pending.push([stream; 32]);
        }
        if between(rng, (0, 1)) == 1 {
            batch.published.extend(self.records.last().copied());
            batch.exported.push([0; 32]);
        }
        let aside = ([9; 32], [u8::try_from(between(rng, (0, 5))).unwrap_or_default(); 32]);
        batch.aside.push(match between(rng, (0, 2)) {
            0 => AsideRow::Delete { stream: aside.0, id: aside.1 },
            _ => AsideRow::Put { stream: aside.0, id: aside.1, wire: bytes(rng, (100, 6_000)) },
        });
        let value = (between(rng, (0, 3)) > 0).then(|| bytes(rng, (1, 300)));
        batch.local.push(LocalRow { space: Space::Turn, key: bytes(rng, (1, 1)), value });
        batch
    }

    fn record(&mut self, stream: u8, rng: &mut ChaCha8Rng) -> Option<RecordRow> {
        let position = self.positions.get_mut(usize::from(stream))?;
        let mut id = [0; 32];
        rng.fill_bytes(&mut id);
        let most = if between(rng, (0, 9)) == 0 { LONG_BYTES } else { 500 };
        let row = RecordRow {
            stream: [stream; 32],
            position: *position,
            id,
            wire: bytes(rng, (80, most)),
            outbox: between(rng, (0, 1)) == 1,
        };
        *position += 1;
        self.records.push(id);
        Some(row)
    }
}

fn bytes(rng: &mut ChaCha8Rng, length: (u64, u64)) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(between(rng, length)).unwrap_or_default()];
    rng.fill_bytes(&mut bytes);
    bytes
}
