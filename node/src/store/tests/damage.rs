//! Files that were damaged, disks that fail at any moment, and settings that must not change what is written.

use super::*;

/// Damage anywhere in a file gives an error or the data, never a panic.
#[test]
fn a_damaged_file_never_panics() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    store.commit(&(0..40).map(everything).collect::<Vec<_>>()).unwrap();
    store.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for start in (0..whole.len()).step_by(1021) {
        let mut damaged = whole.clone();
        let end = damaged.len().min(start + 64);
        damaged[start..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        refused += usize::from(use_damaged(&path, &damaged).is_err());
    }
    for length in (1..whole.len()).step_by(4099) {
        use_damaged(&path, &whole[..length]).unwrap_err();
    }
    assert!(refused > 0);
}

fn use_damaged(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    std::fs::write(path, bytes).unwrap();
    let store = Store::open(path)?;
    for stream in store.streams()? {
        store.load_stream(stream)?;
    }
    store.commit(&[everything(200)])?;
    store.close()
}

/// A store that is dropped, and not closed, on a disk that lied: some sectors of it are from before. redb writes when it
/// goes, and then reads what it has not read until then.
#[test]
fn a_damaged_store_can_be_dropped() {
    let disk = Disk::default();
    let mut images = Vec::new();
    for number in 0..40 {
        let store = Store::open_backend(disk.clone()).unwrap();
        store.commit(&[everything(number)]).unwrap();
        store.close().unwrap();
        images.push(disk.bytes.lock().unwrap().clone());
    }
    let whole = images.pop().unwrap();
    let mut opened = 0;
    for old in images.iter().step_by(3) {
        let differ = |start: &usize| whole.get(*start..*start + 512) != old.get(*start..*start + 512);
        for start in (0..whole.len().min(old.len())).step_by(512).filter(differ) {
            let damaged = disk.mended();
            damaged.bytes.lock().unwrap()[start..start + 512].copy_from_slice(&old[start..start + 512]);
            let store = Store::open_backend(damaged);
            opened += usize::from(store.is_ok());
            drop(store);
        }
    }
    assert!(opened > 0);
}

/// A disk that fails for good after a number of writes, and whose bytes outlive the store.
#[derive(Clone, Debug, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    left: Arc<AtomicI64>,
    error: Option<io::ErrorKind>,
}

impl Disk {
    fn failing_after(operations: i64, error: io::ErrorKind) -> Self {
        Self { left: Arc::new(AtomicI64::new(operations)), error: Some(error), ..Self::default() }
    }

    /// The same bytes on a disk that works.
    fn mended(&self) -> Self {
        Self { bytes: Arc::new(Mutex::new(self.bytes.lock().unwrap().clone())), ..Self::default() }
    }

    fn spend(&self) -> io::Result<()> {
        match self.error {
            Some(error) if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (bytes, start) = (self.bytes.lock().unwrap(), offset as usize);
        let range = bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(range);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        let start = offset as usize;
        self.bytes.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

/// The disk fails at its nth operation, for every n: each batch is then there whole or not at all, and every
/// batch whose commit was acknowledged is there.
#[test]
fn a_batch_is_whole_or_absent_wherever_the_disk_fails() {
    let mut whole_run = false;
    let mut failures = 0;
    for operations in 0.. {
        let disk = Disk::failing_after(operations, io::ErrorKind::Other);
        let acknowledged = run_until_failure(&disk);
        let store =
            Store::open_backend(disk.mended()).unwrap_or_else(|error| panic!("after {operations}: {error}"));
        let stored = store.load_stream(A).unwrap().len();
        assert!(stored >= acknowledged, "acknowledged {acknowledged}, found {stored}, after {operations}");
        let twin = memory();
        twin.commit(&(0..stored as u8).map(everything).collect::<Vec<_>>()).unwrap();
        assert_eq!(contents(&store), contents(&twin), "after {operations}");
        failures += usize::from(acknowledged < 3);
        if acknowledged == 3 {
            whole_run = true;
            break;
        }
    }
    assert!(whole_run && failures > 20, "{failures} failures");
}

/// Commits three batches; how many were acknowledged.
fn run_until_failure(disk: &Disk) -> usize {
    let Ok(store) = Store::open_backend(disk.clone()) else {
        return 0;
    };
    for number in 0..3 {
        if let Err(error) = store.commit(&[everything(number)]) {
            assert!(error.must_reopen(), "{error}");
            assert!(store.commit(&[everything(9)]).unwrap_err().must_reopen());
            return usize::from(number);
        }
    }
    3
}

#[test]
fn a_full_disk_says_so_and_closes_the_store_until_it_is_opened_again() {
    let disk = Disk::failing_after(i64::MAX, io::ErrorKind::StorageFull);
    let store = Store::open_backend(disk.clone()).unwrap();
    store.commit(&[everything(0)]).unwrap();
    disk.left.store(0, Ordering::Relaxed);
    let error = store.commit(&[everything(1)]).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    disk.left.store(i64::MAX, Ordering::Relaxed);
    assert!(matches!(store.commit(&[everything(1)]), Err(StoreError::Poisoned)));
    drop(store);
    let store = Store::open_backend(disk).unwrap();
    store.commit(&[everything(1)]).unwrap();
    assert_eq!(store.load_stream(A).unwrap().len(), 2);
}

#[test]
fn other_settings_write_the_same() {
    for (two_phase, quick_repair) in [(true, false), (true, true)] {
        let (_folder, path) = folder();
        let options = Options { two_phase, quick_repair, cache_bytes: 1 << 20 };
        let file = std::fs::File::create_new(&path).unwrap();
        drop(file);
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let store = Store::open_with(FileBackend::new(file).unwrap(), options).unwrap();
        store.commit(&[everything(0)]).unwrap();
        let before = contents(&store);
        drop(store);
        assert_eq!(contents(&Store::open(&path).unwrap()), before);
    }
}

/// What a page of another table in the place of one of the list comes to.
#[test]
fn a_list_with_sessions_that_are_not_there_is_found() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    store.commit(&[everything(0)]).unwrap();
    assert_eq!(store.audit().unwrap(), [""; 0]);
    let nobody = [0x77; 32];
    let index = vec![IndexRow { stream: nobody, row: vec![1] }];
    store.commit(&[Batch { index, ..Batch::default() }]).unwrap();
    let faults = store.audit().unwrap();
    assert!(faults.len() == 1 && faults[0].contains("7777") && faults[0].contains("no record"), "{faults:?}");
    store.commit(&[Batch { unindexed: vec![nobody], ..Batch::default() }]).unwrap();
    assert_eq!(store.audit().unwrap(), [""; 0]);
}
