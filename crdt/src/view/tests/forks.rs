//! Which branch of the agent's chain wins, and how the others are shown.

use super::titled;
use crate::id::RecordId;
use crate::payload::Payload;
use crate::testing::{FOUNDER, HOST, PHONE, Replica, claim, device, message, reply, turn};
use crate::view::{Line, Status};

/// The phone takes the agent by force.
fn take_over(replica: &mut Replica) {
    let agent = replica.workspace.agent;
    let moved = Payload::MoveAgent { agent, device: device(PHONE), epoch: 2, handover: None };
    replica.workspace.put(PHONE, moved);
}

fn line<'a>(lines: &'a [Line], text: &str) -> &'a Line {
    lines.iter().find(|line| line.body.as_str() == text).unwrap()
}

/// The old host answered twice; the phone, which had heard of none of it, took over and answered once.
fn taken_over() -> (Replica, Replica) {
    let start = titled();
    let mut old = start.fork();
    for n in 1..3 {
        old.put(FOUNDER, message(&format!("m{n}")));
        old.agent(n, claim);
        old.agent(n, reply(&format!("old {n}")));
    }
    let mut new = start.fork();
    take_over(&mut new);
    let claimed = new.put(PHONE, claim(turn(9, None)));
    new.put(PHONE, reply("new")(turn(9, Some(claimed))));
    (old, new)
}

#[test]
fn after_a_take_over_the_higher_epoch_wins_though_the_old_host_claimed_later() {
    let (old, mut new) = taken_over();
    let alone = new.view();
    new.pull(&old);
    let view = new.view();
    let fork = view.fork.unwrap();
    assert!(fork.taken_over);
    let author = |id: &RecordId| new.session.entry(id).unwrap().signed.record().author;
    assert_eq!([author(&fork.first), author(&fork.second)].iter().filter(|a| **a == device(HOST)).count(), 1);
    // What the new host sealed stands as it stood; the old host's come after it.
    let sealed = alone.lines.iter().filter(|line| line.sealed).count();
    assert_eq!(sealed, 2);
    assert_eq!(view.lines[..sealed], alone.lines[..sealed]);
    assert!(!line(&view.lines, "new").lost);
    for text in ["old 1", "old 2"] {
        let late = line(&view.lines, text);
        assert!(late.lost && !late.sealed, "{text}");
    }
    assert_eq!(view.tip, alone.tip, "the next turn goes on from the new host's");
    // Whoever held the old branch sees the same, and is warned that its sealed lines moved.
    let mut other = old.fork();
    other.workspace = new.workspace.clone();
    other.session.recount(&new.workspace.roster.standing().clone());
    other.pull(&new);
    assert_eq!(other.view(), view);
}

#[test]
fn the_next_claim_numbers_what_was_lost_and_keeps_its_mark() {
    let (old, mut new) = taken_over();
    new.pull(&old);
    // What the old host answered is answered; only something new is claimed.
    new.put(FOUNDER, message("more"));
    let tip = new.view().tip;
    new.put(PHONE, claim(turn(10, tip)));
    let view = new.view();
    assert!(view.lines.iter().all(|line| line.sealed));
    let lost: Vec<_> = view.lines.iter().filter(|line| line.lost).map(|line| line.body.as_str()).collect();
    assert_eq!(lost, ["old 1", "old 2"]);
    assert_eq!(view.status, Status::Running);
}

#[test]
fn once_the_new_host_lost_its_standing_the_old_branch_wins_again() {
    let (old, mut new) = taken_over();
    new.pull(&old);
    let heads = new.heads();
    // Somebody had built upon both, so both still count.
    new.put_on(FOUNDER, &heads, message("on both"));
    let cut = crate::payload::Cut { device: device(PHONE), kept: Vec::new() };
    new.workspace.put(FOUNDER, Payload::RevokeDevice { cut });
    new.session.recount(&new.workspace.roster.standing().clone());
    let view = new.view();
    assert!(line(&view.lines, "new").lost);
    assert!(!line(&view.lines, "old 1").lost && !line(&view.lines, "old 2").lost);
}

#[test]
fn one_host_that_forks_was_not_taken_over() {
    let mut replica = titled();
    let claimed = replica.agent(1, claim);
    let heads = replica.heads();
    for text in ["left", "right"] {
        replica.put_on(HOST, &heads, reply(text)(turn(1, Some(claimed))));
    }
    let view = replica.view();
    assert!(!view.fork.unwrap().taken_over);
    assert_eq!(view.lines.iter().filter(|line| line.lost).count(), 1);
}
