//! Creating, locking and checking the export repository.
//!
//! Rule for leftovers: the file `<export>.lock` beside the repository is locked by the kernel for as long as
//! its holder lives, so whoever holds it is the only writer, and every git lock or half-written pack found
//! then is a dead process's and is removed. The repository is configured to refuse pushes, so that no other
//! writer is invited.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use git2::{Config, ConfigLevel, Repository, RepositoryInitOptions};

use super::{BRANCH, GitError, packs};

/// Git's locks of what we write, relative to the repository.
const GIT_LOCKS: [&str; 6] = [
    "HEAD.lock",
    "config.lock",
    "starling.config.lock",
    "starling.commit.config.lock",
    "packed-refs.lock",
    "refs/heads/main.lock",
];

/// Settings for libgit2 alone, read on top of the repository's own `config`, in which git warns of the old
/// name.
const OWN_CONFIG: &str = "starling.config";
/// Packs and refs are on the disk before they count as written. A long thread is compared with its neighbour alone when
/// packs are merged: small files fit ten at a time into this memory.
const OWN_SETTINGS: [(&str, &str); 2] = [("core.fsyncObjectFiles", "true"), ("pack.windowMemory", "131072")];
/// Settings for the handle that a commit's own pack is written through, in a file beside the others.
const COMMIT_CONFIG: &str = "starling.commit.config";
/// One commit holds one version of each file: there is nothing that a long thread or directory could be a delta of, and
/// looking for it among the others costs more than all the rest. Short files of many sessions do resemble each other.
const COMMIT_SETTINGS: [(&str, &str); 1] = [("core.bigFileThreshold", "16384")];
/// Nobody pushes, and git never repacks behind us.
const SETTINGS: [(&str, &str); 2] = [("receive.hideRefs", "refs/"), ("gc.auto", "0")];

/// The repository at `path` with the settings that every handle must have.
pub(super) fn repository(path: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(path)?;
    repository.config()?.add_file(&path.join(OWN_CONFIG), ConfigLevel::App, true)?;
    Ok(repository)
}

/// The same, to write the pack of one commit through.
pub(super) fn commit_repository(path: &Path) -> Result<Repository, git2::Error> {
    let repository = repository(path)?;
    repository.config()?.add_file(&path.join(COMMIT_CONFIG), ConfigLevel::Worktree, true)?;
    Ok(repository)
}

/// Takes the export's writer lock, which ends with the process.
pub(super) fn lock(path: &Path) -> Result<File, GitError> {
    let lock_path = beside(path, "lock");
    if let Some(parent) = lock_path.parent() {
        fs::create_dir_all(parent).map_err(io_at(parent))?;
    }
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(io_at(&lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(GitError::InUse { path: lock_path }),
        Err(TryLockError::Error(source)) => Err(GitError::Io { path: lock_path, source }),
    }
}

/// Makes sure that a sound, bare repository on our branch is at `path`.
pub(super) fn prepare(path: &Path) -> Result<(), GitError> {
    if is_absent(path)? {
        create(path)?;
    }
    let repository = repository(path).map_err(|error| not_an_export(path, error.message()))?;
    remove_leftovers(path)?;
    configure(&repository)?;
    let head = repository.find_reference("HEAD").map_err(|error| not_an_export(path, error.message()))?;
    if head.symbolic_target().ok().flatten() != Some(BRANCH) {
        repository.set_head(BRANCH)?;
    }
    Ok(())
}

/// A repository that is killed while it is made never gets its name.
fn create(path: &Path) -> Result<(), GitError> {
    let unfinished = beside(path, "new");
    match fs::remove_dir_all(&unfinished) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(GitError::Io { path: unfinished, source });
        }
    }
    let mut options = RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).external_template(false).initial_head("main");
    options.description("Starling export: clone or fetch it; only starling writes to it.\n");
    configure(&Repository::init_opts(&unfinished, &options)?)?;
    for name in ["HEAD", "config", OWN_CONFIG, COMMIT_CONFIG] {
        let file = unfinished.join(name);
        File::open(&file).and_then(|file| file.sync_all()).map_err(io_at(&file))?;
    }
    if path.exists() {
        fs::remove_dir(path).map_err(io_at(path))?;
    }
    fs::rename(&unfinished, path).map_err(io_at(path))
}

/// Writes only what is not set yet.
fn configure(repository: &Repository) -> Result<(), GitError> {
    set(&mut repository.config()?.open_level(ConfigLevel::Local)?, &SETTINGS)?;
    set(&mut Config::open(&repository.path().join(OWN_CONFIG))?, &OWN_SETTINGS)?;
    set(&mut Config::open(&repository.path().join(COMMIT_CONFIG))?, &COMMIT_SETTINGS)
}

fn set(config: &mut Config, settings: &[(&str, &str)]) -> Result<(), GitError> {
    for (name, value) in settings {
        if config.get_string(name).ok().as_deref() != Some(value) {
            config.set_str(name, value)?;
        }
    }
    Ok(())
}

fn remove_leftovers(path: &Path) -> Result<(), GitError> {
    for name in GIT_LOCKS {
        packs::remove_if_there(&path.join(name))?;
    }
    packs::remove_unfinished(&path.join("objects").join("pack"))
}

/// An empty directory counts as absent, a file does not.
fn is_absent(path: &Path) -> Result<bool, GitError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(not_an_export(path, "it is a file"))
        }
        Err(source) => Err(GitError::Io { path: path.to_owned(), source }),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn not_an_export(path: &Path, why: &str) -> GitError {
    GitError::NotAnExport { path: path.to_owned(), why: why.to_owned() }
}

pub(super) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Io { path, source }
}
