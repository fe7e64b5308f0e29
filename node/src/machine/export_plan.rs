//! What the git export is to show: paths and contents, as data, carried out by `git`. The tree is a pure function of the
//! replicated state, so two nodes that hold the same records have the same tree id. Names are made only from validated
//! ids and handles; nothing a user typed becomes a path.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{AgentId, Handle, MemberId, RecordId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::view::View;

use super::Node;
use super::export_meta::{FORMAT, UserKind, UserMeta, WorkspaceMeta, render};
use super::info::ExportState;
use super::input::{Effect, Ticket};
use super::replica::Open;
use super::request::{Answer, Code, Rejection};
use super::rows::IndexRow;
use super::segments::{self, Change, Shown};
use super::task::Task;
use crate::fault::{Fault, planted};

mod files;
mod strays;

/// Changes are gathered for this long before a commit: a turn's records come close together.
const GATHER_MS: u64 = 100;
/// Sessions of one commit.
const SESSIONS_MAX: usize = 256;
/// A commit that has this many bytes takes no further session: those that are left make the next one.
const PLAN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pause after a failed export, ms.
const RETRY_MS: u64 = 5_000;

/// One commit of the export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportPlan {
    /// Files to write: path and content.
    pub writes: BTreeMap<String, Vec<u8>>,
    /// Files or directories to remove, before anything is written.
    pub removes: BTreeSet<String>,
    /// The commit's subject.
    pub subject: String,
    /// Handle of the commit's author.
    pub author: String,
    /// The commit's time, ms: the latest time of what it shows.
    pub time_ms: u64,
}

/// Handles as the roster shows them.
#[derive(Debug, Default, PartialEq)]
struct Names {
    members: BTreeMap<MemberId, Handle>,
    agents: BTreeMap<AgentId, Handle>,
}

/// Records of a session that the export does not show yet.
#[derive(Debug, Default)]
struct Marked {
    records: usize,
    last: Option<(RecordId, Record)>,
}

#[derive(Debug, Default)]
struct Gathering {
    plan: ExportPlan,
    left: BTreeSet<StreamKey>,
    done: Vec<StreamKey>,
    records: usize,
    bytes: usize,
    /// Subject and author, while there is only one change.
    single: Option<(String, String)>,
}

/// What the export lags behind, and what is being done about it.
#[derive(Debug)]
pub(super) struct Exporter {
    state: ExportState,
    marked: BTreeMap<StreamKey, Marked>,
    roster: bool,
    /// Handles as shown, by member and by agent.
    names: Names,
    due_ms: u64,
    gathering: Option<Gathering>,
    in_flight: Option<Vec<StreamKey>>,
    waiters: Vec<Ticket>,
    /// The roster's segments that the export shows.
    roster_shown: Option<Shown>,
    /// Folders that no session stands behind, until they are gone.
    strays: BTreeSet<String>,
    /// The commit that the store remembers.
    remembered: Option<String>,
}

impl Gathering {
    fn add(&mut self, change: Change) {
        self.bytes += change.writes.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        self.plan.removes.extend(change.removes);
        self.plan.writes.extend(change.writes);
    }
}

impl Exporter {
    pub(super) fn new(state: ExportState, remembered: Option<String>) -> Self {
        Self {
            state,
            marked: BTreeMap::new(),
            roster: false,
            names: Names::default(),
            due_ms: 0,
            gathering: None,
            in_flight: None,
            waiters: Vec::new(),
            roster_shown: None,
            strays: BTreeSet::new(),
            remembered,
        }
    }

    pub(super) const fn state(&self) -> &ExportState {
        &self.state
    }

    /// A session changed; `record` is what was added.
    pub(super) fn mark(&mut self, key: StreamKey, record: Option<(RecordId, Record)>) {
        if self.is_busy() && planted(Fault::ExportForgets) {
            return;
        }
        let marked = self.marked.entry(key).or_default();
        marked.records += usize::from(record.is_some());
        marked.last = record;
    }

    pub(super) const fn mark_roster(&mut self) {
        self.roster = true;
    }

    /// A session that cannot be shown is left out until it changes.
    pub(super) fn skip(&mut self, key: StreamKey) {
        self.marked.remove(&key);
        if let Some(gathering) = &mut self.gathering {
            gathering.left.remove(&key);
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.in_flight.is_some() || self.gathering.is_some()
    }

    /// Whether it shows everything, or could not.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_busy() && (!self.has_work() || self.state.error.is_some())
    }

    fn has_work(&self) -> bool {
        self.roster || !self.marked.is_empty()
    }
}

impl Node {
    /// Sessions that share an id move under `collisions/`, all of them; one that is left alone moves back. What the change
    /// of one makes of the others is queued in the store too: nothing else would bring them back after a crash.
    pub(super) fn mark_collisions(&mut self, key: StreamKey) {
        let Some(slot) = self.slots.get(&key) else { return };
        let header = slot.session().and_then(|session| session.header()).map(|header| header.session);
        let Some(id) = header.or_else(|| slot.row.as_ref().map(|row| row.id)) else { return };
        let mut keys = self.slots.called(&id);
        keys.retain(|other| *other != key);
        if !keys.is_empty() {
            keys.push(key);
            self.commits.stage_export(&keys);
            keys.into_iter().for_each(|key| self.exporter.mark(key, None));
        }
    }

