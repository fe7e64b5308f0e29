//! Each rule of `rules`, both ways: what it admits and what it refuses, with the exact refusal.

mod counted;
mod graph;
mod hostile;
mod place;
mod waiting;

use crate::payload::Payload;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::testing::{
    ADMIN, BOB, FOUNDER, GUEST, HOST, PHONE, Replica, STRANGER, Workspace, agent_title, answer_to, body,
    claim, failure, message, message_as, reply, request, retry, stop, summary, title, turn,
};

const TURN_KINDS: usize = 4;

/// The agent's records of a turn, titled or not.
fn turn_payloads(n: u8, prev: Option<crate::id::RecordId>) -> [Payload; TURN_KINDS] {
    [
        agent_title("t")(turn(n, prev)),
        reply("r")(turn(n, prev)),
        summary("s")(turn(n, prev)),
        failure("f")(turn(n, prev)),
    ]
}

#[test]
fn only_a_full_member_opens_a_session_and_only_as_itself() {
    let workspace = Workspace::new();
    for (seed, admitted) in [(FOUNDER, true), (PHONE, true), (BOB, false), (STRANGER, false)] {
        let mut replica = Replica::empty(workspace.clone());
        let offer = replica.take(&workspace.open_by(seed));
        assert_eq!(matches!(offer, Offer::Admitted(_)), admitted, "{seed}");
    }
    // A guest is not let in even under its own name.
    for (seed, creator, admitted) in
        [(GUEST, workspace.guest, false), (BOB, workspace.bob, true), (ADMIN, workspace.admin, true)]
    {
        assert_eq!(opens(&workspace, seed, creator, workspace.agent), admitted, "{seed}");
    }
    assert!(!opens(&workspace, FOUNDER, workspace.founder, workspace.bob), "bob is no agent");
}

