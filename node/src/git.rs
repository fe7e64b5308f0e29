//! The git export: performs an export plan in a bare repository of the node's own.
//!
//! A plan is data (files to write, paths to remove, one subject); this module turns it into blobs, trees and
//! at most one commit, packs the new objects and moves the branch by compare-and-swap. It decides nothing
//! about what is exported, has no index and no work tree, and reads no clock: author and time come with the
//! plan. Each operation opens the repository afresh, so nothing that another process did to it (packs merged,
//! refs packed) is ever seen stale.

mod backup;
mod changes;
mod edits;
mod home;
mod inspect;
mod packs;
mod trees;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use backup::{Backup, Branch, Entry};
pub use changes::Changes;
use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository, Signature, Time};
pub use inspect::{Inspection, blob_id, inspect};

/// The one branch of the export; HEAD always names it.
pub const BRANCH: &str = "refs/heads/main";
/// A subject is one line for people; longer ones are refused rather than cut.
pub const SUBJECT_BYTES_MAX: usize = 512;
/// The same bound as the handler of a thread's header.
pub const AUTHOR_BYTES_MAX: usize = 39;
/// Somebody else would have to move the branch this often during one export: then it is not a race but a
/// fight.
pub const RACES_MAX: usize = 16;
/// 9999-12-31T23:59:59.999Z, the last moment that a record may carry; later ones are written as this one.
pub const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// Why the export could not be opened, read or advanced, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// A path of the plan is not one that the export may write. Nothing was written.
    #[error("the path {path:?} may not be exported: {why}")]
    BadPath {
        /// The path as the plan has it.
        path: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The subject or the author of the plan cannot be written as it is. Nothing was written.
    #[error("the export plan cannot be committed: {0}")]
    BadPlan(&'static str),
    /// Another process has the export open.
    #[error("{path} is in use by another starling: stop it first")]
    InUse {
        /// The lock file that the other process holds.
        path: PathBuf,
    },
    /// Something else is where the export should be.
    #[error("{path} is not a starling export ({why}): move it away, and a new one is written")]
    NotAnExport {
        /// Where the export should be.
        path: PathBuf,
        /// What is wrong with what is there.
        why: String,
    },
    /// Another git process holds the lock of the branch.
    #[error("another git process has locked the export's branch: try again later")]
    Busy,
    /// The branch moved each time between reading and writing it.
    #[error(
        "the export's branch moved {RACES_MAX} times while one commit was made: nothing else may write to it"
    )]
    LostRaces,
    /// The repository exists but cannot be read as it should.
    #[error("the export is damaged ({0}): move it away, and a new one is written from the records")]
    Damaged(String),
    /// Anything else that git reports.
    #[error("git: {0}")]
    Git(#[from] git2::Error),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory concerned.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What one commit is to change. Removes come first: a path that is both removed and written ends up written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whole files by path, components separated by `/`. A written file replaces whatever has its name.
    pub writes: BTreeMap<String, Vec<u8>>,
    /// Whole files or directories; one that does not exist is no error.
    pub removes: BTreeSet<String>,
    /// The commit's one line.
    pub subject: String,
    /// A handle, or `starling` for a batch of several authors.
    pub author: String,
    /// Author and committer time in milliseconds since 1970, UTC; git keeps the seconds.
    pub time_ms: u64,
}

/// A commit of the export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exported {
    /// The commit's id, hexadecimal.
    pub commit: String,
    /// The tree's id, hexadecimal: a function of the exported content alone.
    pub tree: String,
}

/// The export repository, opened for this process alone.
#[derive(Debug)]
pub struct Export {
    path: PathBuf,
    /// Held until the process ends, however it ends: the system releases it, so none is ever stale.
    _writer: File,
}

/// The branch as one attempt found it.
struct Head {
    commit: Oid,
    tree: Oid,
}

