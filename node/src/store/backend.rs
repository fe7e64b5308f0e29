//! What lies between redb and the disk: how the file is made, how long it is, and what a power cut during its
//! very first moments leaves behind. Everything else is passed on untouched, so a simulator's disk sees
//! redb's own writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::error::{StoreError, classify_io};
use crate::fault::{Fault, planted};

/// redb makes a file of 72 KiB (version 4.6); one that is longer than this has been written to.
const NEWBORN_BYTES_MAX: u64 = 1024 * 1024;
/// redb writes its magic number last when it makes a file; until then these bytes are zero.
const MAGIC_BYTES: u64 = 9;
/// redb's header page; all data lies behind it.
const HEADER_BYTES: u64 = 4096;

/// Opens the file at `path`, readable by its owner alone, or makes it and makes its name durable.
pub(super) fn open_file(path: &Path) -> Result<FileBackend, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_file(&mut options, path),
        opened => opened,
    };
    Ok(FileBackend::new(file.map_err(classify_io)?)?)
}

fn create_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.create(true).truncate(false).open(path)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// A backend that knows its length, and starts anew a file whose making was cut short.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    inner: B,
    length: Arc<AtomicU64>,
    entered: AtomicBool,
}

impl<B: StorageBackend> Tracked<B> {
    /// Wraps `inner`; the counter follows its length in bytes.
    pub(super) fn new(inner: B) -> (Self, Arc<AtomicU64>) {
        let length = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&length);
        (Self { inner, length, entered: AtomicBool::new(false) }, counter)
    }

    /// Runs once, when redb has the file to itself and before it reads it. A power cut between the making of
    /// the file and the write of its magic number leaves a file that redb refuses for ever, though nothing
    /// was ever stored in it. Such a file is emptied; one with a single byte of data is not.
    fn enter(&self) -> io::Result<()> {
        if self.entered.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        if is_unfinished(&self.inner)? {
            self.inner.set_len(0)?;
        }
        Ok(())
    }
}

fn is_unfinished(backend: &impl StorageBackend) -> io::Result<bool> {
    let length = backend.len()?;
    if length == 0 || length > NEWBORN_BYTES_MAX {
        return Ok(false);
    }
    let is_zero = |from: u64, to: u64| -> io::Result<bool> {
        let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?];
        backend.read(from, &mut bytes)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    };
    Ok(is_zero(0, MAGIC_BYTES.min(length))? && is_zero(HEADER_BYTES.min(length), length)?)
}

impl<B: StorageBackend> StorageBackend for Tracked<B> {
    fn len(&self) -> io::Result<u64> {
        let length = self.inner.len()?;
        self.length.store(length, Ordering::Relaxed);
        Ok(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)?;
        self.length.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if planted(Fault::SyncSkipped) {
            return Ok(());
        }
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let locked = self.inner.try_lock_range(start, end);
        match &locked {
            Ok(true) | Err(BackendError::Unsupported) => self.enter()?,
            Ok(false) | Err(_) => {}
        }
        locked
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
