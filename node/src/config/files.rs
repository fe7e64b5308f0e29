//! Files that only their owner may read. Reading refuses links, other owners and wide modes before a byte is
//! used; writing goes to a temporary file beside the target, which then takes the target's name, so a reader
//! sees the old content or the new, and a crash leaves no half of either.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::ConfigError;

/// For secrets: the owner alone.
pub(super) const SECRET_MODE: u32 = 0o600;
/// For directories that hold secrets or sockets.
pub(super) const PRIVATE_DIR_MODE: u32 = 0o700;

/// Makes a directory and its parents, 0700 where they are new. What exists keeps its mode.
pub(super) fn create_dir(path: &Path) -> Result<(), ConfigError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIR_MODE)
        .create(path)
        .map_err(ConfigError::io("make", path))
}

/// Makes a directory that only we can look into. An existing one must be ours and is narrowed to 0700.
pub(super) fn create_private_dir(path: &Path) -> Result<(), ConfigError> {
    create_dir(path)?;
    let found = fs::symlink_metadata(path).map_err(ConfigError::io("look at", path))?;
    if !found.is_dir() {
        return Err(ConfigError::Io {
            action: "use",
            path: path.to_owned(),
            source: io::Error::from(io::ErrorKind::NotADirectory),
        });
    }
    if found.uid() != our_uid() {
        return Err(ConfigError::NotOurs(path.to_owned()));
    }
    if found.mode() & 0o777 == PRIVATE_DIR_MODE {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIR_MODE))
        .map_err(ConfigError::io("protect", path))
}

/// Gives a file or directory the mode, if it is there and ours. A symbolic link is not followed: it and what it
/// leads to stay as they are, like everything of another user.
pub(crate) fn make_private(path: &Path, mode: u32) -> Result<(), ConfigError> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) => return Ok(()),
        Err(error) => return Err(ConfigError::io("protect", path)(error)),
    };
    let found = file.metadata().map_err(ConfigError::io("look at", path))?;
    if found.uid() != our_uid() || found.mode() & 0o777 == mode {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(mode)).map_err(ConfigError::io("protect", path))
}

/// Reads at most `max` bytes of a file that must be a plain one, ours, and closed to everybody else.
pub(super) fn read_secret(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
        .map_err(|error| refused_open(path, error))?;
    let found = file.metadata().map_err(ConfigError::io("look at", path))?;
    if !found.is_file() {
        return Err(ConfigError::NotAFile(path.to_owned()));
    }
    if found.uid() != our_uid() {
        return Err(ConfigError::NotOurs(path.to_owned()));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ConfigError::Readable { path: path.to_owned(), mode });
    }
    read_up_to(file, path, max)
}

/// Why a file could not be opened, said so that it can be put right.
pub(super) fn refused_open(path: &Path, error: io::Error) -> ConfigError {
    let link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    match error.kind() {
        _ if link => ConfigError::NotAFile(path.to_owned()),
        io::ErrorKind::NotFound => ConfigError::Missing(path.to_owned()),
        _ => ConfigError::io("read", path)(error),
    }
}

/// Reads at most `max` bytes of any file. `None` when there is none.
pub(super) fn read_if_there(path: &Path, max: usize) -> Result<Option<Zeroizing<Vec<u8>>>, ConfigError> {
    match File::open(path) {
        Ok(file) => read_up_to(file, path, max).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::io("read", path)(error)),
    }
}

fn read_up_to(file: File, path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    // Room for all of it from the start: a vector that grows would leave copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(max + 1));
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(ConfigError::io("read", path))?;
    if bytes.len() > max {
        return Err(ConfigError::TooLarge { path: path.to_owned(), max });
    }
    Ok(bytes)
}

/// Writes a new secret file, whole or not at all, durable on return. An existing file is an error, never
/// replaced.
pub(super) fn create_secret(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let beside = unique_beside(path);
    let written = write_new(&beside, bytes)
        // Unlike a rename, a link never takes the place of what is there.
        .and_then(|()| fs::hard_link(&beside, path))
        .map_err(|error| match error.kind() {
            // The name beside is ours alone: what exists is the target.
            io::ErrorKind::AlreadyExists => ConfigError::Exists(path.to_owned()),
            _ => ConfigError::io("write", path)(error),
        });
    // Also after a failure: half a secret is nothing to leave about.
    let removed = fs::remove_file(&beside);
    written?;
    removed.map_err(ConfigError::io("remove", &beside))?;
    sync_dir(path)
}

/// A name in the same directory that no other call uses, here or in another process that runs.
fn unique_beside(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{call}.new", std::process::id()));
    path.with_file_name(name)
}

/// Replaces a file in one step, mode 0600, durable on return.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside: PathBuf = path.with_file_name(name);
    // Left behind by a crash; only one process writes here, the one that holds the store.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(ConfigError::io("remove", &beside)(error));
    }
    write_new(&beside, bytes).map_err(ConfigError::io("write", &beside))?;
    fs::rename(&beside, path).map_err(ConfigError::io("write", path))?;
    sync_dir(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(SECRET_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_dir(path: &Path) -> Result<(), ConfigError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(ConfigError::io("write", parent))
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Makes and reads of a file at the same time: enough that a reader meets a half-written one, if there is any.
    const ROUNDS: usize = 300;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_secret_is_there_as_a_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let secret = [b'7'; 65];
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut halves = 0;
                while !done.load(Ordering::Relaxed) {
                    halves += usize::from(fs::read(&path).is_ok_and(|bytes| bytes != secret));
                }
                halves
            });
            for _ in 0..ROUNDS {
                create_secret(&path, &secret).unwrap();
                fs::remove_file(&path).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            assert_eq!(reader.join().unwrap(), 0);
        });
    }

    #[test]
    fn a_new_secret_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        create_secret(&path, b"1").unwrap();
        assert!(matches!(create_secret(&path, b"2"), Err(ConfigError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"1");
        assert_eq!(mode(&path), SECRET_MODE);
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.nlink(), fs::read_dir(dir.path()).unwrap().count()), (1, 1));
    }

    #[test]
    fn what_is_not_ours_to_close_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        make_private(&file, SECRET_MODE).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        symlink(&file, &link).unwrap();
        make_private(&link, SECRET_MODE).unwrap();
        assert_eq!(mode(&file), 0o644);
        make_private(&file, SECRET_MODE).unwrap();
        assert_eq!(mode(&file), SECRET_MODE);
    }
}
