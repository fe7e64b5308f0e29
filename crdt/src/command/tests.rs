//! Each answer of `decide`, and that what it says to write is admitted.

use super::{Command, Decision, Rejected, decide};
use crate::id::RecordId;
use crate::limits::{DEPS_MAX, SESSION_RECORDS_MAX};
use crate::testing::{FOUNDER, HOST, PHONE, Replica, attempt, body, claim, message_as, request, turn};
use crate::text::{Reason, Summary, Title};
use crate::view::Status;

fn ask(text: &str) -> Command {
    ask_as(text, text)
}

fn ask_as(id: &str, text: &str) -> Command {
    Command::Message { body: body(text), request_id: request(id), reply_to: None }
}

fn name(text: &str) -> Title {
    Title::new(text).unwrap()
}

fn set_title(n: u8) -> Command {
    Command::SetTitle(attempt(n), name("by the agent"))
}

fn answer(n: u8) -> Command {
    Command::Reply(attempt(n), body("answer"))
}

fn sum_up(n: u8) -> Command {
    Command::Summarize(attempt(n), Summary::new("in short").unwrap())
}

fn fail(n: u8) -> Command {
    Command::Fail(attempt(n), Reason::cut("boom"))
}

fn decided(replica: &Replica, command: Command) -> Result<Decision, Rejected> {
    decide(&replica.session, &replica.view(), replica.workspace.founder, command)
}

fn rejected(replica: &Replica, command: Command) -> Option<Rejected> {
    decided(replica, command).err()
}

/// Does what is decided; it must be a write, and be admitted.
fn does(replica: &mut Replica, command: Command) -> RecordId {
    let Ok(Decision::Write(payload)) = decided(replica, command.clone()) else {
        panic!("{:?}", decided(replica, command));
    };
    let seed = if payload.turn().is_some() { HOST } else { PHONE };
    let deps = replica.session.write_deps(replica.view().tip);
    replica.put_on(seed, &deps, payload)
}

