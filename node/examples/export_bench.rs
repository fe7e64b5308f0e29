//! What the git export costs on this machine, and how large it gets.
//!
//! Three parts: 1,000 messages in one session, one commit a message and gathered, with and without a file of
//! signed records that is rewritten each time; changes of single sessions among many, with the flat layout of
//! the export and with a fanned-out one that exists only here; and, as the rival, the git program's own
//! `git add && git commit` a message. `cargo run --release -p starling-node --example export_bench
//! [folder [messages [sessions]]]`; each repository is checked with `git fsck` at the end and removed.
//! The rival works in processes of its own: of it, only the time on the clock says something. Figures for people: nothing is compared with a bound here.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use starling_node::git::{Export, Plan};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TIME_MS: u64 = 1_783_728_000_000;
/// Records of one segment, as the layout has it.
const SEGMENT_RECORDS: usize = 256;
/// About the size of a signed message record less its text, which is in the thread too.
const RECORD_BYTES: usize = 300;
/// Lines of each of the many sessions.
const LINES: usize = 10;
/// Commits measured among many sessions.
const SINGLE_CHANGES: usize = 100;
/// Messages that arrive while the machine gathers for 100 ms, at 1,000 a second.
const GATHERED: usize = 100;
const SYNCS: u64 = 500;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let messages: usize = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let sessions: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let folder = root.join(format!("export-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, messages, sessions);
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(folder: &Path, messages: usize, sessions: usize) -> Outcome<()> {
    println!("fdatasync of one 4 KiB page: {:.2} ms", ms(raw_syncs(&folder.join("raw"))?, SYNCS as usize));
    if messages > 0 {
        println!("\n{messages} messages of 200 bytes in one session:");
        for (records, each) in [(false, 1), (true, 1), (false, GATHERED), (true, GATHERED)] {
            one_session(&folder.join(format!("one-{records}-{each}")), messages, each, records)?;
        }
        rival(&folder.join("rival"), messages)?;
    }
    if sessions > 0 {
        println!("\n{sessions} sessions of {LINES} lines, then {SINGLE_CHANGES} changes of single sessions:");
        for layout in [Layout::Flat, Layout::Mixed, Layout::Fanned] {
            many_sessions(&folder.join(format!("many-{layout:?}")), sessions, layout)?;
        }
    }
    Ok(())
}

/// Where a session's directory is.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// `quick-sessions/<id>/` and `.starling/records/<key>/`.
    Flat,
    /// Sessions flat, `.starling/records/<xx>/<key>/`.
    Mixed,
    /// `quick-sessions/<xx>/<id>/`, and records likewise.
    Fanned,
}

impl Layout {
    fn directory(self, session: usize) -> String {
        match self {
            Self::Flat | Self::Mixed => format!("quick-sessions/{}", id(session)),
            Self::Fanned => format!("quick-sessions/{:02x}/{}", session % 256, id(session)),
        }
    }

    fn records(self, session: usize) -> String {
        let key = key(session);
        match self {
            Self::Flat => format!(".starling/records/{key}"),
            Self::Mixed | Self::Fanned => format!(".starling/records/{}/{key}", &key[..2]),
        }
    }
}

fn one_session(path: &Path, messages: usize, each: usize, records: bool) -> Outcome<()> {
    let mut export = Export::open(path)?;
    let mut thread = Vec::new();
    let mut took = Took::default();
    for line in 1..=messages {
        thread.extend(message(0, line).into_bytes());
        if line % each != 0 && line != messages {
            continue;
        }
        let plan = session_plan(Layout::Flat, 0, &thread, line, records);
        took.measure(|| export.apply(&plan))?;
    }
    let kind = if records { "with records" } else { "text alone" };
    println!(
        "  {:12} {each:>3} a commit: {}",
        kind,
        figures(path, &took, messages, messages.div_ceil(each))?
    );
    Ok(())
}

fn many_sessions(path: &Path, sessions: usize, layout: Layout) -> Outcome<()> {
    let mut export = Export::open(path)?;
    let mut threads: Vec<_> = (0..sessions).map(ten_lines).collect();
    let mut first = plan(BTreeMap::new());
    for (session, thread) in threads.iter().enumerate() {
        first.writes.extend(session_plan(layout, session, thread, LINES, true).writes);
    }
    let mut filled = Took::default();
    filled.measure(|| export.apply(&first))?;
    let before = Size::of(path)?.bytes;
    let mut took = Took::default();
    for change in 0..SINGLE_CHANGES {
        let session = change * 7_919 % sessions;
        let thread = &mut threads[session];
        thread.extend(message(session, LINES + change).into_bytes());
        let plan = session_plan(layout, session, thread, LINES + 1, true);
        took.measure(|| export.apply(&plan))?;
    }
    println!("  {layout:6?} filled in {:.1} s, {:.1} MiB", filled.wall.as_secs_f64(), mib(before));
    println!("         {}", figures(path, &took, SINGLE_CHANGES, SINGLE_CHANGES)?);
    let more = Size::of(path)?.bytes.saturating_sub(before);
    println!("         {:.1} KiB more a change", more as f64 / 1024.0 / SINGLE_CHANGES as f64);
    Ok(())
}

/// A work tree and an index, two processes a message, loose objects: what most programs that log to git do.
fn rival(path: &Path, messages: usize) -> Outcome<()> {
    fs::create_dir_all(path.join("quick-sessions").join(id(0)))?;
    git(path, &["init", "--quiet", "--initial-branch=main"])?;
    git(path, &["config", "gc.auto", "0"])?;
    git(path, &["config", "maintenance.auto", "false"])?;
    let mut thread = Vec::new();
    let mut took = Took::default();
    for line in 1..=messages {
        thread.extend(message(0, line).into_bytes());
        let plan = session_plan(Layout::Flat, 0, &thread, line, false);
        took.measure(|| {
            for (file, content) in &plan.writes {
                fs::write(path.join(file), content)?;
            }
            git(path, &["add", "--all"])?;
            git(path, &["commit", "--quiet", "--message", &plan.subject])
        })?;
    }
    println!("  git add, git commit      : {}", figures(&path.join(".git"), &took, messages, messages)?);
    Ok(())
}

fn session_plan(layout: Layout, session: usize, thread: &[u8], line: usize, records: bool) -> Plan {
    let directory = layout.directory(session);
    let mut writes = BTreeMap::new();
    writes.insert(format!("{directory}/discussion.thread"), thread.to_vec());
    writes.insert(format!("{directory}/session.meta.yaml"), meta(session, line).into_bytes());
    if records {
        let segment = line / SEGMENT_RECORDS;
        let first = segment * SEGMENT_RECORDS;
        let content = (first..=line).flat_map(|record| noise(session, record, RECORD_BYTES)).collect();
        writes.insert(format!("{}/{segment}", layout.records(session)), content);
    }
    Plan { subject: format!("session-msg: @alice -> {} L{line:06}", id(session)), ..plan(writes) }
}

fn plan(writes: BTreeMap<String, Vec<u8>>) -> Plan {
    let subject = "sync: many changes in many sessions".to_owned();
    Plan { writes, removes: BTreeSet::new(), subject, author: "alice".to_owned(), time_ms: TIME_MS }
}

fn ten_lines(session: usize) -> Vec<u8> {
    (1..=LINES).flat_map(|line| message(session, line).into_bytes()).collect()
}

/// A line of 200 bytes of text that compresses about as English does.
fn message(session: usize, line: usize) -> String {
    const WORDS: [&str; 16] = [
        "please",
        "check",
        "the",
        "build",
        "again",
        "before",
        "we",
        "release",
        "because",
        "sync",
        "lost",
        "a",
        "record",
        "yesterday",
        "on",
        "laptop",
    ];
    let mut body = String::new();
    for byte in noise(session, line, 64) {
        body.push_str(WORDS[usize::from(byte % 16)]);
        body.push(char::from(b'a' + byte / 16));
        body.push(' ');
    }
    body.truncate(200);
    format!("[L{line:06}][P000000][@alice][20260711T000000Z] {body}\n")
}

fn meta(session: usize, line: usize) -> String {
    format!(
        "id: {}\ntitle: 'Build {session}'\nagent_id: scribe\ncreated_by: alice\nstatus: active\n\
         created_at: 20260711T000000Z\nupdated_at: 20260711T{:06}Z\nlast_message_preview: '{}'\n\
         last_human_line: {line}\nrevision: {line}\n",
        id(session),
        line % 1_000_000,
        &message(session, line)[48..200]
    )
}

fn id(session: usize) -> String {
    format!("qs-01K{session:023}")
}

fn key(session: usize) -> String {
    blake3::hash(&session.to_le_bytes()).to_hex().to_string()
}

/// Bytes that do not compress, the same each time.
fn noise(session: usize, line: usize, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&session.to_le_bytes()).update(&line.to_le_bytes());
    hasher.finalize_xof().fill(&mut content);
    content
}

