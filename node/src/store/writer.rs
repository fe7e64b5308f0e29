//! The writer: one thread that owns all commits, with group commit. A durable commit costs one sync of the
//! disk however many batches it carries, so whatever has queued up while the last one ran goes into the next
//! one. It never starts its own thread: the shell calls [`Writer::run`] on one, and hears of every batch
//! through a callback.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{AsideRow, Batch, Store, StoreError};

/// Batches that may wait for the writer. The caller keeps the rest, so that it notices when the disk is slow.
pub const QUEUE_BATCHES_MAX: usize = 1024;
/// Batches in one commit: a bound on how long the first of them waits for the last.
pub const GROUP_BATCHES_MAX: usize = 512;
/// Bytes of records in one commit, about: redb holds a transaction's pages in memory.
pub const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A batch with its number. Numbers rise by one; the shell gives them.
type Job = (u64, Batch);

/// What became of batches, in the order in which they were queued.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// All batches with these numbers are durable.
    Committed {
        /// The first number.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// None of these batches is known to be durable. When the error says that the store must be opened again
    /// they may be on disk all the same: write them again after that, it does no harm.
    Failed {
        /// The first number.
        first: u64,
        /// The last one.
        last: u64,
        /// Why.
        error: Arc<StoreError>,
    },
}

/// Why a batch was not queued; it comes back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The disk is slower than the node: try again after the next report.
    #[error("the writer's queue is full; try again after the next report")]
    Full(Box<Batch>),
    /// The writer has ended: after a failure, open the store again and start a new one.
    #[error("the writer has ended; open the store again")]
    Closed(Box<Batch>),
}

/// The end of the queue that the shell holds. Dropping all clones ends the writer, after what is queued.
#[derive(Clone, Debug)]
pub struct Queue(mpsc::Sender<Job>);

impl Queue {
    /// Queues a batch without waiting. `seq` must be one more than the last.
    pub fn submit(&self, seq: u64, batch: Batch) -> Result<(), SubmitError> {
        self.0.try_send((seq, batch)).map_err(|error| match error {
            mpsc::error::TrySendError::Full((_, batch)) => SubmitError::Full(Box::new(batch)),
            mpsc::error::TrySendError::Closed((_, batch)) => SubmitError::Closed(Box::new(batch)),
        })
    }
}

/// The writer itself.
pub struct Writer<F> {
    store: Arc<Store>,
    jobs: mpsc::Receiver<Job>,
    report: F,
}

impl<F: FnMut(Report)> Writer<F> {
    /// A writer for `store` that says what became of each batch through `report`, on its own thread. `report`
    /// may block (a bounded channel), provided that its reader never waits for the writer.
    pub fn new(store: Arc<Store>, report: F) -> (Queue, Self) {
        let (sender, jobs) = mpsc::channel(QUEUE_BATCHES_MAX);
        (Queue(sender), Self { store, jobs, report })
    }

    /// Writes until all [`Queue`]s are dropped, then closes the store: `Ok` when everything was written and
    /// the file was closed well. Blocks, so it wants a thread of its own. On a failure of the disk, or when a
    /// batch is refused, it fails what is queued, closes the store and returns the cause.
    pub fn run(mut self) -> Result<(), Arc<StoreError>> {
        while let Some(first) = self.jobs.blocking_recv() {
            let (first, last, batches) = self.gather(first);
            if let Err(error) = self.commit(first, last, &batches) {
                return Err(self.give_up(error));
            }
        }
        self.store.close().map_err(Arc::new)
    }

    /// Takes what is queued, up to the bounds of a group.
    fn gather(&mut self, (first, batch): Job) -> (u64, u64, Vec<Batch>) {
        let (mut last, mut bytes, mut batches) = (first, weight(&batch), vec![batch]);
        while batches.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX {
            let Ok((seq, batch)) = self.jobs.try_recv() else {
                break;
            };
            last = seq;
            bytes += weight(&batch);
            batches.push(batch);
        }
        (first, last, batches)
    }

    /// Commits a group. When one batch of it is refused, those before it are committed alone, and nothing
    /// after it is tried: later batches go on from what it would have stored, and would leave a gap. An error
    /// means that the store is of no use any more, or its user has lost count; it has been reported.
    fn commit(&mut self, first: u64, last: u64, batches: &[Batch]) -> Result<(), Arc<StoreError>> {
        match self.store.commit(batches) {
            Ok(()) => (self.report)(Report::Committed { first, last }),
            Err(error) if error.must_reopen() || batches.len() == 1 => {
                let error = Arc::new(error);
                (self.report)(Report::Failed { first, last, error: Arc::clone(&error) });
                return Err(error);
            }
            Err(_) => {
                for (seq, batch) in (first..=last).zip(batches.chunks(1)) {
                    self.commit(seq, seq, batch).inspect_err(|error| self.fail_rest(seq, last, error))?;
                }
            }
        }
        Ok(())
    }

    fn fail_rest(&mut self, seq: u64, last: u64, error: &Arc<StoreError>) {
        if seq < last {
            (self.report)(Report::Failed { first: seq + 1, last, error: Arc::clone(error) });
        }
    }

    /// Fails what is queued and closes the store, so that its lock is free when the shell opens it again. Its
    /// own error is that of the disk once more.
    fn give_up(&mut self, error: Arc<StoreError>) -> Arc<StoreError> {
        self.jobs.close();
        while let Some((seq, _)) = self.jobs.blocking_recv() {
            (self.report)(Report::Failed { first: seq, last: seq, error: Arc::clone(&error) });
        }
        self.store.close().ok();
        error
    }
}

/// About how many bytes a batch adds to a transaction; what is always small is left out.
fn weight(batch: &Batch) -> usize {
    let records = batch.records.iter().map(|row| row.wire.len());
    let aside = batch.aside.iter().map(|row| match row {
        AsideRow::Put { wire, .. } => wire.len(),
        AsideRow::Delete { .. } => 0,
    });
    let index = batch.index.iter().map(|row| row.row.len());
    let local = batch.local.iter().map(|row| row.value.as_ref().map_or(0, Vec::len));
    records.chain(aside).chain(index).chain(local).sum()
}

#[cfg(test)]
mod tests;
