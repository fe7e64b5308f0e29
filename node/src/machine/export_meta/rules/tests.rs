//! One fault for each rule of the format.

use super::*;
use crate::machine::export_meta::tests::{ATTEMPT, ID, active, archived, failed, full, needs_title, running};

#[test]
fn every_state_has_a_sound_meta() {
    let states = [active(), running(), failed(), needs_title(), full()];
    for meta in states.into_iter().chain([active(), needs_title(), failed()].map(archived)) {
        assert_eq!(check(&meta), Ok(()), "{meta:?}");
    }
    let recovered = SessionMeta { status: Status::Active, ..failed() };
    assert_eq!(check(&recovered), Ok(()));
}

/// One change to a sound meta, and the field that the broken rule is about.
type Fault = (SessionMeta, fn(&mut SessionMeta), &'static str);

#[test]
fn every_broken_rule_is_named() {
    let faults: Vec<Fault> = vec![
        (active(), |meta| meta.id = ID.to_lowercase(), "id"),
        (active(), |meta| meta.id = ID.replace('J', "I"), "id"),
        (active(), |meta| meta.agent_id = "a--b".to_owned(), "agent_id"),
        (active(), |meta| meta.created_by = "system".to_owned(), "created_by"),
        (active(), |meta| meta.title = None, "title"),
        (active(), |meta| meta.title = Some("x".repeat(81)), "title"),
        (active(), |meta| meta.title = Some(" ".to_owned()), "title"),
        (needs_title(), |meta| meta.title = Some("x".to_owned()), "title"),
        (active(), |meta| meta.updated_at_ms = u64::MAX, "created_at"),
        (active(), |meta| meta.archived_at_ms = Some(1), "archived_at"),
        (archived(active()), |meta| meta.archived_from = None, "archived_at"),
        (archived(active()), |meta| meta.archived_from = Some(Status::Running), "archived_from"),
        (archived(active()), |meta| meta.title = None, "archived_from"),
        (archived(active()), |meta| meta.archived_from = Some(Status::NeedsTitle), "archived_from"),
        (full(), |meta| meta.summary_updated_at_ms = None, "summary"),
        (full(), |meta| meta.summary = Some(" ".to_owned()), "summary"),
        (full(), |meta| meta.summary = Some("x".repeat(4_001)), "summary"),
        (failed(), |meta| meta.error = Some(" \n".to_owned()), "error"),
        (archived(failed()), |meta| (meta.error, meta.last_failed_attempt_id) = (None, None), "error"),
        (running(), |meta| meta.error = Some("x".to_owned()), "error"),
        (active(), |meta| meta.error = Some("x".to_owned()), "error"),
        (active(), |meta| meta.last_failed_attempt_id = Some(ATTEMPT.to_owned()), "last_failed_attempt_id"),
        (failed(), |meta| meta.last_failed_attempt_id = Some(ID.to_owned()), "last_failed_attempt_id"),
        (running(), |meta| meta.attempt_id = None, "processing_input_line"),
        (active(), |meta| meta.attempt_id = Some(ATTEMPT.to_owned()), "processing_input_line"),
        (running(), |meta| meta.attempt_id = Some("qa-1".to_owned()), "attempt_id"),
        (running(), |meta| meta.processing_input_line = Some(2), "processing_input_line"),
        (running(), |meta| meta.processing_input_line = Some(0), "processing_input_line"),
        (active(), |meta| meta.last_completed_line = None, "last_completed_attempt_id"),
        (active(), |meta| meta.last_completed_attempt_id = None, "last_completed_attempt_id"),
        (active(), |meta| meta.last_completed_line = Some(1), "last_completed_line"),
        (active(), |meta| meta.last_completed_input_line = Some(0), "last_completed_input_line"),
        (
            active(),
            |meta| (meta.last_human_line, meta.last_human_request_id) = (None, None),
            "last_completed_input_line",
        ),
        (active(), |meta| meta.last_human_line = Some(0), "last_completed_input_line"),
        (active(), |meta| meta.last_message_preview = "x".repeat(161), "last_message_preview"),
        (active(), |meta| meta.revision = 0, "revision"),
    ];
    for (mut meta, fault, field) in faults {
        fault(&mut meta);
        assert_eq!(check(&meta).map_err(|error| error.field), Err(field), "{meta:?}");
    }
}
