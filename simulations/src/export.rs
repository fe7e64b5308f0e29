//! The export's tree as git would hold it, without git: plans are applied to a map from paths to contents. Two nodes
//! with the same records must come to the same map (INV-2).

use std::collections::{BTreeMap, BTreeSet};

use starling_node::machine::export_plan::ExportPlan;
use starling_node::machine::info::ExportState;

/// The files of an export, and how many commits made them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    /// Of each file, so that a commit hashes what it writes and no more.
    hashes: BTreeMap<String, blake3::Hash>,
    /// Paths that each commit changed.
    commits: Vec<BTreeSet<String>>,
}

impl Tree {
    /// Carries out a plan: removals first, as the plan says.
    pub fn apply(&mut self, plan: &ExportPlan) -> ExportState {
        let before = self.hashes.clone();
        for removed in &plan.removes {
            let folder = format!("{removed}/");
            let stays = |path: &String| path != removed && !path.starts_with(&folder);
            self.files.retain(|path, _| stays(path));
            self.hashes.retain(|path, _| stays(path));
        }
        for (path, bytes) in &plan.writes {
            self.files.insert(path.clone(), bytes.clone());
            self.hashes.insert(path.clone(), blake3::hash(bytes));
        }
        if self.hashes != before || self.commits.is_empty() {
            let paths = before.keys().chain(self.hashes.keys());
            let changed = paths.filter(|path| before.get(*path) != self.hashes.get(*path));
            self.commits.push(changed.cloned().collect());
        }
        let tree = self.digest();
        ExportState {
            commit: Some(format!("{:040x}", self.commits.len())),
            tree: Some(tree.to_hex().to_string()),
            error: None,
        }
    }

    /// All files.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// How many commits changed it.
    #[must_use]
    pub const fn commits(&self) -> usize {
        self.commits.len()
    }

    /// Paths that were changed since a commit; `None` if it is not known here.
    #[must_use]
    pub fn changed_since(&self, commit: &str) -> Option<Vec<String>> {
        let count = usize::from_str_radix(commit, 16).ok()?;
        let since: BTreeSet<&String> = self.commits.get(count..)?.iter().flatten().collect();
        Some(since.into_iter().cloned().collect())
    }

    fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for (path, hash) in &self.hashes {
            hasher.update(path.as_bytes()).update(&[0]);
            hasher.update(hash.as_bytes());
        }
        hasher.finalize()
    }
}