fn opens(workspace: &Workspace, seed: u8, creator: crate::id::MemberId, agent: crate::id::AgentId) -> bool {
    let header = crate::payload::Header { creator, agent, ..workspace.header(1) };
    let stream = header.key(&workspace.id());
    let payload = Payload::Open { header, body: body("hello"), request_id: request("first") };
    let mut record = workspace.open().record().clone();
    record.stream = stream;
    record.author = crate::testing::device(seed);
    record.payload = payload;
    let signed = crate::signed::Signed::sign(record, &crate::testing::key(seed)).unwrap();
    let mut session = crate::session::Session::new(workspace.id(), stream);
    match session.offer(signed, &workspace.roster) {
        Offer::Admitted(_) => true,
        Offer::Refused(Refusal::NotAllowed(crate::payload::Role::Creator)) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_retired_agent_takes_no_session_and_no_turn_but_may_end_one() {
    let mut replica = Replica::opened();
    replica.agent(1, claim);
    let agent = replica.workspace.agent;
    replica.workspace.put(FOUNDER, Payload::RetireAgent { agent });
    assert!(!opens(&replica.workspace, FOUNDER, replica.workspace.founder, agent));
    let tip = replica.tip();
    let not_agent = Some(Refusal::NotAllowed(crate::payload::Role::Agent));
    assert_eq!(replica.refusal(HOST, agent_title("t")(turn(1, tip))), not_agent);
    assert_eq!(replica.refusal(HOST, failure("retired")(turn(1, tip))), None);
}

#[test]
fn only_the_creators_devices_write_as_creator() {
    let mut replica = Replica::opened();
    let not_creator = Some(Refusal::NotAllowed(crate::payload::Role::Creator));
    for seed in [BOB, ADMIN, GUEST, STRANGER] {
        for payload in [message("m"), title("t"), Payload::Archive {}, stop(1), retry(1)] {
            assert_eq!(replica.refusal(seed, payload), not_creator);
        }
    }
    for seed in [FOUNDER, PHONE, HOST] {
        assert_eq!(replica.refusal(seed, message(&format!("m{seed}"))), None);
    }
}

#[test]
fn only_the_host_writes_as_agent() {
    let mut replica = Replica::opened();
    let not_agent = Some(Refusal::NotAllowed(crate::payload::Role::Agent));
    for seed in [FOUNDER, PHONE, BOB, STRANGER] {
        assert_eq!(replica.refusal(seed, claim(turn(1, None))), not_agent);
        for payload in turn_payloads(1, None) {
            assert_eq!(replica.refusal(seed, payload), not_agent);
        }
    }
    assert_eq!(replica.refusal(HOST, claim(turn(1, None))), None);
}

#[test]
fn a_reply_needs_a_title_in_its_own_past() {
    let mut replica = Replica::opened();
    let claimed = replica.agent(1, claim);
    let tip = Some(claimed);
    let gate = Some(Refusal::TitleRequired);
    assert_eq!(replica.refusal(HOST, reply("r")(turn(1, tip))), gate);
    assert_eq!(replica.refusal(HOST, summary("s")(turn(1, tip))), gate);
    // A concurrent title that the replica holds does not help one who had not seen it.
    replica.put(FOUNDER, title("t"));
    assert_eq!(replica.refusal_on(HOST, &[claimed], reply("r2")(turn(1, tip))), gate);
    assert_eq!(replica.refusal_on(HOST, &[claimed], summary("s2")(turn(1, tip))), gate);
    // One who had may answer.
    assert_eq!(replica.refusal(HOST, summary("s")(turn(1, tip))), None);
    replica.agent(1, reply("r"));
}

#[test]
fn the_agents_own_title_opens_the_gate() {
    let mut replica = Replica::opened();
    replica.agent(1, claim);
    replica.agent(1, agent_title("t"));
    replica.agent(1, reply("r"));
    assert!(replica.session.facts().open.is_empty());
}

#[test]
fn a_turn_needs_its_claim_open_in_its_past() {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, title("t"));
    let before = replica.heads();
    let not_open = Some(Refusal::AttemptNotOpen);
    for payload in turn_payloads(1, None) {
        assert_eq!(replica.refusal(HOST, payload), not_open, "never claimed");
    }
    assert_eq!(replica.refusal(FOUNDER, stop(1)), not_open);
    let claimed = replica.agent(1, claim);
    for payload in turn_payloads(1, None) {
        assert_eq!(replica.refusal_on(HOST, &before, payload), not_open, "claimed elsewhere");
    }
    assert_eq!(replica.refusal_on(FOUNDER, &before, stop(1)), not_open);
    assert_eq!(replica.refusal_on(FOUNDER, &[claimed], stop(1)), None);
    replica.agent(1, reply("r"));
    let tip = replica.tip();
    for payload in turn_payloads(1, tip) {
        assert_eq!(replica.refusal(HOST, payload), not_open, "ended");
    }
    assert_eq!(replica.refusal(FOUNDER, stop(1)), not_open);
}

#[test]
fn prev_is_the_newest_agent_record() {
    let mut replica = Replica::opened();
    let root = replica.heads();
    let wrong = Some(Refusal::WrongPrev);
    assert_eq!(replica.refusal(HOST, claim(turn(1, Some(root[0])))), wrong, "no agent's record");
    let claimed = replica.agent(1, claim);
    let titled = replica.agent(1, agent_title("t"));
    assert_eq!(replica.refusal(HOST, reply("r")(turn(1, None))), wrong);
    assert_eq!(replica.refusal(HOST, reply("r")(turn(1, Some(claimed)))), wrong);
    assert_eq!(replica.refusal(HOST, reply("r")(turn(1, Some(titled)))), None);
    replica.put(FOUNDER, message("more"));
    assert_eq!(replica.refusal(HOST, claim(turn(2, None))), wrong);
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(titled)))), wrong);
}

#[test]
fn a_claim_needs_an_input_and_no_open_claim() {
    let mut replica = Replica::opened();
    let claimed = replica.agent(1, claim);
    replica.put(FOUNDER, message("more"));
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(claimed)))), Some(Refusal::ClaimOpen));
    replica.put(FOUNDER, title("t"));
    let replied = replica.agent(1, reply("r"));
    assert_eq!(replica.refusal(HOST, claim(turn(1, Some(replied)))), Some(Refusal::AttemptReused));
    replica.agent(2, claim);
    let replied = replica.agent(2, reply("r2"));
    assert_eq!(replica.refusal(HOST, claim(turn(3, Some(replied)))), Some(Refusal::NothingToClaim));
}

#[test]
fn a_repetition_of_a_covered_message_is_no_input() {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, title("t"));
    replica.put(FOUNDER, message_as("req", "same"));
    replica.agent(1, claim);
    let replied = replica.agent(1, reply("r"));
    replica.put(PHONE, message_as("req", "same"));
    let nothing = Some(Refusal::NothingToClaim);
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(replied)))), nothing);
    // The same request id with another text, or the same text with another id, is a message of its own.
    let mut other = replica.fork();
    other.put(PHONE, message_as("req", "other"));
    assert_eq!(other.refusal(HOST, claim(turn(2, Some(replied)))), None);
    replica.put(PHONE, message_as("req2", "same"));
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(replied)))), None);
}