    /// The sessions whose files a change of the roster changes: a handle that was added twice is shown with a suffix.
    pub(super) fn renamed(&mut self) -> Vec<StreamKey> {
        let standing = self.standing();
        let names = Names {
            members: standing.members().map(|(id, member)| (*id, member.handle.clone())).collect(),
            agents: standing.agents().map(|(id, agent)| (*id, agent.handle.clone())).collect(),
        };
        let before = std::mem::replace(&mut self.exporter.names, names);
        let now = &self.exporter.names;
        if before == Names::default() || before == *now {
            return Vec::new();
        }
        let changed = |row: &IndexRow| {
            before.members.get(&row.creator) != now.members.get(&row.creator)
                || before.agents.get(&row.agent) != now.agents.get(&row.agent)
        };
        let renamed = self.slots.rows().filter(|(_, row)| changed(row));
        renamed.map(|(key, _)| *key).collect()
    }

    /// Begins, goes on with, or finishes an export plan.
    pub(super) fn plan_export(&mut self) {
        if self.exporter.gathering.as_ref().is_some_and(|gathering| gathering.left.is_empty()) {
            self.send_plan();
        }
        let waits = self.exporter.is_busy() || self.commits.is_roster_dirty();
        if waits || !self.exporter.has_work() || (self.stopping && self.exporter.is_settled()) {
            return;
        }
        if self.exporter.due_ms == 0 {
            self.exporter.due_ms = self.now + GATHER_MS;
        }
        if self.now < self.exporter.due_ms && self.exporter.waiters.is_empty() && !self.stopping {
            let due = self.exporter.due_ms;
            return self.wake("export", due);
        }
        self.gather();
    }

    fn gather(&mut self) {
        self.exporter.due_ms = 0;
        let keys: Vec<_> = self.exporter.marked.keys().take(SESSIONS_MAX).copied().collect();
        let mut gathering = Gathering { left: keys.iter().copied().collect(), ..Gathering::default() };
        gathering.plan.author = "starling".to_owned();
        if std::mem::take(&mut self.exporter.roster) {
            self.add_roster_files(&mut gathering.plan);
            gathering.plan.removes.extend(self.exporter.strays.iter().cloned());
        }
        self.exporter.gathering = Some(gathering);
        keys.into_iter().for_each(|key| self.with_session(key, Task::Export));
        if self.exporter.gathering.as_ref().is_some_and(|gathering| gathering.left.is_empty()) {
            self.send_plan();
        }
    }

    /// Adds a session's files to the plan that is being made.
    pub(super) fn export_session(&mut self, key: StreamKey) {
        match &mut self.exporter.gathering {
            None => return,
            Some(gathering) if gathering.bytes >= PLAN_BYTES_MAX => {
                gathering.left.remove(&key);
                return;
            }
            Some(_) => {}
        }
        let records =
            self.slots.get_mut(&key).and_then(|slot| slot.open_mut()).map(|open| open.show_records());
        let marked = self.exporter.marked.remove(&key).unwrap_or_default();
        let hidden = self.is_hidden(&key).then(|| self.slots.get(&key)?.session()?.header()).flatten();
        let gone = hidden.map(|header| {
            let others = !self.slots.called(&header.session).is_empty();
            (files::gone(&header.session, &key, others), None, 0)
        });
        let shown = self.view(&key).map(|view| {
            let collides = self.slots.called(&view.id).len() > 1;
            (files::session(&view, collides), subject(&view, &marked), view.updated_at_ms)
        });
        let shown = shown.or(gone);
        let Some(gathering) = &mut self.exporter.gathering else {
            return;
        };
        gathering.left.remove(&key);
        gathering.done.push(key);
        gathering.add(records.unwrap_or_default());
        let Some((files, subject, time_ms)) = shown else {
            return;
        };
        gathering.records += marked.records.max(1);
        gathering.single = subject.filter(|_| gathering.done.len() == 1 && marked.records == 1);
        gathering.plan.time_ms = gathering.plan.time_ms.max(time_ms);
        gathering.add(files);
    }

    fn send_plan(&mut self) {
        let Some(gathering) = self.exporter.gathering.take() else {
            return;
        };
        let Gathering { mut plan, done, records, single, .. } = gathering;
        (plan.subject, plan.author) = match single {
            Some((subject, author)) => (subject, author),
            None if done.is_empty() => ("roster: members, devices and agents".to_owned(), plan.author),
            None => (format!("sync: {records} changes in {} sessions", done.len()), plan.author),
        };
        self.exporter.in_flight = Some(done);
        self.effects.push(Effect::Export(plan));
    }

