//! What a session means: statuses and what a reader sees beside the lines. `lines` has the numbering, `forks` the branches.

mod forks;
mod lines;

use crate::payload::Payload;
use crate::testing::{
    FOUNDER, HOST, PHONE, Replica, agent_title, attempt, claim, failure, message, reply, retry, stop,
    summary, title, turn,
};
use crate::view::{Completed, Status, View, fold};

fn titled() -> Replica {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, title("t"));
    replica
}

fn title_of(view: &View) -> Option<&str> {
    view.title.as_ref().map(crate::text::Title::as_str)
}

#[test]
fn nothing_is_seen_before_the_first_record() {
    let replica = Replica::empty(crate::testing::Workspace::new());
    assert!(fold(&replica.session, replica.workspace.roster.standing()).is_none());
}

#[test]
fn a_session_goes_from_needs_title_over_running_to_active() {
    let mut replica = Replica::opened();
    let view = replica.view();
    assert_eq!((view.status, view.pending_inputs), (Status::NeedsTitle, 1));
    assert!(view.is_actionable());
    assert_eq!((view.created_by.as_str(), view.agent_handle.as_str()), ("alice", "claude"));
    assert_eq!((view.revision, view.title, view.processing), (1, None, None));
    assert_eq!(view.created_at_ms, replica.records()[0].record().at_ms);
    let claimed = replica.agent(1, claim);
    let view = replica.view();
    assert_eq!((view.status, view.pending_inputs), (Status::Running, 0));
    assert!(!view.is_actionable());
    assert_eq!(view.open_attempts, [attempt(1)]);
    let running = view.processing.unwrap();
    assert_eq!((running.attempt, running.claim, running.input_line), (attempt(1), claimed, 1));
    assert!(!running.stop_requested);
    replica.put(PHONE, stop(1));
    assert!(replica.view().processing.unwrap().stop_requested);
    replica.agent(1, agent_title("t"));
    assert_eq!(replica.view().status, Status::Running);
    replica.agent(1, reply("r"));
    let view = replica.view();
    assert_eq!((view.status, title_of(&view)), (Status::Active, Some("t")));
    assert_eq!((view.processing.clone(), view.open_attempts.len()), (None, 0));
    let completed = Completed { attempt: attempt(1), input_line: 1, line: 2 };
    assert_eq!(view.last_completed, Some(completed));
    assert_eq!(view.preview(), "r");
    assert_eq!(view.revision, 5);
    replica.put(PHONE, message("more"));
    let view = replica.view();
    assert_eq!((view.status, view.pending_inputs), (Status::Active, 1));
    assert!(view.is_actionable());
    assert_eq!((view.last_human.0, view.last_human.1.as_str()), (3, "more"));
    replica.agent(2, claim);
    replica.put(PHONE, message("and more"));
    assert_eq!(replica.view().processing.unwrap().input_line, 3, "the newest that the claim has seen");
}

#[test]
fn a_failure_is_an_error_until_something_new_is_asked() {
    for (ask, from) in [(message("again"), Status::Active), (retry(1), Status::Active)] {
        let mut replica = titled();
        replica.agent(1, claim);
        replica.agent(1, failure("boom"));
        let view = replica.view();
        assert_eq!((view.status, view.pending_inputs), (Status::Error, 0));
        let failed = view.last_failed.unwrap();
        assert_eq!((failed.attempt, failed.reason.as_str()), (attempt(1), "boom"));
        replica.put(FOUNDER, ask);
        let view = replica.view();
        assert_eq!((view.status, view.pending_inputs), (from, 1));
        assert!(view.last_failed.is_some() && view.is_actionable());
        replica.agent(2, claim);
        let view = replica.view();
        assert_eq!((view.status, view.last_failed), (Status::Running, None));
        replica.agent(2, reply("r"));
        let view = replica.view();
        assert_eq!((view.status, view.last_failed), (Status::Active, None));
    }
}

#[test]
fn a_failure_without_title_is_an_error_too() {
    let mut replica = Replica::opened();
    replica.agent(1, claim);
    replica.agent(1, failure("boom"));
    assert_eq!(replica.view().status, Status::Error);
    replica.put(FOUNDER, retry(1));
    assert_eq!(replica.view().status, Status::NeedsTitle);
}

