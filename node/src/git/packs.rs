//! The packs of the export: listing them, merging the small ones, clearing unfinished ones away.
//!
//! Each commit writes one pack, and libgit2 never collects them, so small packs are merged in process as
//! git's geometric repacking does: each object is rewritten O(log n) times in its life, and the number of
//! packs stays near the bound. A merged pack is on the disk before the ones that it replaces go, and a reader
//! who loses one looks for the object anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::{ObjectType, Odb, Oid, Repository};

use super::home::io_at;
use super::{GitError, damaged};

/// At this many packs the small ones are merged: few, because each holds a long thread whole that is a few bytes once
/// it lies beside its neighbours; enough that most commits write their own objects only.
pub(super) const PACKS_MAX: usize = 12;
/// A pack stays as it is while it holds at least this many times the objects of all smaller packs together.
const GROWTH: u64 = 2;

/// Covers a thread's first header, a meta's id, and the session's key in a record.
const FAMILY_BYTES: usize = 96;
/// The builder makes 32 bits of a name.
const FAMILY_DIGITS: usize = 16;

/// All that git may keep of one pack. The index goes first: a pack without one is not seen by anybody, an
/// index without its pack is an error.
const EXTENSIONS: [&str; 5] = ["idx", "rev", "bitmap", "mtimes", "pack"];
/// Longer than any `git repack` takes from naming a pack to naming its index.
const HALF_AGE: Duration = Duration::from_secs(3_600);
const MULTI_INDEX: &str = "multi-pack-index";
const INDEX_HEADER: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FANOUT_BYTES: usize = 256 * 4;
const ID_BYTES: usize = 20;

/// One pack and the ids in it.
struct Pack {
    stem: PathBuf,
    ids: Vec<Oid>,
}

/// Where the packs of a repository are.
pub(super) fn directory(repository: &Repository) -> PathBuf {
    repository.path().join("objects").join("pack")
}

/// Makes room for one more pack: merges the small ones when there are `PACKS_MAX`.
pub(super) fn merge_small(repository: &Repository) -> Result<(), GitError> {
    let directory = directory(repository);
    let mut stems = finished(&directory)?;
    stems.retain(|stem| !stem.with_extension("keep").exists());
    if stems.len() < PACKS_MAX {
        return Ok(());
    }
    let mut packs = stems.into_iter().map(Pack::read).collect::<Result<Vec<_>, _>>()?;
    packs.sort_by(|a, b| (a.ids.len(), &a.stem).cmp(&(b.ids.len(), &b.stem)));
    packs.truncate(small(&packs));
    merge(repository, &directory, &packs)
}

/// How many of the packs, sorted by size, break the geometric order and are to become one.
fn small(packs: &[Pack]) -> usize {
    let mut below: u64 = 0;
    let mut merged = 0;
    for (position, pack) in packs.iter().enumerate() {
        let count = pack.ids.len() as u64;
        if count < below.saturating_mul(GROWTH) {
            merged = position + 1;
        }
        below = below.saturating_add(count);
    }
    merged
}

fn merge(repository: &Repository, directory: &Path, packs: &[Pack]) -> Result<(), GitError> {
    if packs.len() < 2 {
        return Ok(());
    }
    let ids: BTreeSet<Oid> = packs.iter().flat_map(|pack| pack.ids.iter().copied()).collect();
    let mut builder = repository.packbuilder()?;
    let odb = repository.odb()?;
    for id in &ids {
        builder.insert_object(*id, Some(&family(&odb, *id)?))?;
    }
    builder.write(directory, 0)?;
    let name = builder.name()?.unwrap_or_default();
    let merged = Pack::read(directory.join(format!("pack-{name}")))?;
    if !merged.ids.iter().eq(&ids) {
        return Err(GitError::Damaged("a merged pack lacks objects of its parts".to_owned()));
    }
    // Git's own index over several packs would name the ones that go.
    remove_if_there(&directory.join(MULTI_INDEX))?;
    for pack in packs.iter().filter(|pack| pack.stem != merged.stem) {
        for extension in EXTENSIONS {
            remove_if_there(&pack.stem.with_extension(extension))?;
        }
    }
    Ok(())
}

