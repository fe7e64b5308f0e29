//! The files of one session, from its view. Pure: equal views give equal bytes.

use starling_crdt::id::{SessionId, StreamKey};
use starling_crdt::view::{Status, View};

use super::super::export_meta::{self, SessionMeta, check};
use super::super::export_text::{ThreadEntry, render_thread};
use super::{Change, ExportPlan, yaml};
use crate::fault::{Fault, planted};

/// The files of a session, and where it may have been before; with `collides`, it shares its id with another one.
pub(super) fn session(view: &View, collides: bool) -> Change {
    let live = format!("quick-sessions/{}", view.id);
    let archive = format!("archive/quick-sessions/{}", view.id);
    let collisions = format!("collisions/{}", view.id);
    let (home, removes) = match (collides, view.archived.is_some()) {
        (true, _) => (format!("{collisions}/{}", view.key), vec![live, archive]),
        (false, false) => (live, vec![archive, collisions]),
        (false, true) if planted(Fault::ArchiveLeftBehind) => (archive, vec![collisions]),
        (false, true) => (archive, vec![live, collisions]),
    };
    let meta = meta(view);
    debug_assert!(check(&meta).is_ok(), "{:?} in {meta:?}", check(&meta));
    let writes = vec![
        (format!("{home}/session.meta.yaml"), yaml(&meta)),
        (format!("{home}/discussion.thread"), thread(view).into_bytes()),
    ];
    Change { writes, removes }
}

/// A session of which nothing counts any more leaves the export. With `others`, the places outside `collisions/` are, or
/// will be, theirs.
pub(super) fn gone(id: &SessionId, key: &StreamKey, others: bool) -> Change {
    let mut removes = vec![format!("collisions/{id}/{key}")];
    if !others {
        removes.extend([format!("quick-sessions/{id}"), format!("archive/quick-sessions/{id}")]);
    }
    Change { writes: Vec::new(), removes }
}

/// Adds a YAML file to a plan.
pub(super) fn put(plan: &mut ExportPlan, path: String, meta: &impl serde::Serialize) {
    plan.writes.insert(path, yaml(meta));
}

fn thread(view: &View) -> String {
    let entry = |line: &starling_crdt::view::Line| ThreadEntry {
        line: line.number,
        point_to: line.point_to,
        author: view.handle_of(line.author).to_string(),
        time_ms: line.at_ms,
        body: line.body.to_string(),
    };
    render_thread(&view.lines.iter().map(entry).collect::<Vec<_>>())
}

const fn status(status: Status) -> export_meta::Status {
    match status {
        Status::NeedsTitle => export_meta::Status::NeedsTitle,
        Status::Running => export_meta::Status::Running,
        Status::Active => export_meta::Status::Active,
        Status::Error => export_meta::Status::Error,
        Status::Archived => export_meta::Status::Archived,
    }
}

fn meta(view: &View) -> SessionMeta {
    let turn = view.processing.as_ref();
    let done = view.last_completed.as_ref();
    let failed = view.last_failed.as_ref();
    SessionMeta {
        id: view.id.to_string(),
        title: view.title.as_ref().map(ToString::to_string),
        agent_id: view.agent_handle.to_string(),
        created_by: view.created_by.to_string(),
        status: status(view.status),
        created_at_ms: view.created_at_ms,
        updated_at_ms: view.updated_at_ms,
        archived_at_ms: view.archived.map(|archived| archived.at_ms),
        archived_from: view.archived.map(|archived| status(archived.from)),
        summary: view.summary.as_ref().map(|(summary, _)| summary.to_string()),
        summary_updated_at_ms: view.summary.as_ref().map(|(_, at_ms)| *at_ms),
        last_message_preview: view.preview(),
        error: failed.map(|failed| failed.reason.to_string()),
        processing_input_line: turn.map(|turn| turn.input_line),
        processing_started_at_ms: turn.map(|turn| turn.started_at_ms),
        attempt_id: turn.map(|turn| turn.attempt.to_string()),
        last_completed_attempt_id: done.map(|done| done.attempt.to_string()),
        last_completed_input_line: done.map(|done| done.input_line),
        last_completed_line: done.map(|done| done.line),
        last_failed_attempt_id: failed.map(|failed| failed.attempt.to_string()),
        last_human_request_id: Some(view.last_human.1.to_string()),
        last_human_line: Some(view.last_human.0),
        revision: view.revision,
    }
}
