//! Reading a clone of an export: somebody's repository, bare or with a work tree, which may be damaged or made to harm.
//!
//! It names the branches that may be exports and reads trees and blobs of their newest commits, each bounded and with its
//! hash checked by libgit2. It writes nothing, knows no paths of the layout and judges no content.

use std::path::Path;

use git2::{BranchType, ErrorCode, ObjectType, Oid, Repository};

use super::{GitError, damaged};

/// Branches that are read. A repository that many nodes push to has one each.
const BRANCHES_MAX: usize = 256;
/// Below this name every node may have a branch of its own.
const OWN_BRANCHES: &str = "starling/";
const MAIN: &str = "main";
/// Bytes of a directory: half a million names of sessions.
const TREE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A repository that is read.
pub struct Backup {
    repository: Repository,
    branches: Vec<Branch>,
}

/// A branch with its newest tree. Branches with one tree are named once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// As git names it; `HEAD` comes first.
    pub name: String,
    /// The tree's id, hexadecimal.
    pub tree: String,
}

/// One name of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The object's id, hexadecimal: equal ids, equal contents.
    pub id: String,
    /// Whether it is a directory.
    pub is_directory: bool,
}

impl Backup {
    /// Opens the repository at `path` and looks at HEAD, `main` and `starling/*`, its own and those of its remotes. A
    /// branch whose commit or tree cannot be read is told in the second value, by name and reason.
    ///
    /// # Errors
    /// `Git` when there is no repository.
    pub fn open(path: &Path) -> Result<(Self, Vec<(String, String)>), GitError> {
        let repository = Repository::open(path)?;
        let (mut branches, mut unreadable) = (Vec::<Branch>::new(), Vec::new());
        for (name, reference) in candidates(&repository)?.into_iter().take(BRANCHES_MAX) {
            match newest_tree(&repository, &reference) {
                Ok(Some(tree)) if branches.iter().all(|branch| branch.tree != tree) => {
                    branches.push(Branch { name, tree });
                }
                Ok(_) => {}
                Err(error) => unreadable.push((name, error.to_string())),
            }
        }
        Ok((Self { repository, branches }, unreadable))
    }

    /// The branches that can be read.
    #[must_use]
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The names in a directory of a tree, in git's order; none when there is no such directory.
    ///
    /// # Errors
    /// `Damaged` when an object on the way cannot be read.
    pub fn list(&self, tree: &str, directory: &str) -> Result<Vec<Entry>, GitError> {
        let mut tree = self.tree(oid(tree)?)?;
        for name in directory.split('/') {
            let Some(id) = tree.get_name(name).filter(|e| e.kind() == Some(ObjectType::Tree)).map(|e| e.id())
            else {
                return Ok(Vec::new());
            };
            tree = self.tree(id)?;
        }
        Ok(entries_of(&tree))
    }

    /// The names in a tree itself.
    ///
    /// # Errors
    /// `Damaged` when it cannot be read.
    pub fn list_tree(&self, tree: &str) -> Result<Vec<Entry>, GitError> {
        Ok(entries_of(&self.tree(oid(tree)?)?))
    }

    /// The contents of files, in their order, `bytes_max` bytes in all: a small repository can name one large file very
    /// often. What goes beyond is an error of its file.
    pub fn read_all<'a>(
        &self,
        ids: impl Iterator<Item = &'a str>,
        bytes_max: usize,
    ) -> Vec<Result<Vec<u8>, GitError>> {
        let mut room = bytes_max;
        let read = |id| {
            let bytes = self.read(id, room)?;
            room = room.saturating_sub(bytes.len());
            Ok(bytes)
        };
        ids.map(read).collect()
    }

    /// A file's content.
    ///
    /// # Errors
    /// `Damaged` when it cannot be read, is longer than `bytes_max`, or its hash is another one.
    pub fn read(&self, id: &str, bytes_max: usize) -> Result<Vec<u8>, GitError> {
        let id = oid(id)?;
        let odb = self.repository.odb()?;
        let (bytes, _) = odb.read_header(id).map_err(damaged)?;
        if bytes > bytes_max {
            return Err(GitError::Damaged(format!("a file of {bytes} bytes, where {bytes_max} are left")));
        }
        let object = odb.read(id).map_err(damaged)?;
        if Oid::hash_object(ObjectType::Blob, object.data())? != id {
            return Err(GitError::Damaged(format!("the object {id} is not what its name says")));
        }
        Ok(object.data().to_vec())
    }

    fn tree(&self, id: Oid) -> Result<git2::Tree<'_>, GitError> {
        let (bytes, _) = self.repository.odb()?.read_header(id).map_err(damaged)?;
        if bytes > TREE_BYTES_MAX {
            return Err(GitError::Damaged(format!("a directory of {bytes} bytes")));
        }
        self.repository.find_tree(id).map_err(damaged)
    }
}

/// A name that is not UTF-8 is none of ours, and hides no other.
fn entries_of(tree: &git2::Tree<'_>) -> Vec<Entry> {
    let entry = |entry: git2::TreeEntry<'_>| Entry {
        name: String::from_utf8_lossy(entry.name_bytes()).into_owned(),
        id: entry.id().to_string(),
        is_directory: entry.kind() == Some(ObjectType::Tree),
    };
    tree.iter().map(entry).collect()
}

/// Names of branches and of the references behind them: HEAD, then in order of names.
fn candidates(repository: &Repository) -> Result<Vec<(String, String)>, GitError> {
    let mut found = Vec::new();
    for branch in repository.branches(None)? {
        let (branch, kind) = branch?;
        let Ok(Some(name)) = branch.name() else { continue };
        // A remote's branch is called `origin/main`.
        let bare = match kind {
            BranchType::Local => name,
            BranchType::Remote => name.split_once('/').map_or(name, |(_, bare)| bare),
        };
        let is_export = bare == MAIN || bare.starts_with(OWN_BRANCHES);
        if let Some(reference) = branch.get().name().ok().filter(|_| is_export) {
            found.push((name.to_owned(), reference.to_owned()));
        }
    }
    found.sort();
    found.insert(0, ("HEAD".to_owned(), "HEAD".to_owned()));
    Ok(found)
}

/// The tree of a reference; `None` when it leads nowhere yet.
fn newest_tree(repository: &Repository, reference: &str) -> Result<Option<String>, GitError> {
    let reference = match repository.find_reference(reference).and_then(|found| found.resolve()) {
        Ok(reference) => reference,
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => {
            return Ok(None);
        }
        Err(error) => return Err(damaged(error)),
    };
    let tree = reference.peel_to_commit().map_err(damaged)?.tree().map_err(damaged)?;
    Ok(Some(tree.id().to_string()))
}

fn oid(id: &str) -> Result<Oid, GitError> {
    Ok(Oid::from_str(id)?)
}