#[test]
fn a_retry_covers_the_message_of_the_failed_turn() {
    let mut replica = titled();
    replica.agent(1, claim);
    replica.agent(1, failure("boom"));
    replica.put(FOUNDER, retry(1));
    replica.agent(2, claim);
    assert_eq!(replica.view().processing.unwrap().input_line, 1);
    replica.agent(2, reply("r"));
    let view = replica.view();
    let answer = view.lines.last().unwrap();
    assert_eq!((answer.number, answer.point_to), (2, 1));
}

#[test]
fn archived_hides_what_it_would_be_otherwise() {
    let mut running = titled();
    running.agent(1, claim);
    let mut failed = running.fork();
    failed.agent(1, failure("boom"));
    for (mut replica, from) in [
        (Replica::opened(), Status::NeedsTitle),
        (titled(), Status::Active),
        (running, Status::Active),
        (failed, Status::Error),
    ] {
        let before = replica.view().status;
        replica.put(FOUNDER, Payload::Archive {});
        let view = replica.view();
        assert_eq!(view.status, Status::Archived);
        assert_eq!(view.archived.unwrap().from, from);
        assert_eq!(view.processing, None);
        assert!(!view.is_actionable());
        replica.put(FOUNDER, Payload::Unarchive {});
        let view = replica.view();
        assert_eq!((view.status, view.archived), (before, None));
    }
}

#[test]
fn an_archive_and_a_concurrent_message_are_both_kept() {
    let mut replica = titled();
    let mut other = replica.fork();
    replica.put(FOUNDER, Payload::Archive {});
    other.put(PHONE, message("late"));
    replica.pull(&other);
    let view = replica.view();
    assert_eq!((view.status, view.lines.len(), view.pending_inputs), (Status::Archived, 2, 2));
}

#[test]
fn a_turn_of_a_former_host_does_not_run() {
    let mut replica = titled();
    replica.agent(1, claim);
    let agent = replica.workspace.agent;
    let device = crate::testing::device(PHONE);
    let moved = Payload::MoveAgent { agent, device, epoch: 2, handover: None };
    replica.workspace.put(PHONE, moved);
    let view = replica.view();
    assert_eq!((view.status, view.processing), (Status::Active, None));
    assert_eq!(view.open_attempts, [attempt(1)], "the new host has to end it");
    let tip = replica.tip();
    replica.put(PHONE, failure("moved")(turn(1, tip)));
    let view = replica.view();
    assert_eq!((view.status, view.open_attempts.len()), (Status::Error, 0));
}

#[test]
fn the_title_is_the_newest_by_either_hand() {
    let mut replica = titled();
    replica.agent(1, claim);
    let claimed = replica.heads();
    replica.agent(1, agent_title("by the agent"));
    assert_eq!(title_of(&replica.view()), Some("by the agent"));
    // The creator's, concurrent to it: the higher (lamport, id) is shown, and automerge says the same.
    replica.put_on(FOUNDER, &claimed, title("by the creator"));
    let agrees = |replica: &Replica| {
        let document = replica.session.document().unwrap();
        assert_eq!(document.title().as_deref(), title_of(&replica.view()));
    };
    agrees(&replica);
    replica.put(PHONE, title("after both"));
    assert_eq!(title_of(&replica.view()), Some("after both"));
    agrees(&replica);
}

#[test]
fn the_summary_is_the_newest() {
    let mut replica = titled();
    replica.agent(1, claim);
    replica.agent(1, summary("one"));
    replica.agent(1, summary("two"));
    let (text, at_ms) = replica.view().summary.unwrap();
    assert_eq!((text.as_str(), at_ms), ("two", crate::testing::AT_MS));
    replica.agent(1, reply("r"));
    assert_eq!(replica.view().lines.len(), 2, "a summary is no line");
    assert_eq!(replica.session.document().unwrap().thread_len(), 2);
}

#[test]
fn a_fork_of_the_agents_chain_is_shown_the_same_everywhere() {
    let mut replica = titled();
    let claimed = replica.agent(1, claim);
    let heads = replica.heads();
    let answers = ["left", "right", "third"]
        .map(|text| replica.workspace.record(HOST, &heads, reply(text)(turn(1, Some(claimed)))));
    let mut views = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut other = replica.fork();
        for at in order {
            other.take(&answers[at]);
        }
        views.push(other.view());
    }
    let (first, second) = views[0].fork.map(|fork| (fork.first, fork.second)).unwrap();
    let ids = answers.map(|answer| answer.id());
    assert!(first != second && ids.contains(&first) && ids.contains(&second));
    assert_eq!(views[0], views[1]);
    assert_eq!(views[0], views[2]);
    assert_eq!(replica.view().fork, None);
}