    pub(super) fn on_exported(&mut self, result: Result<ExportState, String>) {
        let done = self.exporter.in_flight.take().unwrap_or_default();
        match result {
            Ok(state) => {
                self.exporter.state = state;
                self.exporter.strays.clear();
                self.remember_commit();
                // What is on its way to the disk puts its session into the queue of exports: it must stay there.
                let settled = |key: &StreamKey| {
                    !self.exporter.marked.contains_key(key) && !self.commits.will_export(key)
                };
                let settled: Vec<_> = done.into_iter().filter(settled).collect();
                self.commits.stage_exported(settled);
            }
            Err(error) => {
                self.exporter.state.error = Some(error);
                self.exporter.roster = true;
                self.exporter.roster_shown = None;
                done.into_iter().for_each(|key| {
                    self.exporter.mark(key, None);
                    let open = self.slots.get_mut(&key).and_then(|slot| slot.open_mut());
                    open.into_iter().for_each(Open::forget_shown);
                });
                self.exporter.due_ms = self.now + RETRY_MS;
            }
        }
        if !self.exporter.has_work() || self.exporter.state.error.is_some() {
            self.answer_export_waiters();
        }
    }

    fn answer_export_waiters(&mut self) {
        let answer = match &self.exporter.state.error {
            None => Ok(Answer::Exported(self.exporter.state.clone())),
            Some(error) => Err(Rejection::new(Code::StoreFailed, format!("the export failed: {error}"))),
        };
        for ticket in std::mem::take(&mut self.exporter.waiters) {
            self.answer(ticket, answer.clone());
        }
    }

    pub(super) fn on_export_now(&mut self, ticket: Ticket) {
        if self.exporter.is_busy() || self.exporter.has_work() {
            self.exporter.waiters.push(ticket);
        } else {
            let state = self.exporter.state.clone();
            self.answer(ticket, Ok(Answer::Exported(state)));
        }
    }

    fn add_roster_files(&mut self, plan: &mut ExportPlan) {
        let shown = &mut self.exporter.roster_shown;
        let records = segments::change(segments::ROSTER_FOLDER, self.roster.stamped(), shown);
        plan.removes.extend(records.removes);
        plan.writes.extend(records.writes);
        let workspace = WorkspaceMeta { format: FORMAT, workspace: self.roster.workspace().to_string() };
        files::put(plan, "starling.yaml".to_owned(), &workspace);
        plan.removes.insert("users".to_owned());
        let people = self.standing().members().filter(|(_, m)| !m.removed).map(|(_, m)| {
            (m.handle.to_string(), super::report::role_name(m.role).to_owned(), UserKind::Human)
        });
        let agents = self.standing().agents().filter(|(_, agent)| !agent.retired);
        let agents = agents.map(|(_, agent)| (agent.handle.to_string(), "agent".to_owned(), UserKind::Agent));
        for (handle, role, kind) in people.chain(agents) {
            let path = format!("users/{handle}.meta.yaml");
            let user = UserMeta {
                display_name: handle,
                role,
                introduction: String::new(),
                labels: Vec::new(),
                kind,
            };
            files::put(plan, path, &user);
        }
        let times = self.roster.records().map(|record| record.record().at_ms);
        plan.time_ms = times.max().unwrap_or(0);
    }
}

/// Subject and author of a commit that shows one record.
fn subject(view: &View, marked: &Marked) -> Option<(String, String)> {
    let (id, record) = marked.last.as_ref()?;
    let agent = view.agent_handle.to_string();
    let human = view.created_by.to_string();
    let session = view.id;
    let line = || view.lines.iter().find(|line| line.message_id == *id).map_or(0, |line| line.number);
    Some(match &record.payload {
        Payload::Open { .. } => (format!("session: create {session} for @{agent} by @{human}"), human),
        Payload::Message { .. } => (format!("session-msg: @{human} -> {session} L{:06}", line()), human),
        Payload::Reply { .. } => (format!("session-msg: @{agent} -> {session} L{:06}", line()), agent),
        Payload::Title { turn: None, .. } => (format!("session: set title {session} by @{human}"), human),
        Payload::Title { turn: Some(_), .. } => (format!("session: set title {session} by @{agent}"), agent),
        Payload::Summary { .. } => (format!("session: summarize {session} by @{agent}"), agent),
        Payload::Claim { .. } => (format!("session: claim {session} by @{agent}"), agent),
        Payload::Failure { .. } => (format!("session: fail {session} by @{agent}"), agent),
        Payload::Archive {} => (format!("session: archive {session} by @{human}"), human),
        Payload::Unarchive {} => (format!("session: unarchive {session} by @{human}"), human),
        Payload::Stop { .. } => (format!("session: stop {session} by @{human}"), human),
        Payload::Retry { .. } => (format!("session: retry {session} by @{human}"), human),
        Payload::Continues { .. } => (format!("session: continue {session} by @{human}"), human),
        _ => return None,
    })
}

/// Renders what cannot fail to render; should the library refuse, the file says so instead of the export stopping.
fn yaml(meta: &impl serde::Serialize) -> Vec<u8> {
    render(meta).unwrap_or_else(|error| format!("error: {error}\n")).into_bytes()
}
