//! Records on disk: redb, one transaction a batch. The store knows keys and bytes, not what a record means:
//! rows are opaque, and only verified records are ever given to it. It is synchronous and knows no clock, thread or
//! tokio, so that the simulator runs this very code on a disk that lies; the thread that writes is `writer`,
//! behind the feature `daemon`.
//!
//! **One-phase commits, without quick repair.** redb's default: data, checksums and the flip to the new root
//! go to disk with one sync, and after a crash a root whose pages do not match their checksums is not used.
//! Two phases sync twice; quick repair also writes the allocator's state each time.
//! `examples/store_bench.rs`, built with opt-level 2, on 2 shared cores: 200,000 records of 350 bytes in
//! 10,000 streams, each with a row of the index (285 MB), medians of 5 interleaved rounds. The virtual disk's
//! own rate of `fdatasync` differed between runs (why is not known), so here is a run of each kind; compare
//! within a column. The opens are from the second run.
//!
//! | | 1 record a commit, disk at 10,264 syncs a second | the same, disk at 313 | open after a crash |
//! |---|---|---|---|
//! | one phase | 2,170 a second | 260 a second | 320 ms |
//! | two phases | 1,651 a second | 147 a second | 301 ms |
//! | quick repair | 1,397 a second | 135 a second | 172 ms |
//!
//! Commits of 100 records, each in another stream, cost the same in all three within the noise (77 to 98 a
//! second on the fast disk over several runs): pages count there, not syncs. Where a sync is dear the second
//! one takes nearly half of what a single writer gets. What two phases guard against is text made so that a
//! half-written page passes redb's checksum (xxh3 is not cryptographic): that takes someone who knows the
//! file's pages, chooses which of them reach the disk, and cuts the power between. It gains little, since a
//! record that is missing or changed fails its signature when it is read, and a peer sends it again. Quick
//! repair saves 150 ms of the second that a start after a crash may take.
//!
//! After a failure of the disk redb refuses everything: drop the [`Store`], open it again, and write what was
//! not acknowledged once more ([`StoreError::must_reopen`]). A record that is there already is left out.

mod audit;
mod backend;
mod batch;
mod error;
mod tables;
#[cfg(feature = "daemon")]
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
};

pub use batch::{
    AsideRow, Batch, IndexRow, Key32, KeyValue, LocalRow, RecordRow, Space, Stats, StoredRecord,
};
pub use error::StoreError;
#[cfg(feature = "daemon")]
pub use writer::{GROUP_BATCHES_MAX, GROUP_BYTES_MAX, QUEUE_BATCHES_MAX, Queue, Report, SubmitError, Writer};

use tables::{ASIDE, EXPORTS, Found, IDS, INDEX, LOCAL, OUTBOX, RECORDS};

/// How redb is run. The default is what the daemon uses; the simulator takes a smaller cache.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for pages, in bytes. Half of it may hold pages of a transaction that are not written yet.
    pub cache_bytes: usize,
    /// Two syncs a commit instead of one.
    pub two_phase: bool,
    /// Keeps the allocator's state on disk with each commit, so that an open after a crash need not walk the
    /// file. Implies `two_phase`.
    pub quick_repair: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES, two_phase: false, quick_repair: false }
    }
}

/// redb's default of 1 GiB would be most of the memory of a small machine.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// An open store. Reads see the last commit and may run on any thread, also while a commit runs; commits take
/// turns.
#[derive(Debug)]
pub struct Store {
    database: RwLock<Option<Database>>,
    length: Arc<AtomicU64>,
    options: Options,
}

