//! The writer on real threads, with reports over a real channel; every wait is bounded.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::super::RecordRow;
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const STREAM: [u8; 32] = [5; 32];

/// A memory disk that counts syncs, and fails when it is told to.
#[derive(Debug, Default, Clone)]
struct Disk {
    inner: Arc<InMemoryBackend>,
    syncs: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }
}

struct Rig {
    disk: Disk,
    store: Arc<Store>,
    queue: Queue,
    reports: Receiver<Report>,
    writer: Option<Box<dyn FnOnce() -> Ended + Send>>,
}

/// What the writer's thread ends with.
type Ended = Result<(), Arc<StoreError>>;

impl Rig {
    fn new() -> Self {
        let disk = Disk::default();
        let store = Arc::new(Store::open_backend(disk.clone()).unwrap());
        let (sender, reports) = channel();
        let (queue, writer) = Writer::new(Arc::clone(&store), move |report| sender.send(report).unwrap());
        Self { disk, store, queue, reports, writer: Some(Box::new(|| writer.run())) }
    }

    /// Starts the thread; what was submitted before is one group.
    fn start(&mut self) -> JoinHandle<Ended> {
        let run = self.writer.take().unwrap();
        Builder::new().spawn(run).unwrap()
    }

    fn next(&self) -> (bool, u64, u64) {
        match self.reports.recv_timeout(PATIENCE).unwrap() {
            Report::Committed { first, last } => (true, first, last),
            Report::Failed { first, last, .. } => (false, first, last),
        }
    }
}

fn batch(position: u64, number: u8) -> Batch {
    let row = RecordRow { stream: STREAM, position, id: [number; 32], wire: vec![number; 50], outbox: false };
    Batch { records: vec![row], ..Batch::default() }
}

fn reopen(disk: &Disk) -> Store {
    Store::open_backend(disk.clone()).unwrap()
}

#[test]
fn what_queued_up_is_one_commit_in_its_order() {
    let mut rig = Rig::new();
    for seq in 0..100 {
        rig.queue.submit(seq, batch(seq, seq as u8)).unwrap();
    }
    let before = rig.disk.syncs.load(Ordering::Relaxed);
    let thread = rig.start();
    assert_eq!(rig.next(), (true, 0, 99));
    assert_eq!(rig.disk.syncs.load(Ordering::Relaxed) - before, 1, "one sync for a hundred batches");
    let loaded = rig.store.load_stream(STREAM).unwrap();
    assert!(loaded.iter().map(|(id, _)| u64::from(id[0])).eq(0..100));
    drop(rig.queue);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_group_is_bounded_in_batches_and_in_bytes() {
    let mut rig = Rig::new();
    let small = GROUP_BATCHES_MAX as u64 + 1;
    (0..small).for_each(|seq| rig.queue.submit(seq, Batch::default()).unwrap());
    let mut big = batch(0, 1);
    big.records[0].wire = vec![0; GROUP_BYTES_MAX];
    rig.queue.submit(small, big).unwrap();
    rig.queue.submit(small + 1, batch(1, 2)).unwrap();
    let thread = rig.start();
    assert_eq!(rig.next(), (true, 0, small - 2));
    assert_eq!(rig.next(), (true, small - 1, small));
    assert_eq!(rig.next(), (true, small + 1, small + 1));
    drop(rig.queue);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_full_queue_gives_the_batch_back() {
    let rig = Rig::new();
    let room = QUEUE_BATCHES_MAX as u64;
    (0..room).for_each(|seq| rig.queue.submit(seq, Batch::default()).unwrap());
    let Err(SubmitError::Full(back)) = rig.queue.submit(room, batch(0, 1)) else {
        panic!("queued without room")
    };
    assert_eq!(*back, batch(0, 1));
}

#[test]
fn the_end_writes_what_is_queued_and_closes_the_store() {
    let mut rig = Rig::new();
    rig.queue.submit(7, batch(0, 1)).unwrap();
    drop(rig.queue.clone());
    let thread = rig.start();
    rig.queue.submit(8, batch(1, 2)).unwrap();
    drop(rig.queue);
    thread.join().unwrap().unwrap();
    assert!(matches!(rig.store.load_stream(STREAM), Err(StoreError::Closed)));
    assert_eq!(reopen(&rig.disk).load_stream(STREAM).unwrap().len(), 2);
}

#[test]
fn after_a_refused_batch_nothing_is_tried_and_the_writer_ends() {
    let mut rig = Rig::new();
    rig.queue.submit(0, batch(0, 1)).unwrap();
    rig.queue.submit(1, batch(0, 2)).unwrap();
    // The first that is not in the same group as the refused one is `rest`.
    let rest = GROUP_BATCHES_MAX as u64;
    (2..=rest).for_each(|seq| rig.queue.submit(seq, batch(seq - 1, seq as u8)).unwrap());
    let thread = rig.start();
    let error = thread.join().unwrap().unwrap_err();
    assert!(matches!(*error, StoreError::PositionTaken { position: 0, .. }), "{error}");
    let reports = [rig.next(), rig.next(), rig.next(), rig.next()];
    assert_eq!(reports, [(true, 0, 0), (false, 1, 1), (false, 2, rest - 1), (false, rest, rest)]);
    assert!(rig.reports.recv_timeout(PATIENCE).is_err(), "each batch is reported once");
    assert!(matches!(rig.queue.submit(9_999, Batch::default()), Err(SubmitError::Closed(_))));
    assert_eq!(reopen(&rig.disk).load_stream(STREAM).unwrap().len(), 1);
}

#[test]
fn a_broken_disk_fails_all_that_is_queued_and_ends_the_writer() {
    let mut rig = Rig::new();
    let (first, rest) = (GROUP_BATCHES_MAX as u64, 3);
    (0..first + rest).for_each(|seq| rig.queue.submit(seq, batch(seq, seq as u8)).unwrap());
    rig.disk.broken.store(true, Ordering::Relaxed);
    let thread = rig.start();
    let error = thread.join().unwrap().unwrap_err();
    assert!(matches!(*error, StoreError::Io(_)), "{error}");
    let failed: Vec<_> = (0..=rest).map(|_| rig.next()).collect();
    let expected = [(false, 0, first - 1), (false, first, first), (false, first + 1, first + 1)];
    assert_eq!(failed[..3], expected);
    assert!(rig.reports.recv_timeout(PATIENCE).is_err(), "each batch is reported once");
    assert!(matches!(rig.queue.submit(9_999, Batch::default()), Err(SubmitError::Closed(_))));
    rig.disk.broken.store(false, Ordering::Relaxed);
    let store = reopen(&rig.disk);
    store.commit(&[batch(0, 0)]).unwrap();
    assert_eq!(store.record([0; 32]).unwrap().unwrap().position, 0);
}

#[test]
fn reads_go_on_while_the_writer_writes() {
    let mut rig = Rig::new();
    let thread = rig.start();
    let mut seen = 0;
    for seq in 0..200 {
        rig.queue.submit(seq, batch(seq, seq as u8)).unwrap();
        let now = rig.store.load_stream(STREAM).unwrap().len();
        assert!(now >= seen, "a commit that was seen is not unseen");
        seen = now;
    }
    let mut last = None;
    while last != Some(199) {
        let (committed, first, end) = rig.next();
        assert!(committed);
        assert_eq!(first, last.map_or(0, |last| last + 1), "reports come in order, without a gap");
        last = Some(end);
    }
    assert_eq!(rig.store.load_stream(STREAM).unwrap().len(), 200);
    drop(rig.queue);
    thread.join().unwrap().unwrap();
}