impl Export {
    /// Opens the export at `path`, or creates it (with its parent directories).
    ///
    /// What a killed process left behind (ref locks, half a pack) is cleaned away: whoever holds the export's
    /// own lock is its only writer, so such leftovers belong to the dead.
    ///
    /// # Errors
    /// `InUse` when another process has it open, `NotAnExport` when something else is there, `Damaged` when
    /// the branch does not lead to a commit and its tree, `Io` and `Git` for the rest.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let writer = home::lock(path)?;
        home::prepare(path)?;
        let export = Self { path: path.to_owned(), _writer: writer };
        export.head()?;
        Ok(export)
    }

    /// The newest commit, or `None` before the first.
    ///
    /// # Errors
    /// `Damaged` when the branch does not lead to a commit and its tree.
    pub fn head(&self) -> Result<Option<Exported>, GitError> {
        Ok(head_of(&self.repository()?)?.map(|head| head.exported()))
    }

    /// The content of one file of the newest commit, or `None` when there is no such file.
    ///
    /// # Errors
    /// `BadPath` when the path could not have been exported, `Damaged` when the repository is.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        edits::check(path)?;
        let repository = self.repository()?;
        let Some(entry) = entry_at(&repository, path)? else {
            return Ok(None);
        };
        if entry.kind() != Some(ObjectType::Blob) {
            return Ok(None);
        }
        let blob = repository.find_blob(entry.id()).map_err(damaged)?;
        Ok(Some(blob.content().to_vec()))
    }

    /// The names in one directory of the newest commit (`""` is the root), those of directories with a `/` at
    /// the end, in git's order. Empty when there is no such directory.
    ///
    /// # Errors
    /// As [`Export::read`].
    pub fn list(&self, directory: &str) -> Result<Vec<String>, GitError> {
        let repository = self.repository()?;
        let tree = if directory.is_empty() {
            head_of(&repository)?.map(|head| head.tree)
        } else {
            edits::check(directory)?;
            entry_at(&repository, directory)?
                .filter(|entry| entry.kind() == Some(ObjectType::Tree))
                .map(|e| e.id())
        };
        let Some(tree) = tree else { return Ok(Vec::new()) };
        let tree = repository.find_tree(tree).map_err(damaged)?;
        tree.iter().map(|entry| name_of(&entry)).collect()
    }

    /// Commits the plan on top of the newest commit and returns the commit that now is the newest. When the
    /// plan changes nothing, no commit is made and the current one is returned. All objects are on the disk
    /// before the branch moves, so a reader, or a crash, sees the old commit or the new one and nothing
    /// between.
    ///
    /// # Errors
    /// `BadPath` and `BadPlan` before anything is written; `Busy` and `LostRaces` when others write to the
    /// repository; `Damaged`, `Io`, `Git`. After any error the branch is where it was.
    pub fn apply(&mut self, plan: &Plan) -> Result<Exported, GitError> {
        let edits = edits::parse(plan)?;
        let signature = signature(plan)?;
        let mut last = GitError::LostRaces;
        for _ in 0..RACES_MAX {
            match self.attempt(plan, &edits, &signature) {
                Ok(Some(exported)) => return Ok(exported),
                Ok(None) => last = GitError::LostRaces,
                Err(error) if error.is_absence() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// One commit on top of what the branch is now; `None` when the branch moved meanwhile.
    fn attempt(
        &self,
        plan: &Plan,
        edits: &edits::Directory<'_>,
        signature: &Signature<'_>,
    ) -> Result<Option<Exported>, GitError> {
        packs::merge_small(&self.repository()?)?;
        let disk = self.repository()?;
        let scratch = trees::Scratch::new(&disk, home::commit_repository(&self.path)?)?;
        let base = head_of(&disk)?;
        let tree = scratch.root(base.as_ref().map(|head| head.tree), edits)?;
        if let Some(base) = base.as_ref().filter(|base| base.tree == tree) {
            return Ok(Some(base.exported()));
        }
        let message = format!("{}\n", plan.subject);
        let commit = scratch.commit(tree, base.as_ref().map(|head| head.commit), signature, &message)?;
        scratch.pack(&packs::directory(&disk))?;
        if !advance(&disk, base.map(|head| head.commit), commit)? {
            return Ok(None);
        }
        Ok(Some(Head { commit, tree }.exported()))
    }

    fn repository(&self) -> Result<Repository, GitError> {
        Ok(home::repository(&self.path)?)
    }
}

impl GitError {
    /// Whether something was not where it should be. While a `git gc` exchanges packs a handle can miss what is there;
    /// a fresh one finds it.
    fn is_absence(&self) -> bool {
        match self {
            Self::Git(error) => {
                error.code() == ErrorCode::NotFound
                    || matches!(error.class(), ErrorClass::Odb | ErrorClass::Reference)
            }
            Self::Io { source, .. } => source.kind() == ErrorKind::NotFound,
            Self::Damaged(_) => true,
            _ => false,
        }
    }
}

impl Head {
    fn exported(&self) -> Exported {
        Exported { commit: self.commit.to_string(), tree: self.tree.to_string() }
    }
}

/// Moves the branch from `from` (`None`: it must not exist) to `to`; false when it was not at `from`.
fn advance(repository: &Repository, from: Option<Oid>, to: Oid) -> Result<bool, GitError> {
    let moved = match from {
        Some(from) => repository.reference_matching(BRANCH, to, true, from, "export"),
        None => repository.reference(BRANCH, to, false, "export"),
    };
    match moved {
        Ok(_) => Ok(true),
        Err(error) => match error.code() {
            ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound => Ok(false),
            ErrorCode::Locked => Err(GitError::Busy),
            _ => Err(error.into()),
        },
    }
}

fn head_of(repository: &Repository) -> Result<Option<Head>, GitError> {
    let reference = match repository.find_reference(BRANCH) {
        Ok(reference) => reference,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error)),
    };
    let commit = reference.peel_to_commit().map_err(damaged)?;
    let tree = commit.tree().map_err(damaged)?;
    Ok(Some(Head { commit: commit.id(), tree: tree.id() }))
}

