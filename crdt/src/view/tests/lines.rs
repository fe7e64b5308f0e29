//! Numbers: what is sealed never moves, what is provisional comes after it, and what repeats is shown once.

use super::titled;
use crate::id::RecordId;
use crate::testing::{
    FOUNDER, HOST, PHONE, Replica, answer_to, claim, failure, message, message_as, reply, retry, turn,
};
use crate::view::{Author, View};

/// Number, whether sealed, whom it answers, text.
fn lines(view: &View) -> Vec<(u64, bool, u64, &str)> {
    let line = |line: &crate::view::Line| (line.number, line.sealed, line.point_to);
    view.lines.iter().map(|at| (line(at).0, line(at).1, line(at).2, at.body.as_str())).collect()
}

#[test]
fn a_claim_seals_what_it_saw_and_the_reply_takes_the_next_number() {
    let mut replica = titled();
    replica.put(FOUNDER, message("two"));
    assert_eq!(lines(&replica.view()), [(1, false, 0, "hello"), (2, false, 0, "two")]);
    replica.agent(1, claim);
    assert_eq!(lines(&replica.view()), [(1, true, 0, "hello"), (2, true, 0, "two")]);
    replica.put(FOUNDER, message("three"));
    replica.agent(1, reply("answer"));
    let expected =
        [(1, true, 0, "hello"), (2, true, 0, "two"), (3, true, 2, "answer"), (4, false, 0, "three")];
    let view = replica.view();
    assert_eq!(lines(&view), expected, "one reply for two messages points to the last of them");
    assert_eq!(view.lines[2].author, Author::Agent);
    assert_eq!(view.handle_of(view.lines[2].author).as_str(), "claude");
    assert_eq!(view.handle_of(view.lines[3].author).as_str(), "alice");
    assert_eq!(view.last_human.0, 4);
}

#[test]
fn a_message_written_long_ago_pushes_no_sealed_line() {
    let mut replica = titled();
    let start = replica.heads();
    let mut offline = replica.fork();
    let late: Vec<RecordId> = ["late 1", "late 2"].map(|text| offline.put(PHONE, message(text))).to_vec();
    for n in 1..4 {
        replica.put(FOUNDER, message(&format!("m{n}")));
        replica.agent(n, claim);
        replica.agent(n, reply(&format!("r{n}")));
    }
    replica.put(FOUNDER, message("open"));
    let before = replica.view();
    replica.pull(&offline);
    let after = replica.view();
    let sealed = before.lines.iter().filter(|line| line.sealed).count();
    assert_eq!(sealed, 7);
    assert_eq!(before.lines[..sealed], after.lines[..sealed]);
    // Provisional ones come in canonical order: the late ones have low lamports.
    let rest: Vec<_> = lines(&after).into_iter().skip(sealed).collect();
    assert_eq!(rest, [(8, false, 0, "late 1"), (9, false, 0, "late 2"), (10, false, 0, "open")]);
    assert_eq!(after.last_human.0, 10);
    // A claim that saw only some of them seals only those.
    let tip = replica.tip();
    let host_had: Vec<RecordId> = vec![late[1], tip.unwrap()];
    replica.put_on(HOST, &host_had, claim(turn(9, tip)));
    let view = replica.view();
    let rest: Vec<_> = lines(&view).into_iter().skip(sealed).collect();
    assert_eq!(rest, [(8, true, 0, "late 1"), (9, true, 0, "late 2"), (10, false, 0, "open")]);
    assert!(start.len() == 1);
}

#[test]
fn a_line_points_to_the_line_it_answers() {
    let mut replica = titled();
    let two = replica.put(FOUNDER, message("two"));
    replica.put(PHONE, answer_to("three", two));
    replica.agent(1, claim);
    let answer = replica.agent(1, reply("four"));
    replica.put(PHONE, answer_to("five", answer));
    let view = replica.view();
    let points: Vec<u64> = view.lines.iter().map(|line| line.point_to).collect();
    assert_eq!(points, [0, 0, 2, 3, 4]);
}

