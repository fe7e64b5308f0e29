//! `restore`: a new home from a clone of an export. It reads the branches (`git::Backup`), lets the pure
//! `machine::restoring` check every record again, and writes a store under another name, which it gets when it is
//! complete: what is interrupted is no home yet. The device key is always a new one, because whoever has the old one too
//! could write two histories with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use starling_crdt::id::StreamKey;

use super::disk::{self, store_failed};
use super::setup::{device_key, label};
use super::{failed, now_ms};
use crate::cli::{Exit, Failure, Progress, RestoreOptions, Restored, SetAside};
use crate::config::{Home, NodeKey, Settings};
use crate::git::{Backup, Branch, GitError};
use crate::machine::restoring::{self, Copy, RestoreError, Restoring, Trouble};
use crate::machine::rows::RESTORED;
use crate::machine::segments::{RECORDS_FOLDER, ROSTER_FOLDER, SEGMENT_BYTES_MAX, fan_of, session_folder};
use crate::store::{Batch, LocalRow, Space, Store};

/// Bytes of records that make one transaction.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// One session's copies: in which branch, and which directory there. Equal directories are named once.
type Places = BTreeMap<StreamKey, Vec<(usize, String)>>;

pub(super) fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    let home = &options.home;
    let recovery = options.recovery.as_deref().map(NodeKey::load).transpose()?;
    home.create()?;
    let _lock = home.lock()?;
    check_is_new(home)?;
    let (backup, unreadable) = open(&options.from)?;
    let mut report = Report::default();
    report.troubles.extend(unreadable.into_iter().map(|(branch, why)| format!("{branch}: {why}")));
    let (mut restoring, branches) = begin(&backup, &mut report)?;
    let store = fresh_store(home)?;
    let key = device_key(home)?;
    if let Some(recovery) = &recovery {
        let label = label(&Settings::load(home)?);
        restoring.recover(&recovery.signing_key(), key.device(), label, now_ms()).map_err(not_recovered)?;
    }
    let silent = options.json || options.quiet;
    let sessions = Sessions { backup: &backup, branches: &branches, restoring: &restoring, store: &store };
    sessions.restore(&mut report, silent)?;
    finish(home, &store, &restoring, recovery.as_ref())?;
    report.say(&restoring, &key, &branches).show(
        &home.dir().display().to_string(),
        options.json,
        options.quiet,
    )
}

/// Only an empty home, or one whose restore was interrupted.
fn check_is_new(home: &Home) -> Result<(), Failure> {
    let begun = home.unfinished_store().exists();
    let there = [home.store(), home.export(), home.node_key()];
    match there.iter().find(|path| path.exists() && !(begun && **path == home.node_key())) {
        None => Ok(()),
        Some(path) => {
            let detail = format!("{} is there: this home was used before", path.display());
            Err(Failure::new(Exit::Conflict, "home_in_use", detail).hint(
                "a restored home has a key of its own: name a new one, `starling --home DIR restore GIT_DIR`",
            ))
        }
    }
}

fn open(path: &Path) -> Result<(Backup, Vec<(String, String)>), Failure> {
    Backup::open(path).map_err(|error| {
        let exit = if path.exists() { Exit::Failed } else { Exit::NotFound };
        Failure::new(exit, "not_a_repository", format!("{}: {error}", path.display()))
            .hint("name a clone of an export: a bare repository, or a folder with .git")
    })
}

/// What goes into the report besides the roster.
#[derive(Default)]
struct Report {
    sessions: usize,
    records: usize,
    set_aside: Vec<SetAside>,
    troubles: Vec<String>,
}

impl Report {
    fn say(self, restoring: &Restoring, key: &NodeKey, branches: &[Branch]) -> Restored {
        let roster = restoring.roster();
        let member = roster.standing().member_of(&key.device());
        Restored {
            workspace: restoring.workspace().to_string(),
            device: key.device().to_string(),
            handle: member.map(|(_, member)| member.handle.to_string()),
            branches: branches.iter().map(|branch| branch.name.clone()).collect(),
            sessions: self.sessions,
            records: self.records + roster.records().count(),
            members: roster.standing().members().filter(|(_, member)| !member.removed).count(),
            set_aside: self.set_aside,
            troubles: self.troubles,
        }
    }
}

/// The roster, and the branches of its workspace: the first branch that founds one says which.
fn begin(backup: &Backup, report: &mut Report) -> Result<(Restoring, Vec<Branch>), Failure> {
    let (mut branches, mut copies, mut first) = (Vec::new(), Vec::new(), None);
    for branch in backup.branches() {
        let copy = copy_of(backup, branch, ROSTER_FOLDER, &mut || list(backup, branch, ROSTER_FOLDER));
        let founds = Restoring::begin(std::slice::from_ref(&copy)).ok().map(|(found, _)| found.workspace());
        if first.is_some() && founds.is_some() && founds != first {
            report.troubles.push(format!("{}: it is an export of another workspace", branch.name));
            continue;
        }
        first = first.or(founds);
        branches.push(branch.clone());
        copies.push(copy);
    }
    let (restoring, troubles) = Restoring::begin(&copies).map_err(|error| {
        Failure::new(Exit::Failed, "no_records", error.to_string())
            .hint("is this a clone of an export, made with this version or a later one?")
    })?;
    report.troubles.extend(troubles.iter().map(text_of));
    Ok((restoring, branches))
}

fn text_of(trouble: &Trouble) -> String {
    format!("{}: {}", trouble.place, trouble.reason)
}

/// Names and ids in a directory of a branch.
fn list(backup: &Backup, branch: &Branch, directory: &str) -> Result<Vec<(String, String)>, GitError> {
    let entries = backup.list(&branch.tree, directory)?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.id)).collect())
}