impl Store {
    /// Opens the file, or makes it (not its folder), and holds its lock until the store is closed or dropped.
    /// After a crash this also repairs the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(backend::open_file(path)?, Options::default())
    }

    /// Opens a store on any storage: a simulated disk, memory.
    pub fn open_backend(backend: impl StorageBackend) -> Result<Self, StoreError> {
        Self::open_with(backend, Options::default())
    }

    /// The same, with other settings than the daemon's.
    pub fn open_with(backend: impl StorageBackend, options: Options) -> Result<Self, StoreError> {
        let (backend, length) = backend::Tracked::new(backend);
        shielded(|| {
            let database =
                Database::builder().set_cache_size(options.cache_bytes).create_with_backend(backend)?;
            let store = Self { database: RwLock::new(None), length, options };
            match tables::read_format(&database.begin_read()?)? {
                Found::Format(tables::FORMAT) => {}
                Found::Empty => store.write(&database, tables::create_all)?,
                Found::Format(found) if found > tables::FORMAT => {
                    return Err(StoreError::NewerFormat { found, supported: tables::FORMAT });
                }
                Found::Format(found) => return Err(StoreError::NotAStore(format!("unknown format {found}"))),
                Found::Foreign => {
                    return Err(StoreError::NotAStore("a database of another program".to_owned()));
                }
            }
            *store.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
            Ok(store)
        })
    }

    /// Writes all batches, in order, in one durable transaction: when it returns `Ok` they survive a power
    /// cut.
    ///
    /// A record whose id is there already is left out, so a batch may safely be written again. On
    /// [`StoreError::PositionTaken`] nothing of any batch is written and the store remains usable. After any
    /// other error see [`StoreError::must_reopen`].
    pub fn commit(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.with_database(|database| self.write(database, |transaction| tables::apply(transaction, batches)))
    }

    /// The records of a stream in the order of their admission, as (id, wire). A stream without records is
    /// empty.
    pub fn load_stream(&self, stream: Key32) -> Result<Vec<(Key32, Vec<u8>)>, StoreError> {
        self.read(|transaction| {
            let (first, last) = (tables::slot(&stream, 0), tables::slot(&stream, u64::MAX));
            let table = transaction.open_table(RECORDS)?;
            let rows = table.range::<&tables::Slot>(&first..=&last)?;
            rows.map(|row| {
                let (_, value) = row?;
                let (id, wire) = tables::split_record(value.value());
                Ok((id, wire.to_vec()))
            })
            .collect()
        })
    }

    /// All streams that have a record, in order of their keys. Costs one lookup a stream.
    pub fn streams(&self) -> Result<Vec<Key32>, StoreError> {
        Ok(self.stream_lengths()?.into_iter().map(|(stream, _)| stream).collect())
    }

    /// The same, each with how many records it has by the position of its last one. Costs no more.
    pub fn stream_lengths(&self) -> Result<Vec<(Key32, u64)>, StoreError> {
        self.read(lengths_of)
    }

    /// Looks at the records of a stream, in the order of their admission, until one is `wanted`. Returns whether one was,
    /// and how many bytes were looked at.
    pub fn find_record(
        &self,
        stream: Key32,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<(bool, u64), StoreError> {
        self.read(|transaction| {
            let (first, last) = (tables::slot(&stream, 0), tables::slot(&stream, u64::MAX));
            let table = transaction.open_table(RECORDS)?;
            let mut bytes = 0_u64;
            for row in table.range::<&tables::Slot>(&first..=&last)? {
                let (_, value) = row?;
                let (_, wire) = tables::split_record(value.value());
                bytes = bytes.saturating_add(wire.len() as u64);
                if wanted(wire) {
                    return Ok((true, bytes));
                }
            }
            Ok((false, bytes))
        })
    }

    /// One record by its id, or `None`. Records aside are not found here.
    pub fn record(&self, id: Key32) -> Result<Option<StoredRecord>, StoreError> {
        self.read(|transaction| {
            let Some(place) = transaction.open_table(IDS)?.get(&id)?.map(|guard| *guard.value()) else {
                return Ok(None);
            };
            let Some(value) = transaction.open_table(RECORDS)?.get(&place)? else {
                return Ok(None);
            };
            let (stream, position) = tables::split_slot(&place);
            let (id, wire) = tables::split_record(value.value());
            Ok(Some(StoredRecord { stream, position, id, wire: wire.to_vec() }))
        })
    }

    /// Whether a record with this id is part of a stream. Records aside do not count.
    pub fn contains(&self, id: Key32) -> Result<bool, StoreError> {
        self.read(|transaction| Ok(transaction.open_table(IDS)?.get(&id)?.is_some()))
    }

    /// What a list shows, as (stream, row), in order of the streams' keys.
    pub fn index(&self) -> Result<Vec<(Key32, Vec<u8>)>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(INDEX)?;
            let rows = table.iter()?;
            rows.map(|row| {
                row.map(|(stream, row)| (*stream.value(), row.value().to_vec())).map_err(Into::into)
            })
            .collect()
        })
    }

    /// Ids of the records that have yet to be sent: stream by stream, within each in the order of admission.
    pub fn outbox(&self) -> Result<Vec<Key32>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(OUTBOX)?;
            let rows = table.iter()?;
            rows.map(|row| row.map(|(_, id)| *id.value()).map_err(Into::into)).collect()
        })
    }

    /// Streams that have yet to be exported, in order of their keys.
    pub fn export_queue(&self) -> Result<Vec<Key32>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(EXPORTS)?;
            let rows = table.iter()?;
            rows.map(|row| row.map(|(stream, _)| *stream.value()).map_err(Into::into)).collect()
        })
    }

    /// Where records are kept aside, as (stream, id), in this order.
    pub fn aside_places(&self) -> Result<Vec<(Key32, Key32)>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(ASIDE)?;
            let rows = table.iter()?;
            rows.map(|row| row.map(|(key, _)| tables::split_pair(key.value())).map_err(Into::into)).collect()
        })
    }

    /// The records kept aside at these places, as (id, wire), in their order. What is not there is left out.
    pub fn aside(&self, places: &[(Key32, Key32)]) -> Result<Vec<(Key32, Vec<u8>)>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(ASIDE)?;
            let wire = |(stream, id): &(Key32, Key32)| match table.get(&tables::pair(stream, id)) {
                Ok(found) => found.map(|guard| Ok((*id, guard.value().to_vec()))),
                Err(error) => Some(Err(error.into())),
            };
            places.iter().filter_map(wire).collect()
        })
    }

    /// The local rows of one space, as (key, value), in order of their keys.
    pub fn local(&self, space: Space) -> Result<Vec<KeyValue>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(LOCAL)?;
            let (start, end) = ([space as u8], [space as u8 + 1]);
            let rows = table.range::<&[u8]>(start.as_slice()..end.as_slice())?;
            rows.map(|row| {
                let (key, value) = row?;
                let key = key.value().get(1..).unwrap_or_default().to_vec();
                Ok((key, value.value().to_vec()))
            })
            .collect()
        })
    }

    /// How much is stored. Costs one lookup a stream.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        self.read(|transaction| {
            Ok(Stats {
                records: transaction.open_table(IDS)?.len()?,
                streams: lengths_of(transaction)?.len() as u64,
                aside: transaction.open_table(ASIDE)?.len()?,
                bytes: self.length.load(Ordering::Relaxed),
            })
        })
    }

    /// Closes the file and gives up its lock, after reads and the commit that run now. What fails here fails
    /// loudly; dropping the store does the same and hides it. Closing again does nothing. redb writes once more
    /// when it closes, and may meet a damaged page that nothing has read until then.
    pub fn close(&self) -> Result<(), StoreError> {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        database.map_or(Ok(()), |database| shielded(|| Ok(database.close()?)))
    }

    fn with_database<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(StoreError::Closed)?;
        shielded(|| work(database))
    }

    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with_database(|database| work(&database.begin_read()?))
    }

    fn write(
        &self,
        database: &Database,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(self.options.two_phase);
        transaction.set_quick_repair(self.options.quick_repair);
        match work(&transaction) {
            Ok(()) => Ok(transaction.commit()?),
            // The first failure of a disk says more than the ones that follow it.
            Err(error) => match transaction.abort() {
                Err(worse) if !error.must_reopen() => Err(worse.into()),
                Ok(()) | Err(_) => Err(error),
            },
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _hidden = self.close();
    }
}

fn lengths_of(transaction: &ReadTransaction) -> Result<Vec<(Key32, u64)>, StoreError> {
    let table = transaction.open_table(RECORDS)?;
    let mut lengths: Vec<(Key32, u64)> = Vec::new();
    let mut last = table.last()?;
    while let Some((place, _)) = last {
        let (stream, position) = tables::split_slot(place.value());
        if lengths.last().is_some_and(|(later, _)| *later <= stream) {
            return Err(StoreError::Corrupt("the streams are not in the order of their keys".to_owned()));
        }
        lengths.push((stream, position.saturating_add(1)));
        last = table.range::<&tables::Slot>(..&tables::slot(&stream, 0))?.next_back().transpose()?;
    }
    lengths.reverse();
    Ok(lengths)
}

/// redb trusts the pages of a file that was closed well, and may panic when something else has changed them
/// since. A damaged file must not take the node down (INV-9): here it becomes an error like any other damage.
fn shielded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a page makes no sense");
        Err(StoreError::Corrupt(text.to_owned()))
    })
}

#[cfg(test)]
mod tests;
