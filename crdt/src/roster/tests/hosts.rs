//! Who hosts an agent: handovers, take-overs by force, and epochs.

use super::story::{A, B, K, M, Story, device};
use super::strong::Told;
use super::{hand_over, move_to, remove};
use crate::id::RecordId;
use crate::payload::Payload;
use crate::testing::{FOUNDER, add_device};

fn accept(agent: RecordId, seed: u8, epoch: u32, handover: RecordId) -> Payload {
    Payload::MoveAgent { agent, device: device(seed), epoch, handover: Some(handover) }
}

fn agent(told: &Told) -> RecordId {
    let standing = told.0.roster.standing();
    *standing.agents().next().unwrap().0
}

fn hosts(told: &Told) -> (u8, u32) {
    told.void(&[]);
    let agent = told.0.roster.standing().agent(&agent(told)).unwrap().clone();
    ((0..28).find(|seed| device(*seed) == agent.host).unwrap(), agent.epoch)
}

#[test]
fn only_the_named_device_accepts_a_handover_and_once() {
    let mut told = Told(Story::new(FOUNDER));
    let (g, m) = (agent(&told), told.member(M));
    let phone = told.on(&[], M, add_device(m, K));
    let offer = told.on(&[phone], A, hand_over(g, M));
    for (seed, payload) in [
        (K, accept(g, K, 2, offer)),
        (B, accept(g, B, 2, offer)),
        (FOUNDER, accept(g, FOUNDER, 2, offer)),
        (B, accept(g, M, 2, offer)),
        (M, accept(g, M, 1, offer)),
        (M, accept(g, M, 3, offer)),
        (M, accept(g, M, 2, phone)),
        (M, move_to(g, M, 2)),
    ] {
        assert!(told.refused(&[offer], seed, payload.clone()), "{seed}: {payload:?}");
    }
    let taken = told.on(&[offer], M, accept(g, M, 2, offer));
    assert_eq!(hosts(&told), (M, 2));
    assert!(told.0.roster.standing().handovers().next().is_none());
    assert!(told.refused(&[taken], M, accept(g, M, 3, offer)));
    // The old host is an admin: it may take the agent back by force, and only the current epoch's offers hold then.
    let back = told.on(&[taken], A, move_to(g, A, 3));
    assert_eq!(hosts(&told), (A, 3));
    assert!(told.refused(&[back], M, accept(g, M, 4, offer)), "the offer was of epoch 1");
}

#[test]
fn its_owner_or_an_admin_takes_an_agent_over_by_force() {
    let mut told = Told(Story::new(FOUNDER));
    let (g, m, a) = (agent(&told), told.member(M), told.member(A));
    assert!(told.refused(&[], M, move_to(g, M, 2)));
    assert!(told.refused(&[], B, move_to(g, A, 2)), "onto its own device only");
    let laptop = told.on(&[], A, add_device(a, K));
    let own = told.on(&[laptop], K, move_to(g, K, 2));
    let admin = told.on(&[own], B, move_to(g, B, 3));
    assert_eq!(hosts(&told), (B, 3));
    // A plain member moves what it hosts between its devices.
    let offer = told.on(&[admin], B, hand_over(g, M));
    let taken = told.on(&[offer], M, accept(g, M, 4, offer));
    let phone = told.on(&[taken], M, add_device(m, K + 1));
    told.on(&[phone], K + 1, move_to(g, K + 1, 5));
    assert_eq!(hosts(&told), (K + 1, 5));
}

#[test]
fn of_two_hosts_at_one_epoch_the_smaller_id_and_the_highest_epoch_wins() {
    let mut told = Told(Story::new(FOUNDER));
    let g = agent(&told);
    let moves =
        [(B, told.on(&[], B, move_to(g, B, 2))), (FOUNDER, told.on(&[], FOUNDER, move_to(g, FOUNDER, 2)))];
    let (smaller, larger) = if moves[0].1 < moves[1].1 { (0, 1) } else { (1, 0) };
    assert_eq!(hosts(&told), (moves[smaller].0, 2));
    let (loser, its) = moves[larger];
    told.on(&[its], A, move_to(g, A, 3));
    assert_eq!(hosts(&told), (A, 3));
    assert!(told.refused(&[moves[0].1, moves[1].1], loser, hand_over(g, M)), "it does not host");
}

/// A handover by somebody who was removed meanwhile is void: who accepts it has nothing, nor has what they build on it.
#[test]
fn a_void_handover_gives_nothing() {
    let mut told = Told(Story::new(FOUNDER));
    let (g, m, a) = (agent(&told), told.member(M), told.member(A));
    let phone = told.on(&[], M, add_device(m, K));
    let out = told.on(&[], FOUNDER, remove(a));
    let offer = told.on(&[phone], A, hand_over(g, M));
    let taken = told.on(&[offer], M, accept(g, M, 2, offer));
    let moved = told.on(&[taken], K, move_to(g, K, 3));
    let back = told.on(&[moved], K, hand_over(g, B));
    assert_eq!(told.void(&[phone, out, offer, taken, moved, back]), [false, false, true, true, true, true]);
    assert_eq!(hosts(&told), (A, 1));
    // An admin's own right is enough.
    let forced = told.on(&[back], B, move_to(g, B, 4));
    assert_eq!(told.void(&[forced]), [false]);
    assert_eq!(hosts(&told), (B, 4));
}