fn already(replica: &Replica, command: Command) -> Option<RecordId> {
    match decided(replica, command) {
        Ok(Decision::Already(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_conversation_is_decided_and_admitted_step_by_step() {
    let mut replica = Replica::opened();
    let claimed = does(&mut replica, Command::Claim(attempt(1)));
    does(&mut replica, set_title(1));
    does(&mut replica, sum_up(1));
    does(&mut replica, Command::Stop);
    does(&mut replica, answer(1));
    let asked = does(&mut replica, ask("more"));
    let about =
        Command::Message { body: body("about it"), request_id: request("about"), reply_to: Some(asked) };
    does(&mut replica, about);
    does(&mut replica, Command::Claim(attempt(2)));
    does(&mut replica, fail(2));
    does(&mut replica, Command::Retry);
    does(&mut replica, Command::Claim(attempt(3)));
    does(&mut replica, Command::Title(name("by the creator")));
    does(&mut replica, Command::Archive);
    does(&mut replica, fail(3));
    does(&mut replica, Command::Unarchive);
    assert_eq!(replica.view().status, Status::Error);
    assert_eq!(replica.view().lines[1].point_to, 1);
    assert!(replica.session.entry(&claimed).is_some());
}

#[test]
fn only_the_creator_asks_names_and_closes() {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, crate::testing::title("t"));
    for command in [
        ask("m"),
        Command::Title(name("t2")),
        Command::Archive,
        Command::Unarchive,
        Command::Stop,
        Command::Retry,
    ] {
        let other = decide(&replica.session, &replica.view(), replica.workspace.bob, command);
        assert_eq!(other, Err(Rejected::NotCreator));
    }
    // The host acts for the agent, whoever's device it is.
    let other = decide(&replica.session, &replica.view(), replica.workspace.bob, Command::Claim(attempt(1)));
    assert!(matches!(other, Ok(Decision::Write(_))));
}

#[test]
fn the_title_gate_is_told_in_the_agents_words() {
    let mut replica = Replica::opened();
    does(&mut replica, Command::Claim(attempt(1)));
    assert_eq!(rejected(&replica, answer(1)), Some(Rejected::TitleRequired));
    assert_eq!(rejected(&replica, sum_up(1)), Some(Rejected::TitleRequired));
    let told = Rejected::TitleRequired.to_string();
    assert_eq!(told, "call set_title first, then reply again");
    does(&mut replica, set_title(1));
    does(&mut replica, answer(1));
}

#[test]
fn a_turn_that_is_over_takes_nothing_more() {
    let mut replica = Replica::opened();
    let stale = Some(Rejected::StaleAttempt);
    let all = |replica: &Replica| [set_title(1), answer(1), sum_up(1), fail(1)].map(|c| rejected(replica, c));
    assert_eq!(all(&replica), [stale; 4], "never claimed");
    does(&mut replica, Command::Claim(attempt(1)));
    does(&mut replica, set_title(1));
    does(&mut replica, answer(1));
    assert_eq!(all(&replica), [stale; 4], "answered");
}

#[test]
fn an_archived_session_takes_only_unarchive_and_the_end_of_a_turn() {
    let mut replica = Replica::opened();
    does(&mut replica, Command::Claim(attempt(1)));
    does(&mut replica, set_title(1));
    does(&mut replica, Command::Archive);
    for command in [
        ask("m"),
        Command::Title(name("other")),
        Command::Stop,
        Command::Retry,
        Command::Claim(attempt(2)),
        set_title(1),
        answer(1),
        sum_up(1),
    ] {
        assert_eq!(rejected(&replica, command), Some(Rejected::Archived));
    }
    assert_eq!(already(&replica, Command::Archive), None);
    does(&mut replica, fail(1));
    does(&mut replica, Command::Unarchive);
    assert_eq!(already(&replica, Command::Unarchive), None);
}

#[test]
fn a_request_that_comes_again_is_already_done_even_when_archived() {
    let mut replica = Replica::opened();
    let first = replica.heads()[0];
    assert_eq!(already(&replica, ask_as("first", "hello")), Some(first));
    let reused = Some(Rejected::RequestIdReused);
    assert_eq!(rejected(&replica, ask_as("first", "other")), reused);
    let asked = does(&mut replica, ask("more"));
    does(&mut replica, Command::Archive);
    assert_eq!(already(&replica, ask("more")), Some(asked));
    assert_eq!(rejected(&replica, ask_as("more", "other")), reused);
}

#[test]
fn a_request_that_was_written_twice_is_named_by_the_record_that_is_shown() {
    let start = Replica::opened();
    let mut sides = [start.fork(), start.fork()];
    let ids = [FOUNDER, PHONE].map(|seed| {
        let side = usize::from(seed == PHONE);
        sides[side].put(seed, message_as("req", "same"))
    });
    for (at, id) in ids.iter().enumerate() {
        // The other one's copy came first; the claim saw only this one.
        let mut replica = start.fork();
        replica.pull(&sides[1 - at]);
        replica.pull(&sides[at]);
        assert_eq!(already(&replica, ask_as("req", "same")), ids.iter().min().copied());
        replica.put_on(HOST, &[*id], claim(turn(1, None)));
        assert_eq!(already(&replica, ask_as("req", "same")), Some(*id));
    }
}

#[test]
fn an_answered_message_must_be_here() {
    let mut replica = Replica::opened();
    let titled = does(&mut replica, Command::Title(name("t")));
    for unknown in [titled, RecordId::from_bytes([1; 32])] {
        let about = Command::Message { body: body("m"), request_id: request("m"), reply_to: Some(unknown) };
        assert_eq!(rejected(&replica, about), Some(Rejected::UnknownReplyTo));
    }
}

#[test]
fn what_is_so_already_is_not_written_again() {
    let mut replica = Replica::opened();
    does(&mut replica, Command::Title(name("t")));
    assert_eq!(already(&replica, Command::Title(name("t"))), None);
    let claimed = does(&mut replica, Command::Claim(attempt(1)));
    assert_eq!(already(&replica, Command::Claim(attempt(1))), Some(claimed));
    does(&mut replica, Command::Stop);
    assert_eq!(already(&replica, Command::Stop), None);
    assert_eq!(already(&replica, Command::Retry), None, "it runs");
    does(&mut replica, fail(1));
    does(&mut replica, Command::Retry);
    assert_eq!(already(&replica, Command::Retry), None, "it will run");
}

#[test]
fn there_must_be_something_to_do() {
    let mut replica = Replica::opened();
    assert_eq!(rejected(&replica, Command::Stop), Some(Rejected::NothingRuns));
    does(&mut replica, Command::Claim(attempt(1)));
    does(&mut replica, ask("more"));
    let nothing = Some(Rejected::NothingToClaim);
    assert_eq!(rejected(&replica, Command::Claim(attempt(2))), nothing, "one is open");
    does(&mut replica, set_title(1));
    does(&mut replica, answer(1));
    does(&mut replica, Command::Claim(attempt(2)));
    does(&mut replica, answer(2));
    assert_eq!(rejected(&replica, Command::Claim(attempt(3))), nothing);
    assert_eq!(rejected(&replica, Command::Retry), Some(Rejected::NothingFailed));
    assert_eq!(rejected(&replica, Command::Stop), Some(Rejected::NothingRuns));
}

#[test]
fn the_name_of_an_ended_attempt_is_not_claimed_again() {
    let mut replica = Replica::opened();
    does(&mut replica, Command::Claim(attempt(1)));
    does(&mut replica, fail(1));
    does(&mut replica, ask("more"));
    assert_eq!(rejected(&replica, Command::Claim(attempt(1))), Some(Rejected::StaleAttempt));
}

#[test]
fn a_full_session_can_only_be_ended() {
    let mut replica = Replica::opened();
    replica.put(FOUNDER, crate::testing::title("t"));
    while replica.session.len() < SESSION_RECORDS_MAX - 2 {
        let text = replica.session.len().to_string();
        replica.put(FOUNDER, crate::testing::message(&text));
    }
    replica.put(HOST, claim(turn(1, None)));
    does(&mut replica, ask("the last"));
    let full = Some(Rejected::Full);
    for command in [ask("m"), Command::Title(name("t2")), set_title(1), sum_up(1)] {
        assert_eq!(rejected(&replica, command), full);
    }
    does(&mut replica, fail(1));
    let retry = decided(&replica, Command::Claim(attempt(2)));
    assert_eq!(retry, Err(Rejected::Full));
    does(&mut replica, Command::Archive);
    does(&mut replica, Command::Unarchive);
}

#[test]
fn more_heads_than_a_record_may_name_do_not_stop_the_writers() {
    let mut replica = Replica::opened();
    does(&mut replica, Command::Title(name("t")));
    let start = replica.heads();
    does(&mut replica, Command::Claim(attempt(1)));
    // A creator's device, or a copy of it, forks as wide as it likes.
    for n in 0..40 {
        replica.put_on(FOUNDER, &start, crate::testing::message(&format!("m{n}")));
    }
    assert_eq!(replica.session.heads().len(), 41);
    assert!(replica.session.write_deps(replica.view().tip).len() <= DEPS_MAX);
    does(&mut replica, answer(1));
    does(&mut replica, Command::Claim(attempt(2)));
    does(&mut replica, answer(2));
    does(&mut replica, ask("one more"));
    while replica.session.heads().len() > 1 {
        let step = format!("merge {}", replica.session.len());
        does(&mut replica, ask(&step));
    }
}