/// What a repository holds, before anybody collects its garbage.
struct Size {
    bytes: u64,
    files: usize,
    loose: usize,
    packs: usize,
}

impl Size {
    fn of(path: &Path) -> Outcome<Self> {
        let mut size = Self { bytes: 0, files: 0, loose: 0, packs: 0 };
        size.add(path)?;
        Ok(size)
    }

    fn add(&mut self, directory: &Path) -> Outcome<()> {
        let in_fanout = directory.file_name().is_some_and(|name| name.len() == 2);
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                self.add(&path)?;
                continue;
            }
            self.files += 1;
            self.bytes += path.metadata()?.len();
            self.loose += usize::from(in_fanout);
            self.packs += usize::from(path.extension().is_some_and(|extension| extension == "pack"));
        }
        Ok(())
    }
}

fn figures(path: &Path, took: &Took, changes: usize, commits: usize) -> Outcome<String> {
    let size = Size::of(path)?;
    git(path, &["fsck", "--full", "--strict", "--no-dangling"])?;
    Ok(format!(
        "{:>6.0} changes/s, {:>6.2} ms a commit ({:.2} ms at work), {:>5.2} MiB, {} files, {} packs, {} loose objects, fsck clean",
        changes as f64 / took.wall.as_secs_f64(),
        ms(took.wall, commits),
        ms(took.cpu, commits),
        mib(size.bytes),
        size.files,
        size.packs,
        size.loose
    ))
}

fn git(directory: &Path, arguments: &[&str]) -> Outcome<()> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args([
        "-c",
        "user.name=alice",
        "-c",
        "user.email=alice@example.invalid",
    ]);
    command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output()?;
    if output.status.success() && output.stderr.is_empty() {
        return Ok(());
    }
    Err(format!("git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Time for `SYNCS` times one page overwritten and synced.
fn raw_syncs(path: &Path) -> Outcome<Duration> {
    let mut file: File = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(1024 * 1024)?;
    file.sync_all()?;
    let start = now();
    for page in 0..SYNCS {
        file.seek(SeekFrom::Start(page % 256 * 4096))?;
        file.write_all(&[page as u8; 4096])?;
        file.sync_data()?;
    }
    Ok(start.elapsed())
}

#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// What this thread has worked so far: beside other programs the only time that says something.
fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Time on the clock and time at work, added up over the commits of a run.
#[derive(Debug, Default)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

impl Took {
    fn measure<T, E>(&mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let (start, worked) = (now(), cpu());
        let done = work();
        self.wall += start.elapsed();
        self.cpu += cpu().saturating_sub(worked);
        done
    }
}

fn ms(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1000.0 / count.max(1) as f64
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
