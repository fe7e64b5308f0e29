//! A disk in memory that outlives a crash of its node: redb writes to it as to a file. On demand it fails, as disks do;
//! from then on it fails until it is opened again.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The bytes of a disk. A clone is another handle to the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    broken: Arc<AtomicBool>,
}

impl Disk {
    /// Another disk with the same bytes.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { bytes: Arc::new(Mutex::new(self.bytes().clone())), broken: Arc::default() }
    }

    /// From now on writes and syncs fail, until [`Disk::mend`].
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Works again. What was written before is there.
    pub fn mend(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            Err(io::Error::other("the simulated disk is broken"))
        } else {
            Ok(())
        }
    }
}

fn place(offset: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(offset).map_err(io::Error::other)?;
    let end = start.checked_add(len).ok_or_else(|| io::Error::other("beyond the end of memory"))?;
    Ok(start..end)
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        u64::try_from(self.bytes().len()).map_err(io::Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let place = place(offset, out.len())?;
        let bytes = self.bytes();
        let found = bytes.get(place).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.bytes().resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let place = place(offset, data.len())?;
        let mut bytes = self.bytes();
        let room = bytes.get_mut(place).ok_or(io::ErrorKind::UnexpectedEof)?;
        room.copy_from_slice(data);
        Ok(())
    }
}
