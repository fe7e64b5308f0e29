//! A disk in memory that outlives a crash of its node: redb writes to it as to a file. It keeps what was written since
//! the last sync, of which a power cut leaves what chance lets the disk have written, some of it torn. On demand it
//! fails, is full, or lies: says that it synced, and did not.
//!
//! An honest disk keeps what it synced, whatever happens. What a lying one said means nothing from then on.

mod image;
mod log;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

use crate::network::between;
use image::{Image, PAGE_BYTES, sectors};
use log::Entry;

pub use log::Loss;

/// Writes that a lying disk holds back: the cache of a real one is not without bounds either.
const HELD_BACK_MAX: usize = 4096;

/// A disk. A clone is another handle to the same one.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<Hardware>>);

/// What is open on a disk: one program's file. After a power cut, or when it is opened once more, nothing it does
/// reaches the disk.
#[derive(Debug)]
pub struct Drive {
    disk: Disk,
    plug: u64,
}

#[derive(Debug, Default)]
struct Hardware {
    /// What programs see.
    now: Image,
    /// What is on the medium for sure.
    safe: Image,
    /// What was done since.
    log: Vec<Entry>,
    /// From where on syncs are only noted, so that power can be cut in hindsight at any moment since.
    noting: Option<usize>,
    /// The one that may do something.
    plug: u64,
    broken: bool,
    full: bool,
    lying: bool,
    lied: bool,
}

impl Disk {
    /// Another disk with the same bytes, all of them safe.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::holding(self.hardware().now.clone())
    }

    /// Holds what another one did, as if what it synced since then had been a lie.
    pub fn put_back(&self, earlier: &Self) {
        let image = earlier.hardware().now.clone();
        let mut hardware = self.hardware();
        hardware.log.clear();
        (hardware.now, hardware.safe, hardware.lied) = (image.clone(), image, true);
        hardware.plug += 1;
    }

    fn holding(image: Image) -> Self {
        Self(Arc::new(Mutex::new(Hardware { now: image.clone(), safe: image, ..Hardware::default() })))
    }

    /// Opens it for a program, and closes it to the one before.
    #[must_use]
    pub fn plug(&self) -> Drive {
        let mut hardware = self.hardware();
        hardware.plug += 1;
        hardware.broken = false;
        Drive { disk: self.clone(), plug: hardware.plug }
    }

    /// From now on writes and syncs fail, until it is opened again or [`Disk::mend`].
    pub fn break_down(&self) {
        self.hardware().broken = true;
    }

    /// Works again, has room, and does not lie any more. What was written before is there.
    pub fn mend(&self) {
        let mut hardware = self.hardware();
        (hardware.broken, hardware.full, hardware.lying) = (false, false, false);
    }

    /// Whether there is no room: what would grow fails, what is there can be overwritten.
    pub fn fill(&self, full: bool) {
        self.hardware().full = full;
    }

    /// Whether there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.hardware().full
    }

    /// From now on it only says that it syncs, until the next power cut or [`Disk::mend`].
    pub fn lie(&self) {
        self.hardware().lying = true;
    }

    /// Whether it has ever said that it synced, and did not: nothing that was acknowledged is sure to be there, and not
    /// even that what it holds can be opened.
    #[must_use]
    pub fn has_lied(&self) -> bool {
        self.hardware().lied
    }

    /// From now on notes what is done, syncs and all, so that [`Disk::cut_power`] can choose its moment.
    pub fn note(&self) {
        let mut hardware = self.hardware();
        let from = hardware.log.len();
        hardware.noting.get_or_insert(from);
    }

    /// How many operations were noted.
    #[must_use]
    pub fn noted(&self) -> usize {
        let hardware = self.hardware();
        hardware.noting.map_or(0, |from| hardware.log.len() - from)
    }

    /// Power goes: now, or at any moment since [`Disk::note`]. Everything that was synced before that is there, and of
    /// the rest what chance left. It works again, and is honest.
    pub fn cut_power(&self, rng: &mut ChaCha8Rng) -> Loss {
        let mut hardware = self.hardware();
        let noting = hardware.noting.take();
        if hardware.lying && noting.is_none() {
            hardware.write_back(rng);
        }
        let all = hardware.log.len();
        let moment = index(rng, noting.unwrap_or(all), all);
        let (image, loss) = log::at_moment(&hardware.safe, &hardware.log, moment, rng);
        hardware.log.clear();
        hardware.now = image.clone();
        hardware.safe = image;
        hardware.plug += 1;
        (hardware.broken, hardware.lying) = (false, false);
        loss
    }

    /// The disk that is left when power goes after the first `moment` operations since [`Disk::note`]. This one goes on.
    #[must_use]
    pub fn cut_at(&self, moment: usize, rng: &mut ChaCha8Rng) -> (Self, Loss) {
        let hardware = self.hardware();
        let moment = hardware.noting.unwrap_or(hardware.log.len()) + moment;
        let (image, loss) = log::at_moment(&hardware.safe, &hardware.log, moment, rng);
        (Self::holding(image), loss)
    }

    /// Bytes that take room.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.hardware().now.used_bytes()
    }

    fn hardware(&self) -> MutexGuard<'_, Hardware> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number from `low` to `high`, both included.