#[test]
fn a_failed_attempt_can_be_retried_once() {
    let mut replica = Replica::opened();
    assert_eq!(replica.refusal(FOUNDER, retry(1)), Some(Refusal::AttemptNotFailed));
    replica.agent(1, claim);
    assert_eq!(replica.refusal(FOUNDER, retry(1)), Some(Refusal::AttemptNotFailed));
    let before = replica.heads();
    let failed = replica.agent(1, failure("boom"));
    assert_eq!(replica.refusal_on(FOUNDER, &before, retry(1)), Some(Refusal::AttemptNotFailed));
    let nothing = Some(Refusal::NothingToClaim);
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(failed)))), nothing);
    replica.put(FOUNDER, retry(1));
    replica.agent(2, claim);
    let failed = replica.agent(2, failure("boom again"));
    replica.put(PHONE, retry(1));
    assert_eq!(replica.refusal(HOST, claim(turn(3, Some(failed)))), nothing, "a second retry");
    replica.put(PHONE, retry(2));
    replica.agent(3, claim);
}

#[test]
fn an_archived_session_takes_only_unarchive_and_failure() {
    let mut replica = Replica::opened();
    assert_eq!(replica.refusal(FOUNDER, Payload::Unarchive {}), Some(Refusal::NotArchived));
    replica.put(FOUNDER, title("t"));
    let claimed = replica.agent(1, claim);
    let before = replica.heads();
    replica.put(FOUNDER, Payload::Archive {});
    let archived = Some(Refusal::Archived);
    assert_eq!(replica.refusal(PHONE, Payload::Archive {}), archived);
    for payload in [message("m"), title("t2"), stop(1), retry(1)] {
        assert_eq!(replica.refusal(FOUNDER, payload), archived);
    }
    let prev = Some(claimed);
    for payload in [reply("r")(turn(1, prev)), summary("s")(turn(1, prev)), claim(turn(2, prev))] {
        assert_eq!(replica.refusal(HOST, payload), archived);
    }
    // Who had not seen the archive may write; the session stays archived.
    assert_eq!(replica.refusal_on(PHONE, &before, message("late")), None);
    assert!(replica.session.facts().is_archived());
    assert_eq!(replica.refusal(HOST, failure("archived")(turn(1, prev))), None);
    replica.put(FOUNDER, Payload::Unarchive {});
    assert!(!replica.session.facts().is_archived());
    replica.put(FOUNDER, message("again"));
}

#[test]
fn of_concurrent_archive_and_unarchive_the_later_in_canonical_order_stands() {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, Payload::Archive {});
    let before = replica.heads();
    replica.put(FOUNDER, Payload::Unarchive {});
    replica.put(FOUNDER, message("m"));
    replica.put(FOUNDER, Payload::Archive {});
    replica.put_on(PHONE, &before, Payload::Unarchive {});
    assert!(replica.session.facts().is_archived(), "the longer history is later");
}

#[test]
fn an_answered_message_is_a_line_of_the_past() {
    let mut replica = Replica::opened();
    let root = replica.heads();
    let other = replica.put(PHONE, message("other"));
    let unknown = Some(Refusal::UnknownReplyTo);
    assert_eq!(replica.refusal_on(FOUNDER, &root, answer_to("a", other)), unknown);
    assert_eq!(replica.refusal_on(FOUNDER, &root, answer_to("b", replica.workspace.founder)), unknown);
    assert_eq!(replica.refusal(FOUNDER, answer_to("c", other)), None);
    let titled = replica.put(FOUNDER, title("t"));
    assert_eq!(replica.refusal(FOUNDER, answer_to("d", titled)), unknown, "a title is no line");
}

#[test]
fn two_claims_of_one_attempt_that_had_not_seen_each_other_are_both_kept() {
    let mut replica = Replica::opened();
    let root = replica.heads();
    replica.agent(1, claim);
    let asked = replica.put_on(FOUNDER, &root, message("more"));
    assert_eq!(replica.refusal_on(HOST, &[asked], claim(turn(1, None))), None);
    let facts = replica.session.facts();
    assert_eq!((facts.open.len(), facts.tips.len()), (2, 2));
    // One failure ends what its past holds of the attempt: on both, both.
    let tip = replica.tip();
    assert_eq!(replica.refusal(HOST, failure("boom")(turn(1, tip))), None);
    assert!(replica.session.facts().open.is_empty());
}
