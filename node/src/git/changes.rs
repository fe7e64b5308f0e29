//! What became of the export since a commit that somebody remembers, as paths. It compares trees, so it does not matter how
//! the branch came from there to where it is.

use git2::{DiffOptions, ErrorCode, Oid, Repository, Tree};

use super::{Export, GitError, damaged, head_of};

/// What is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Paths of files that were added, changed or removed; all there are, when the commit is not known.
    pub paths: Vec<String>,
    /// Whether the commit is known here.
    pub is_known: bool,
}

impl Export {
    /// Compares the newest commit with an earlier one, which may be named by nobody or not be here any more.
    ///
    /// # Errors
    /// `Damaged` when a tree cannot be read.
    pub fn changed_since(&self, commit: Option<&str>) -> Result<Changes, GitError> {
        let repository = self.repository()?;
        let then = commit.map(|commit| tree_of(&repository, commit)).transpose()?.flatten();
        let is_known = then.is_some();
        let Some(head) = head_of(&repository)? else {
            return Ok(Changes { is_known, ..Changes::default() });
        };
        if then.as_ref().is_some_and(|then| then.id() == head.tree) {
            return Ok(Changes { is_known, ..Changes::default() });
        }
        let now = repository.find_tree(head.tree).map_err(damaged)?;
        let mut options = DiffOptions::new();
        let diff =
            repository.diff_tree_to_tree(then.as_ref(), Some(&now), Some(options.skip_binary_check(true)));
        let diff = diff.map_err(damaged)?;
        // Of a file that is gone, only the old name is sure to be there.
        let path = |delta: git2::DiffDelta<'_>| {
            let file = if delta.new_file().exists() { delta.new_file() } else { delta.old_file() };
            file.path()?.to_str().map(str::to_owned)
        };
        Ok(Changes { paths: diff.deltas().filter_map(path).collect(), is_known })
    }
}

/// The tree of a commit; `None` if there is no such commit.
fn tree_of<'a>(repository: &'a Repository, commit: &str) -> Result<Option<Tree<'a>>, GitError> {
    let Ok(id) = Oid::from_str(commit) else { return Ok(None) };
    match repository.find_commit(id) {
        Ok(commit) => Ok(Some(commit.tree().map_err(damaged)?)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(damaged(error)),
    }
}