#[test]
fn no_line_points_to_itself_or_on() {
    // The answered message is numbered later than its answer: a claim covers neither, order is by stamp, so
    // it cannot be; but a repetition may stand for it.
    let mut replica = titled();
    let mut other = replica.fork();
    let first = replica.put(FOUNDER, message_as("req", "same"));
    replica.put(FOUNDER, answer_to("about it", first));
    other.put(PHONE, message_as("req", "same"));
    replica.pull(&other);
    for line in &replica.view().lines {
        assert!(line.point_to < line.number);
    }
}

#[test]
fn a_repeated_request_is_shown_once_and_the_sealed_one_wins() {
    let mut replica = titled();
    let mut other = replica.fork();
    let here = replica.put(FOUNDER, message_as("req", "same"));
    let there = other.put(PHONE, message_as("req", "same"));
    let mut both = replica.fork();
    both.pull(&other);
    let shown = both.view().lines[1].message_id;
    assert_eq!(both.view().lines.len(), 2);
    assert_eq!(shown, here.min(there), "the first in canonical order");
    // Each host's claim seals the one that it saw, and the other never shows up beside it.
    for (mut side, id) in [(replica.fork(), here), (other.fork(), there)] {
        side.agent(1, claim);
        side.pull(&both);
        let view = side.view();
        assert_eq!(view.lines.len(), 2);
        assert_eq!((view.lines[1].message_id, view.lines[1].sealed), (id, true));
        assert_eq!(view.pending_inputs, 0, "nobody answers it twice");
    }
    // Another text under the same id is another message.
    both.put(PHONE, message_as("req", "other"));
    assert_eq!(both.view().lines.len(), 3);
}

#[test]
fn a_turn_without_new_messages_points_to_the_last_one() {
    let mut replica = titled();
    replica.agent(1, claim);
    replica.agent(1, failure("boom"));
    replica.put(FOUNDER, retry(1));
    replica.put(FOUNDER, message("two"));
    replica.agent(2, claim);
    replica.agent(2, reply("answer"));
    assert_eq!(lines(&replica.view()), [(1, true, 0, "hello"), (2, true, 0, "two"), (3, true, 2, "answer")]);
}

/// Two branches of the agent's chain after claim 1.
fn branched() -> (Replica, RecordId, RecordId, RecordId) {
    let mut replica = titled();
    let claimed = replica.agent(1, claim);
    let heads = replica.heads();
    let left = replica.put_on(HOST, &heads, reply("left")(turn(1, Some(claimed))));
    let right = replica.put_on(HOST, &heads, reply("right")(turn(1, Some(claimed))));
    let more = replica.put_on(FOUNDER, &[left, right], message("more"));
    (replica, left, right, more)
}

#[test]
fn of_two_branches_the_one_that_a_claim_names_wins() {
    for chosen in [0, 1] {
        let (mut replica, left, right, more) = branched();
        let sides = [left, right];
        replica.put_on(HOST, &[more], claim(turn(2, Some(sides[chosen]))));
        let view = replica.view();
        let ids: Vec<_> = view.lines.iter().map(|line| line.message_id).collect();
        assert_eq!(ids[1], sides[chosen], "the winner answers in place");
        assert_eq!(ids.len(), 4);
        assert!(ids[2..].contains(&sides[1 - chosen]), "the other is numbered by the claim that saw it");
        assert!(view.lines.iter().all(|line| line.sealed));
        let mut pair = [left, right];
        pair.sort();
        let (a, b) = view.fork.map(|fork| (fork.first, fork.second)).unwrap();
        let mut fork = [a, b];
        fork.sort();
        assert_eq!(fork, pair);
    }
}

#[test]
fn until_a_claim_chooses_the_higher_stamp_wins() {
    let (replica, left, right, _) = branched();
    let view = replica.view();
    assert_eq!(view.lines[1].message_id, left.max(right));
    assert!(view.lines[1].sealed && !view.lines[2].sealed);
}