/// A name that versions of one file, and of one directory, have in common. The pack builder compares neighbours in the
/// order of (kind, name, size) and looks for deltas there; without a name it sees lengths alone, and puts a thread
/// beside other files of its size. Paths are not in a pack, but threads, metas and segments only change behind their
/// first bytes, and a directory behind its first name.
fn family(odb: &Odb<'_>, id: Oid) -> Result<String, GitError> {
    let object = odb.read(id).map_err(damaged)?;
    let start = object.data().get(..FAMILY_BYTES).unwrap_or(object.data());
    let start = match object.kind() {
        ObjectType::Tree => start.split(|byte| *byte == 0).next().unwrap_or_default(),
        _ => start,
    };
    Ok(blake3::hash(start).to_hex()[..FAMILY_DIGITS].to_owned())
}

/// The packs that have all their parts, by path without extension.
fn finished(directory: &Path) -> Result<BTreeSet<PathBuf>, GitError> {
    let mut parts: BTreeMap<PathBuf, u8> = BTreeMap::new();
    for path in files(directory)? {
        if is_part(&path) {
            *parts.entry(path.with_extension("")).or_default() += 1;
        }
    }
    Ok(parts.into_iter().filter(|(_, parts)| *parts == 2).map(|(stem, _)| stem).collect())
}

/// Removes what a killed writer left: temporary files, locks, an index without its pack, a pack without its index.
/// Such a pack may be one that somebody's `git repack` is giving its name at this moment, and the only copy a moment
/// later, when the packs that it replaces go: so a young one stays.
pub(super) fn remove_unfinished(directory: &Path) -> Result<(), GitError> {
    let finished = finished(directory)?;
    let all = files(directory)?;
    if all.is_empty() {
        return Ok(());
    }
    let now = clock_of(directory)?;
    for path in all {
        let name = name_of(&path);
        let temporary = ["pack_git2_", "tmp_"].iter().any(|prefix| name.starts_with(prefix));
        let half = name.starts_with("pack-") && !finished.contains(&path.with_extension(""));
        let half = half && (name.ends_with(".idx") || is_old(&path, now)?);
        if temporary || half || name.ends_with(".lock") {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

/// The time by the file system's own clock, which is the one that its files are dated with.
fn clock_of(directory: &Path) -> Result<SystemTime, GitError> {
    let path = directory.join("tmp_clock");
    let now = fs::write(&path, []).and_then(|()| fs::metadata(&path)?.modified()).map_err(io_at(&path))?;
    remove_if_there(&path)?;
    Ok(now)
}

/// Whether a file was written so long ago that nobody is still at it; one that is gone is not.
fn is_old(path: &Path, now: SystemTime) -> Result<bool, GitError> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(written) => Ok(now.duration_since(written).is_ok_and(|age| age >= HALF_AGE)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(GitError::Io { path: path.to_owned(), source }),
    }
}

fn is_part(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with("pack-") && (name.ends_with(".pack") || name.ends_with(".idx"))
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The files of a directory; none when it does not exist.
fn files(directory: &Path) -> Result<Vec<PathBuf>, GitError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(GitError::Io { path: directory.to_owned(), source });
        }
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths.map_err(io_at(directory))?.into_iter().filter(|path| path.is_file()).collect())
}

/// Removes a file; its absence is what was wanted.
pub(super) fn remove_if_there(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(GitError::Io { path: path.to_owned(), source }),
    }
}

impl Pack {
    /// Reads the ids from the index, format 2 (gitformat-pack(5)): a header, a table whose last number is the
    /// count, ids.
    fn read(stem: PathBuf) -> Result<Self, GitError> {
        let path = stem.with_extension("idx");
        let damaged = || GitError::Damaged(format!("{} is not a pack index", path.display()));
        let mut start = [0; INDEX_HEADER.len() + FANOUT_BYTES];
        let mut file = fs::File::open(&path).map_err(io_at(&path))?;
        file.read_exact(&mut start).map_err(|_| damaged())?;
        let (true, Some(count)) = (start.starts_with(&INDEX_HEADER), start.last_chunk::<4>()) else {
            return Err(damaged());
        };
        let bytes = u64::from(u32::from_be_bytes(*count)).saturating_mul(ID_BYTES as u64);
        let mut table = Vec::new();
        file.take(bytes).read_to_end(&mut table).map_err(io_at(&path))?;
        if table.len() as u64 != bytes {
            return Err(damaged());
        }
        let ids = table.chunks_exact(ID_BYTES).map(Oid::from_bytes).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { stem, ids })
    }
}
