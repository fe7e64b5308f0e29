//! The export's tree as git would hold it, without git: plans are applied to a map from paths to contents. Two nodes
//! with the same records must come to the same map (INV-2).

use std::collections::BTreeMap;

use starling_node::machine::export_plan::ExportPlan;
use starling_node::machine::info::ExportState;

/// The files of an export, and how many commits made them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    /// Of each file, so that a commit hashes what it writes and no more.
    hashes: BTreeMap<String, blake3::Hash>,
    commits: u64,
}

impl Tree {
    /// Carries out a plan: removals first, as the plan says.
    pub fn apply(&mut self, plan: &ExportPlan) -> ExportState {
        let before = self.digest();
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
        let tree = self.digest();
        if tree != before || self.commits == 0 {
            self.commits += 1;
        }
        ExportState {
            commit: Some(format!("{:040x}", self.commits)),
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
    pub const fn commits(&self) -> u64 {
        self.commits
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
