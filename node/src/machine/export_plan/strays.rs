//! What the export shows otherwise than the store thinks: a disk that lied, or a home that was put back from a copy, can
//! leave a store that is older than its export. The store remembers the export's newest commit; what was changed since is
//! shown anew at the start, and what no record stands behind goes (INV-10). A crash between a commit of the export and
//! its report looks the same, and costs as little.

use std::collections::BTreeSet;

use starling_crdt::id::{SessionId, StreamKey};

use super::Node;
use crate::machine::rows;
use crate::machine::segments;
use crate::store::Space;

/// Whose folder it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Key(StreamKey),
    Id(SessionId),
}

impl Node {
    /// The sessions in whose folders these paths are will be exported anew. A folder of which no session is known goes.
    pub(in crate::machine) fn gather_strays(&mut self, paths: &[String]) {
        let folders: BTreeSet<_> = paths.iter().filter_map(|path| folder_of(path)).collect();
        let mut stale = BTreeSet::new();
        for (folder, owner) in folders {
            let keys = match owner {
                Owner::Key(key) => self.slots.get(&key).map(|_| key).into_iter().collect(),
                Owner::Id(id) => self.slots.named(&id),
            };
            if keys.is_empty() {
                self.exporter.strays.insert(folder);
            }
            stale.extend(keys);
        }
        // Many commits may be needed, as for an export that is made anew.
        self.commits.stage_export(&stale.iter().copied().collect::<Vec<_>>());
        stale.into_iter().for_each(|key| self.exporter.mark(key, None));
    }

    /// The store is told at which commit the export is, together with what the export shows by it.
    pub(super) fn remember_commit(&mut self) {
        let commit = &self.exporter.state.commit;
        if self.exporter.remembered != *commit {
            self.exporter.remembered.clone_from(commit);
            let value = commit.clone().map(String::into_bytes);
            self.commits.stage_local(Space::Export, rows::COMMIT.to_vec(), value);
        }
    }
}

/// The session's folder that a path is in, if it is one that an export makes.
fn folder_of(path: &str) -> Option<(String, Owner)> {
    let id = |name: &str| name.parse::<SessionId>().ok();
    let key = |name: &str| name.parse::<StreamKey>().ok();
    let parts: Vec<&str> = path.split('/').collect();
    let (folder, owner) = match parts.as_slice() {
        ["quick-sessions", name, ..] => (format!("quick-sessions/{}", id(name)?), Owner::Id(id(name)?)),
        ["archive", "quick-sessions", name, ..] => {
            (format!("archive/quick-sessions/{}", id(name)?), Owner::Id(id(name)?))
        }
        ["collisions", of, name, ..] => {
            (format!("collisions/{}/{}", id(of)?, key(name)?), Owner::Key(key(name)?))
        }
        [".starling", "records", _, name, ..] => {
            (segments::session_folder(&key(name)?), Owner::Key(key(name)?))
        }
        _ => return None,
    };
    let is_in = path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'));
    is_in.then_some((folder, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_the_export_s_own_making_are_sessions() {
        let id = SessionId::from_parts(1_750_000_000_000, 7);
        let key = StreamKey::from_bytes([0xac; 32]);
        let records = segments::session_folder(&key);
        for (folder, owner) in [
            (format!("quick-sessions/{id}"), Owner::Id(id)),
            (format!("archive/quick-sessions/{id}"), Owner::Id(id)),
            (format!("collisions/{id}/{key}"), Owner::Key(key)),
            (records.clone(), Owner::Key(key)),
        ] {
            assert_eq!(folder_of(&format!("{folder}/file")), Some((folder, owner)));
        }
        let shouted = key.to_string().to_uppercase();
        for path in [
            "users/alice.meta.yaml".to_owned(),
            "quick-sessions/readme/file".to_owned(),
            format!("quick-sessions/{id}"),
            format!("collisions/{id}/file"),
            format!(".starling/records/00/{key}/0"),
            format!(".starling/records/AC/{shouted}/0"),
            format!("{records}0/0"),
            ".starling/roster/0".to_owned(),
        ] {
            assert_eq!(folder_of(&path), None, "{path}");
        }
    }
}
