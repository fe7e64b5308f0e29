//! `verify`: store, records, rows and export of a home are held against each other, and whatever does not hold is told
//! with what mends it. It mends nothing itself, but that redb goes back to the last sound commit, as at a start; no node may
//! run meanwhile: the home is locked.
//!
//! Records are checked by `machine::verifying`; rows and export are held against what the records alone come to
//! (`rebuilt`); objects are read by `git::inspect`.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{StreamKey, WorkspaceId};
use starling_crdt::roster::Roster;

use super::disk;
use crate::cli::{Exit, Failure, Problem, Progress, Verified, VerifyOptions};
use crate::config::Home;
use crate::git::{self, Inspection};
use crate::machine::export_plan::ExportPlan;
use crate::machine::rows::{self, IndexRow};
use crate::machine::verifying;
use crate::rebuilt;
use crate::store::{Store, StoreError};

/// Problems that are listed.
const PROBLEMS_MAX: usize = 1_000;
/// What is lost in the store may be whole in the export or at a peer.
const RESTORE: &str =
    "move this home away and make a new one: `starling --home DIR restore OLD/export.git`, then join";
const UP: &str = "`starling up` mends it";
const NEW_EXPORT: &str = "move export.git away: the next `starling up` writes a new one from the records";

pub(super) fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    let home = &options.home;
    if !home.store().exists() {
        let detail = format!("there is no store in {}", home.dir().display());
        return Err(Failure::new(Exit::NotFound, "no_store", detail)
            .hint("name the home: `starling --home DIR verify`; one that lost its store is restored from its export"));
    }
    let _lock = home.lock().map_err(|error| {
        Failure::from(error)
            .hint("stop the node first: `starling down`, then `starling verify`, then `starling up`")
    })?;
    let mut check = Check { report: Verified::default(), silent: options.json || options.quiet };
    let inspection = check.git(home);
    let store = Store::open(&home.store());
    let seen = store.and_then(|store| {
        let seen = check.store(&store, inspection.as_ref());
        store.close().and(seen)
    });
    if let Err(error) = seen {
        check.problem("store", home.store().display().to_string(), error.to_string(), RESTORE);
    }
    check.report.ok = check.report.problems.is_empty();
    check.report.show(options.json, options.quiet)
}

/// What was found so far.
struct Check {
    report: Verified,
    silent: bool,
}

/// What the store says of its sessions.
struct Sessions {
    workspace: WorkspaceId,
    roster: Roster,
    keys: Vec<StreamKey>,
    rows: BTreeMap<StreamKey, Vec<u8>>,
    /// Sessions with a record that does not hold.
    broken: BTreeSet<StreamKey>,
    queue: BTreeSet<StreamKey>,
}

