//! What a durable commit costs on this machine, beside what the disk itself can do in the same run: one
//! record a commit, 100 records a commit, and the open after a crash, for each way in which redb can commit.
//! `cargo run -p starling-node --no-default-features --example store_bench [folder [records [cache MiB]]]`;
//! medians of 5 rounds. Figures for people: nothing is checked here.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use starling_node::store::{Batch, IndexRow, Options, RecordRow, Store};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 5;
const COMMITS: u64 = 100;
const BATCH_RECORDS: u64 = 100;
const WIRE_BYTES: usize = 350;
const STREAM_RECORDS: u64 = 20;
const MODES: [(&str, bool, bool); 3] =
    [("one phase", false, false), ("two phases", true, false), ("quick repair", true, true)];

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let stored: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let cache_mib = arguments.next().map_or(Ok(Options::default().cache_bytes >> 20), |text| text.parse())?;
    let folder = root.join(format!("store-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, stored, cache_mib);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path, stored: u64, cache_mib: usize) -> Outcome<()> {
    let mut benches = Vec::new();
    for (name, two_phase, quick_repair) in MODES {
        benches.push(Bench::fill(folder, name, two_phase, quick_repair, (stored, cache_mib))?);
    }
    let mut raw = Vec::new();
    for _ in 0..ROUNDS {
        raw.push(raw_syncs(&folder.join("raw"))?);
        for bench in &mut benches {
            bench.round()?;
        }
    }
    println!("fdatasync of one 4 KiB page: {:.0} a second", rate(&mut raw, COMMITS));
    println!("{stored} records stored, {cache_mib} MiB of cache, then:");
    for bench in &mut benches {
        bench.print();
    }
    Ok(())
}

/// Time for `COMMITS` times one page overwritten and synced.
fn raw_syncs(path: &Path) -> Outcome<Duration> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(1024 * 1024)?;
    file.sync_all()?;
    timed(|| {
        for page in 0..COMMITS {
            file.seek(SeekFrom::Start(page % 256 * 4096))?;
            file.write_all(&[page as u8; 4096])?;
            file.sync_data()?;
        }
        Ok(())
    })
}

/// One store, committed to in one way.
struct Bench {
    name: &'static str,
    path: PathBuf,
    options: Options,
    store: Store,
    next: u64,
    fill: Duration,
    single: Vec<Duration>,
    batched: Vec<Duration>,
    reopen: Vec<Duration>,
}

impl Bench {
    fn fill(
        folder: &Path,
        name: &'static str,
        two_phase: bool,
        quick_repair: bool,
        (stored, cache_mib): (u64, usize),
    ) -> Outcome<Self> {
        let path = folder.join(name);
        let options = Options { cache_bytes: cache_mib << 20, two_phase, quick_repair };
        let store = open(&path, options)?;
        let (single, batched, reopen) = (Vec::new(), Vec::new(), Vec::new());
        let fill = Duration::ZERO;
        let mut bench = Self { name, path, options, store, next: 0, fill, single, batched, reopen };
        bench.fill = timed(|| {
            for _ in 0..stored / 1000 {
                bench.commit(1000)?;
            }
            Ok(())
        })?;
        Ok(bench)
    }

    fn commit(&mut self, records: u64) -> Outcome<()> {
        let batch = batch(self.next, records);
        self.next += records;
        Ok(self.store.commit(&[batch])?)
    }

    fn round(&mut self) -> Outcome<()> {
        let single = timed(|| (0..COMMITS).try_for_each(|_| self.commit(1)))?;
        let batched = timed(|| (0..COMMITS).try_for_each(|_| self.commit(BATCH_RECORDS)))?;
        let crashed = self.path.with_extension("crashed");
        fs::copy(&self.path, &crashed)?;
        File::open(&crashed)?.sync_all()?;
        let mut reopened = None;
        self.reopen.push(timed(|| {
            reopened = Some(open(&crashed, self.options)?);
            Ok(())
        })?);
        drop(reopened);
        fs::remove_file(&crashed)?;
        self.single.push(single);
        self.batched.push(batched);
        Ok(())
    }

    fn print(&mut self) {
        self.reopen.sort();
        println!(
            "  {:12}  one record {:5.0} a second   100 records {:5.0} commits, {:6.0} records a second   \
             open after a crash {:4.0} ms   fill {:.1} s   {:.0} MB",
            self.name,
            rate(&mut self.single, COMMITS),
            rate(&mut self.batched, COMMITS),
            rate(&mut self.batched, COMMITS * BATCH_RECORDS),
            self.reopen[ROUNDS / 2].as_secs_f64() * 1e3,
            self.fill.as_secs_f64(),
            fs::metadata(&self.path).map_or(0.0, |file| file.len() as f64 / 1e6),
        );
    }
}

fn open(path: &Path, options: Options) -> Outcome<Store> {
    let file: File = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    Ok(Store::open_with(FileBackend::new(file)?, options)?)
}

/// Records `first..first + count`, over many streams at once as they come from a busy network, each with its
/// row of the index and its place in the export queue.
fn batch(first: u64, count: u64) -> Batch {
    let mut batch = Batch::default();
    for number in first..first + count {
        let lane = number % 1000;
        let turn = number / 1000;
        let stream = key(&[turn / STREAM_RECORDS, lane]);
        let (id, wire) = (key(&[number]), [key(&[number, 1]).as_slice(), &[7; WIRE_BYTES - 32]].concat());
        batch.records.push(RecordRow { stream, position: turn % STREAM_RECORDS, id, wire, outbox: false });
        batch.index.push(IndexRow { stream, row: vec![number as u8; 200] });
        batch.export_pending.push(stream);
    }
    batch
}

/// A key that looks random, as real ones do.
fn key(numbers: &[u64]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    numbers.iter().for_each(|number| {
        hasher.update(&number.to_le_bytes());
    });
    *hasher.finalize().as_bytes()
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is about wall time")]
fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn rate(times: &mut [Duration], events: u64) -> f64 {
    times.sort();
    events as f64 / times[times.len() / 2].as_secs_f64()
}