fn entry_at<'a>(repository: &'a Repository, path: &str) -> Result<Option<git2::TreeEntry<'a>>, GitError> {
    let Some(head) = head_of(repository)? else {
        return Ok(None);
    };
    let root = repository.find_tree(head.tree).map_err(damaged)?;
    match root.get_path(Path::new(path)) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(damaged(error)),
    }
}

fn name_of(entry: &git2::TreeEntry<'_>) -> Result<String, GitError> {
    let name = entry.name().map_err(damaged)?;
    Ok(if entry.kind() == Some(ObjectType::Tree) { format!("{name}/") } else { name.to_owned() })
}

fn signature(plan: &Plan) -> Result<Signature<'static>, GitError> {
    let subject = &plan.subject;
    if subject.trim().is_empty() || subject.len() > SUBJECT_BYTES_MAX || subject.chars().any(char::is_control)
    {
        return Err(GitError::BadPlan(
            "the subject must be one line of 1 to 512 bytes without control characters",
        ));
    }
    let author = &plan.author;
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if author.is_empty() || author.len() > AUTHOR_BYTES_MAX || !author.bytes().all(plain) {
        return Err(GitError::BadPlan("the author must be a handle: 1 to 39 of a-z, 0-9 and -"));
    }
    let seconds = i64::try_from(plan.time_ms.min(TIME_MS_MAX) / 1000).unwrap_or(i64::MAX);
    Ok(Signature::new(author, &format!("{author}@starling.invalid"), &Time::new(seconds, 0))?)
}

/// Git's "not found" for something that a ref or a tree names is damage, not absence.
fn damaged(error: impl std::fmt::Display) -> GitError {
    GitError::Damaged(error.to_string())
}