/// A stream's files as `list` names them.
fn copy_of(
    backup: &Backup,
    branch: &Branch,
    directory: &str,
    list: &mut dyn FnMut() -> Result<Vec<(String, String)>, GitError>,
) -> Copy {
    let branch = format!("{} {directory}", branch.name);
    match list() {
        Err(error) => Copy { branch, unlisted: Some(error.to_string()), files: Vec::new() },
        Ok(entries) => {
            // No honest session has more in all its segments than one may have.
            let bytes = backup.read_all(entries.iter().map(|(_, id)| id.as_str()), SEGMENT_BYTES_MAX);
            let files = entries.iter().zip(bytes);
            let files =
                files.map(|((name, _), bytes)| (name.clone(), bytes.map_err(|error| error.to_string())));
            Copy { branch, unlisted: None, files: files.collect() }
        }
    }
}

/// Reading, checking and storing the sessions, one at a time.
struct Sessions<'a> {
    backup: &'a Backup,
    branches: &'a [Branch],
    restoring: &'a Restoring,
    store: &'a Store,
}

impl Sessions<'_> {
    fn restore(&self, report: &mut Report, silent: bool) -> Result<(), Failure> {
        let places = self.find(report);
        let progress = Progress::new("restoring", places.len(), silent);
        let (mut batch, mut bytes) = (Batch::default(), 0);
        for (key, found) in places {
            progress.step();
            let copies: Vec<Copy> = found.iter().map(|(at, tree)| self.copy(key, *at, tree)).collect();
            match self.restoring.session(key, &copies) {
                Ok(whole) => {
                    report.sessions += 1;
                    report.records += whole.records.len();
                    report.troubles.extend(whole.left_out.iter().map(text_of));
                    let rows = restoring::rows(&key, whole.records.iter(), None);
                    bytes += rows.iter().map(|row| row.wire.len()).sum::<usize>();
                    batch.records.extend(rows);
                }
                Err(broken) => report.set_aside.push(SetAside {
                    session: broken.id.map_or_else(|| key.to_string(), |id| id.to_string()),
                    reasons: broken.troubles.iter().map(text_of).collect(),
                }),
            }
            if bytes >= BATCH_BYTES {
                bytes = 0;
                self.store.commit(&[std::mem::take(&mut batch)]).map_err(|error| store_failed(&error))?;
            }
        }
        self.store.commit(&[batch]).map_err(|error| store_failed(&error))
    }

    /// Where the sessions are.
    fn find(&self, report: &mut Report) -> Places {
        let mut places = Places::new();
        for (at, branch) in self.branches.iter().enumerate() {
            for (fan, _) in self.names(branch, RECORDS_FOLDER, report) {
                let folder = format!("{RECORDS_FOLDER}/{fan}");
                for (name, tree) in self.names(branch, &folder, report) {
                    let key = name.parse::<StreamKey>().ok().filter(|_| fan_of(&name) == fan);
                    let Some(key) = key else {
                        report.troubles.push(format!("{} {folder}/{name}: no session", branch.name));
                        continue;
                    };
                    let copies = places.entry(key).or_default();
                    if copies.iter().all(|(_, other)| *other != tree) {
                        copies.push((at, tree));
                    }
                }
            }
        }
        places
    }

    /// The names in a folder of a branch; none, and a trouble, if it cannot be read.
    fn names(&self, branch: &Branch, folder: &str, report: &mut Report) -> Vec<(String, String)> {
        list(self.backup, branch, folder).unwrap_or_else(|error| {
            report.troubles.push(format!("{} {folder}: {error}", branch.name));
            Vec::new()
        })
    }

    fn copy(&self, key: StreamKey, at: usize, tree: &str) -> Copy {
        let Some(branch) = self.branches.get(at) else {
            return Copy::default();
        };
        let directory = session_folder(&key);
        copy_of(self.backup, branch, &directory, &mut || {
            let entries = self.backup.list_tree(tree)?;
            Ok(entries.into_iter().map(|entry| (entry.name, entry.id)).collect())
        })
    }
}

fn fresh_store(home: &Home) -> Result<Store, Failure> {
    let path = home.unfinished_store();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("io", error.to_string())),
        _ => disk::open(&path),
    }
}

fn not_recovered(error: RestoreError) -> Failure {
    let exit = match error {
        RestoreError::WrongKey | RestoreError::NoKey => Exit::NotAllowed,
        _ => Exit::Failed,
    };
    Failure::new(exit, "not_recovered", error.to_string())
        .hint("restore without `--recovery`, and join with a ticket of a device that is left")
}

/// The roster and the facts that make the store a home's come last.
fn finish(
    home: &Home,
    store: &Store,
    restoring: &Restoring,
    recovery: Option<&NodeKey>,
) -> Result<(), Failure> {
    let roster = restoring.roster();
    let outbox = recovery.map(NodeKey::device);
    let mut batch = Batch {
        records: restoring::rows(&roster.key(), roster.records(), outbox),
        local: vec![disk::workspace_row(&restoring.workspace())],
        ..Batch::default()
    };
    if recovery.is_none() {
        batch.local.push(LocalRow { space: Space::Meta, key: RESTORED.to_vec(), value: Some(vec![1]) });
    }
    store.commit(&[batch]).and_then(|()| store.close()).map_err(|error| store_failed(&error))?;
    let synced = fs::rename(home.unfinished_store(), home.store())
        .and_then(|()| fs::File::open(home.dir()))
        .and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed("io", format!("{}: {error}", home.store().display())))?;
    Ok(home.close_to_others()?)
}
