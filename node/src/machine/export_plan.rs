//! What the git export is to show: paths and contents, as data. Carried out by `git`.

use std::collections::{BTreeMap, BTreeSet};

/// One commit of the export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportPlan {
    /// Files to write: path and content.
    pub writes: BTreeMap<String, Vec<u8>>,
    /// Files or directories to remove.
    pub removes: BTreeSet<String>,
    /// The commit's subject.
    pub subject: String,
    /// Handle of the commit's author.
    pub author: String,
    /// The commit's time, ms: the latest time of what it shows.
    pub time_ms: u64,
}
