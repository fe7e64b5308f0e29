//! Reading all of an export: every object that HEAD leads to, with its hash, and which files the newest commit has. It
//! changes nothing and takes no lock, and goes on after an object that cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use git2::{ObjectType, Odb, Oid, Repository};

use super::{GitError, head_of};

/// Objects that cannot be read and are listed: one damaged pack can make thousands.
const FAULTS_MAX: usize = 100;

/// What a repository holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whether the branch has a commit.
    pub has_commit: bool,
    /// Files of the newest commit, with the ids of their contents, as far as they can be listed.
    pub files: BTreeMap<String, String>,
    /// Objects that were read and are what their names say.
    pub objects: usize,
    /// Those that are not, and why.
    pub faults: Vec<(String, String)>,
}

/// Reads everything that the branch of the export at `path` leads to.
///
/// # Errors
/// `Git` when there is no repository, `Damaged` when the branch leads nowhere.
pub fn inspect(path: &Path) -> Result<Inspection, GitError> {
    let repository = Repository::open_bare(path)?;
    let odb = repository.odb()?;
    let mut found = Inspection::default();
    let Some(head) = head_of(&repository)? else {
        return Ok(found);
    };
    found.has_commit = true;
    let (mut seen, mut todo) = (BTreeSet::from([head.commit]), vec![head.commit]);
    while let Some(id) = todo.pop() {
        match sound(&repository, &odb, id) {
            Ok(leads_to) => {
                found.objects += 1;
                todo.extend(leads_to.into_iter().filter(|id| seen.insert(*id)));
            }
            Err(reason) if found.faults.len() < FAULTS_MAX => found.faults.push((id.to_string(), reason)),
            Err(_) => {}
        }
    }
    list(&repository, head.tree, "", &mut found.files);
    Ok(found)
}

/// The id that a file of this content has.
///
/// # Errors
/// `Git` when the hash cannot be made.
pub fn blob_id(content: &[u8]) -> Result<String, GitError> {
    Ok(Oid::hash_object(ObjectType::Blob, content)?.to_string())
}

/// What an object leads to, if it is what its name says.
fn sound(repository: &Repository, odb: &Odb<'_>, id: Oid) -> Result<Vec<Oid>, String> {
    let wrong = |error: git2::Error| error.message().to_owned();
    let object = odb.read(id).map_err(wrong)?;
    let kind = object.kind();
    if Oid::hash_object(kind, object.data()).map_err(wrong)? != id {
        return Err("it is not what its name says".to_owned());
    }
    match kind {
        ObjectType::Commit => {
            let commit = repository.find_commit(id).map_err(wrong)?;
            Ok(commit.parent_ids().chain([commit.tree_id()]).collect())
        }
        ObjectType::Tree => {
            let tree = repository.find_tree(id).map_err(wrong)?;
            Ok(tree.iter().map(|entry| entry.id()).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// The depth of the recursion is that of the export's paths: deeper trees are not ours and are left out.
fn list(repository: &Repository, tree: Oid, prefix: &str, files: &mut BTreeMap<String, String>) {
    let Ok(tree) = repository.find_tree(tree) else { return };
    for entry in &tree {
        let Ok(name) = entry.name() else { continue };
        let path = format!("{prefix}{name}");
        if entry.kind() != Some(ObjectType::Tree) {
            files.insert(path, entry.id().to_string());
        } else if prefix.matches('/').count() < super::edits::DEPTH_MAX {
            list(repository, entry.id(), &format!("{path}/"), files);
        }
    }
}