impl Check {
    fn problem(&mut self, kind: &'static str, place: String, detail: String, repair: &str) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(Problem { kind, place, detail, repair: repair.to_owned() });
        }
    }

    fn git(&mut self, home: &Home) -> Option<Inspection> {
        let path = home.export();
        if !path.exists() {
            self.problem("git", path.display().to_string(), "there is no export".to_owned(), UP);
            return None;
        }
        match git::inspect(&path) {
            Ok(inspection) => {
                self.report.objects = inspection.objects;
                for (id, reason) in &inspection.faults {
                    self.problem("git", id.clone(), reason.clone(), NEW_EXPORT);
                }
                if !inspection.has_commit {
                    self.problem("git", path.display().to_string(), "it has no commit".to_owned(), UP);
                }
                Some(inspection).filter(|found| found.has_commit)
            }
            Err(error) => {
                self.problem("git", path.display().to_string(), error.to_string(), NEW_EXPORT);
                None
            }
        }
    }

    fn store(&mut self, store: &Store, inspection: Option<&Inspection>) -> Result<(), StoreError> {
        // What can still be read is checked all the same: it says which sessions are damaged, and which are whole.
        let faults = store.audit().unwrap_or_else(|error| vec![error.to_string()]);
        for fault in faults {
            self.problem("store", "tables".to_owned(), fault, RESTORE);
        }
        let Ok(Some(workspace)) = disk::workspace(store) else {
            self.problem("store", "workspace".to_owned(), "it names none".to_owned(), RESTORE);
            return Ok(());
        };
        self.report.workspace = Some(workspace.to_string());
        let sessions = self.records(store, workspace)?;
        self.report.sessions = sessions.keys.len();
        let (made, files) = self.rebuild(store, &sessions)?;
        self.rows(&sessions, &made);
        if let Some(inspection) = inspection {
            self.export(&sessions, &made, &files, &inspection.files);
        }
        Ok(())
    }

    /// Ids, signatures and rules.
    fn records(&mut self, store: &Store, workspace: WorkspaceId) -> Result<Sessions, StoreError> {
        let roster_key = workspace.roster();
        let stored = store.load_stream(*roster_key.as_bytes())?;
        self.report.records = stored.len();
        let (roster, faults) = verifying::roster(workspace, &stored);
        for (id, reason) in faults {
            self.problem("record", format!("roster {id}"), reason, RESTORE);
        }
        let keys = store.streams()?.into_iter().map(StreamKey::from_bytes);
        let keys: Vec<StreamKey> = keys.filter(|key| *key != roster_key).collect();
        let progress = Progress::new("records", keys.len(), self.silent);
        let mut broken = BTreeSet::new();
        for key in &keys {
            progress.step();
            let stored = match store.load_stream(*key.as_bytes()) {
                Ok(stored) => stored,
                Err(error) => {
                    broken.insert(*key);
                    self.problem("store", key.to_string(), error.to_string(), RESTORE);
                    continue;
                }
            };
            self.report.records += stored.len();
            for (id, reason) in verifying::session(&roster, *key, &stored) {
                broken.insert(*key);
                self.problem("record", format!("{key} {id}"), reason, RESTORE);
            }
        }
        let rows = store.index()?.into_iter().map(|(key, row)| (StreamKey::from_bytes(key), row)).collect();
        let queue = store.export_queue()?.into_iter().map(StreamKey::from_bytes).collect();
        Ok(Sessions { workspace, roster, keys, rows, broken, queue })
    }

    /// Rows and files as the records alone make them; the files as ids of their contents.
    fn rebuild(&mut self, store: &Store, sessions: &Sessions) -> Result<Rebuilt, StoreError> {
        // Each session is read once for its row and, in a large home, once more for its files.
        let progress = Progress::new("views", 2 * sessions.keys.len(), self.silent);
        let wires = |key: StreamKey| {
            let stored = store.load_stream(*key.as_bytes());
            stored.map(|rows| rows.into_iter().map(|(_, wire)| wire).collect::<Vec<_>>())
        };
        let roster = sessions.roster.records().map(|record| record.wire().to_vec()).collect();
        let keys = sessions.keys.iter().filter(|key| !sessions.broken.contains(key)).copied().collect();
        let mut files = BTreeMap::new();
        let mut read = BTreeSet::new();
        let load = |key| {
            if read.insert(key) {
                progress.step();
            }
            wires(key).map_err(|error| error.to_string())
        };
        let export = |plan: ExportPlan| {
            let metas = plan.writes.keys().filter(|path| path.ends_with("/session.meta.yaml"));
            metas.for_each(|_| progress.step());
            apply(&mut files, plan);
        };
        let made = rebuilt::rebuild(sessions.workspace, roster, keys, load, export);
        self.report.files = files.len();
        Ok((made.unwrap_or_default(), files))
    }

    fn rows(&mut self, sessions: &Sessions, made: &BTreeMap<StreamKey, IndexRow>) {
        let standing = sessions.roster.standing();
        if sessions.rows.is_empty() && !sessions.keys.is_empty() {
            // A home that was restored, and not started yet.
            let detail = format!("{} sessions have no row", sessions.keys.len());
            return self.problem("row", "list".to_owned(), detail, UP);
        }
        for key in sessions.keys.iter().filter(|key| !sessions.broken.contains(key)) {
            let row = sessions.rows.get(key).and_then(|row| rows::decode::<IndexRow>(row));
            let wrong = match row {
                None => Some(("it has no row", UP)),
                Some(row) if !row.is_current(key, standing) => Some(("its row is of an older roster", UP)),
                Some(row) if made.get(key).is_some_and(|made| made.records != row.records) => {
                    Some(("its row is of more or fewer records than it has", UP))
                }
                Some(row) if made.get(key) != Some(&row) => {
                    Some(("its row is not what its records come to", RESTORE))
                }
                Some(_) => None,
            };
            if let Some((detail, repair)) = wrong {
                self.problem("row", key.to_string(), detail.to_owned(), repair);
            }
        }
        for key in sessions.rows.keys().filter(|key| !sessions.keys.contains(key)) {
            self.problem("row", key.to_string(), "it has a row and no record".to_owned(), RESTORE);
        }
    }

    /// File by file. What a broken session should have is not known; what is queued is only late.
    fn export(
        &mut self,
        sessions: &Sessions,
        made: &BTreeMap<StreamKey, IndexRow>,
        should: &BTreeMap<String, String>,
        is: &BTreeMap<String, String>,
    ) {
        let names = |keys: &BTreeSet<StreamKey>| -> BTreeSet<String> {
            let row = |key: &StreamKey| sessions.rows.get(key).and_then(|row| rows::decode::<IndexRow>(row));
            let id =
                |key: &StreamKey| made.get(key).cloned().or_else(|| row(key)).map(|row| row.id.to_string());
            keys.iter().flat_map(|key| [Some(key.to_string()), id(key)]).flatten().collect()
        };
        let (broken, late) = (names(&sessions.broken), names(&sessions.queue));
        let of = |path: &str, names: &BTreeSet<String>| path.split('/').any(|part| names.contains(part));
        let paths: BTreeSet<&String> = should.keys().chain(is.keys()).collect();
        for path in paths.into_iter().filter(|path| !of(path, &broken)) {
            let detail = match (should.get(path), is.get(path)) {
                (Some(should), Some(is)) if should == is => continue,
                (Some(_), Some(_)) => "it is not what the records come to",
                (Some(_), None) => "it is missing",
                (None, _) => "nothing in the records makes it",
            };
            let by_up =
                of(path, &late) || path.starts_with("users/") || path.starts_with(".starling/roster/");
            self.problem("export", path.clone(), detail.to_owned(), if by_up { UP } else { NEW_EXPORT });
        }
    }
}

/// Rows by session, and ids of contents by path.
type Rebuilt = (BTreeMap<StreamKey, IndexRow>, BTreeMap<String, String>);

/// Carries a plan out on the ids of files.
fn apply(files: &mut BTreeMap<String, String>, plan: ExportPlan) {
    for removed in &plan.removes {
        files.remove(removed);
        let folder = format!("{removed}/");
        let within = files.range(folder.clone()..).map(|(path, _)| path);
        let within: Vec<_> = within.take_while(|path| path.starts_with(&folder)).cloned().collect();
        within.iter().for_each(|path| drop(files.remove(path)));
    }
    for (path, content) in plan.writes {
        files.insert(path, git::blob_id(&content).unwrap_or_default());
    }
}
