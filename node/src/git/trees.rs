//! Blobs, trees and the commit of one plan, built in memory and written as one pack.
//!
//! Only the directories that the plan touches are read and rewritten. New objects go to a memory backend of a
//! repository handle that lives as long as the attempt, then into one pack: no loose object is ever made.
//! What is packed is our own list of ids that the disk lacks, because the memory backend's own dump packs
//! everything that the commit leads to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid, Repository, Signature, Tree};

use super::edits::{Directory, Edit};
use super::{GitError, damaged};

/// Above the backends of the disk (1 and 2), so that every write ends here.
const MEMORY_PRIORITY: i32 = 1000;
const MODE_FILE: i32 = 0o100_644;
const MODE_DIRECTORY: i32 = 0o040_000;

/// A repository handle whose new objects stay in memory until `pack`.
pub(super) struct Scratch<'disk> {
    repository: Repository,
    disk: Odb<'disk>,
    /// Written by this attempt and absent from the disk.
    new: RefCell<BTreeSet<Oid>>,
}

impl<'disk> Scratch<'disk> {
    /// `disk` is asked what exists already; `repository`, another handle of the same one, is written through.
    pub(super) fn new(disk: &'disk Repository, repository: Repository) -> Result<Self, GitError> {
        repository.odb()?.add_new_mempack_backend(MEMORY_PRIORITY)?;
        Ok(Self { repository, disk: disk.odb()?, new: RefCell::default() })
    }

    /// The root tree after the edits; an export without files has the empty tree.
    pub(super) fn root(&self, base: Option<Oid>, edits: &Directory<'_>) -> Result<Oid, GitError> {
        match self.directory(base, edits)? {
            Some(tree) => Ok(tree),
            None => self.note(self.repository.treebuilder(None)?.write()?),
        }
    }

    /// A commit of `tree`, not yet named by the branch.
    pub(super) fn commit(
        &self,
        tree: Oid,
        parent: Option<Oid>,
        signature: &Signature<'_>,
        message: &str,
    ) -> Result<Oid, GitError> {
        let tree = self.repository.find_tree(tree)?;
        let parent = parent.map(|id| self.repository.find_commit(id)).transpose().map_err(damaged)?;
        let parents: Vec<_> = parent.iter().collect();
        self.note(self.repository.commit(None, signature, signature, message, &tree, &parents)?)
    }

    /// Writes all that is new as one pack into `directory`, on the disk when this returns.
    pub(super) fn pack(&self, directory: &Path) -> Result<(), GitError> {
        let mut builder = self.repository.packbuilder()?;
        for id in self.new.borrow().iter() {
            builder.insert_object(*id, None)?;
        }
        Ok(builder.write(directory, 0)?)
    }

    /// The tree of one directory after the edits, `None` when nothing is left in it: git has no empty
    /// directories. The depth of the recursion is that of the plan's paths, which is bounded.
    fn directory(&self, base: Option<Oid>, directory: &Directory<'_>) -> Result<Option<Oid>, GitError> {
        let base = base.filter(|_| !directory.emptied);
        let base = base.map(|id| self.repository.find_tree(id)).transpose().map_err(damaged)?;
        let mut builder = self.repository.treebuilder(base.as_ref())?;
        for (name, edit) in &directory.edits {
            let entry = match edit {
                Edit::Remove => None,
                Edit::Write(content) => Some((self.note(self.repository.blob(content)?)?, MODE_FILE)),
                Edit::Within(inner) => {
                    self.directory(subtree(base.as_ref(), name), inner)?.map(|id| (id, MODE_DIRECTORY))
                }
            };
            match entry {
                Some((id, mode)) => drop(builder.insert(*name, id, mode)?),
                None if builder.get(*name)?.is_some() => builder.remove(*name)?,
                None => {}
            }
        }
        if builder.is_empty() { Ok(None) } else { self.note(builder.write()?).map(Some) }
    }

    /// Remembers what must be packed.
    fn note(&self, id: Oid) -> Result<Oid, GitError> {
        if !self.disk.exists_ext(id, OdbLookupFlags::NO_REFRESH) {
            self.new.borrow_mut().insert(id);
        }
        Ok(id)
    }
}

fn subtree(base: Option<&Tree<'_>>, name: &str) -> Option<Oid> {
    let entry = base?.get_name(name)?;
    (entry.kind() == Some(ObjectType::Tree)).then(|| entry.id())
}