fn index(rng: &mut ChaCha8Rng, low: usize, high: usize) -> usize {
    let chosen = if low < high { between(rng, (low as u64, high as u64)) } else { high as u64 };
    usize::try_from(chosen).unwrap_or(high)
}

impl Hardware {
    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut at = self.now.place(offset, data.len())?;
        let mut rest = data;
        while !rest.is_empty() {
            let (page, from) = (at / PAGE_BYTES, at % PAGE_BYTES);
            let (part, tail) = rest.split_at(rest.len().min(PAGE_BYTES - from));
            let bytes = self.now.patched(page, from, part);
            if self.full && bytes.is_some() && self.now.page(page).is_none() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.now.put(page, bytes.clone());
            self.log.push(Entry::Page { page, bytes, sectors: sectors(from, part.len()) });
            (at, rest) = (at + part.len(), tail);
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if self.full && len > self.now.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.now.set_len(len);
        self.log.push(Entry::Length(len));
        Ok(())
    }

    /// A disk that holds writes back gets rid of them by and by, the oldest first.
    fn write_back(&mut self, rng: &mut ChaCha8Rng) {
        let count = index(rng, 0, self.log.len());
        self.log.drain(..count).for_each(|entry| entry.apply(&mut self.safe));
    }

    fn sync(&mut self) {
        if self.lying {
            self.lied |= !self.log.is_empty();
            let over = self.log.len().saturating_sub(HELD_BACK_MAX);
            // Power cut in hindsight finds its moment by the log's length.
            if self.noting.is_none() {
                self.log.drain(..over).for_each(|entry| entry.apply(&mut self.safe));
            }
        } else if self.noting.is_some() {
            self.log.push(Entry::Sync);
        } else {
            self.log.drain(..).for_each(|entry| entry.apply(&mut self.safe));
        }
    }
}

impl Drive {
    /// Does something, if this is what is open.
    fn with<T>(&self, work: impl FnOnce(&mut Hardware) -> io::Result<T>) -> io::Result<T> {
        let mut hardware = self.disk.hardware();
        if hardware.plug != self.plug {
            return Err(io::Error::other("the power of the simulated disk is gone"));
        }
        work(&mut hardware)
    }

    /// The same for what changes something.
    fn change(&self, work: impl FnOnce(&mut Hardware) -> io::Result<()>) -> io::Result<()> {
        self.with(|hardware| match hardware.broken {
            true => Err(io::Error::other("the simulated disk is broken")),
            false => work(hardware),
        })
    }
}

impl StorageBackend for Drive {
    fn len(&self) -> io::Result<u64> {
        self.with(|hardware| Ok(hardware.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|hardware| hardware.now.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|hardware| hardware.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|hardware| {
            hardware.sync();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|hardware| hardware.write(offset, data))
    }
}

#[cfg(test)]
mod tests;
