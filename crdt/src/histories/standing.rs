//! What happens to the roster in the middle of a history: revocations with and without a cut, cuts that are added later,
//! removals, roles, and an agent that moves, by handover or by force.

use super::adversary::Kind;
use super::dice::Dice;
use super::node::{Node, Violation};
use super::world::{DEVICES, World};
use crate::id::DeviceKey;
use crate::payload::{Cut, MemberRole, Payload};
use crate::testing::{BOB, FOUNDER, device, roster_record};

/// Whoever sits at replica `at` changes the roster, if they may.
pub(super) fn event(world: &mut World, at: usize, dice: &mut Dice) -> Result<(), Violation> {
    let node = &world.nodes[at];
    let payload = match world.kind {
        Kind::Mover => moves(world, node, dice),
        Kind::Revoker => takes_away(world, node, dice),
        _ if dice.one_in(2) => moves(world, node, dice),
        _ => takes_away(world, node, dice),
    };
    let Some(payload) = payload.filter(|payload| node.roster.standing().permits(&device(node.seed), payload))
    else {
        return Ok(());
    };
    put(world, at, payload)
}

/// Writes on the roster heads of replica `at`.
pub(super) fn put(world: &mut World, at: usize, payload: Payload) -> Result<(), Violation> {
    let node = &world.nodes[at];
    let record = roster_record(world.start.id(), node.seed, node.roster.heads(), payload);
    world.publish_roster(&record)?;
    if world.nodes[at].take_roster(&record, &world.pool)? {
        Ok(())
    } else {
        Err("a permitted roster record was not admitted".to_owned())
    }
}

/// Whom to revoke, now and then once more, with another cut. The founder's first device stays: somebody has to be there
/// in the end.
fn target(node: &Node, dice: &mut Dice) -> Option<u8> {
    let others: Vec<u8> = DEVICES.into_iter().filter(|seed| *seed != FOUNDER).collect();
    let fallen = |seed: &u8| !node.roster.standing().stands(&device(*seed));
    let again: Vec<u8> = others.iter().copied().filter(fallen).collect();
    if dice.one_in(3) { dice.pick(&again) } else { dice.pick(&others) }
}

fn takes_away(world: &World, node: &Node, dice: &mut Dice) -> Option<Payload> {
    let bob = world.start.bob;
    Some(match dice.below(10) {
        0..=6 => Payload::RevokeDevice { cut: cut(world, node, device(target(node, dice)?), dice) },
        7 | 8 => {
            let mut devices: Vec<DeviceKey> = [BOB, super::world::TABLET].map(device).into();
            devices.sort_unstable();
            let cuts = devices.into_iter().map(|device| cut(world, node, device, dice)).collect();
            Payload::RemoveMember { member: bob, cuts }
        }
        _ => {
            let role = dice.pick(&[MemberRole::Guest, MemberRole::Member, MemberRole::Admin])?;
            let member = dice.pick(&[bob, world.start.admin])?;
            Payload::ChangeRole { member, role }
        }
    })
}

/// Everything that the revoker holds, or nothing, or one old record.
pub(super) fn cut(world: &World, node: &Node, of: DeviceKey, dice: &mut Dice) -> Cut {
    let all = node.newest_of(&of);
    let kept = match dice.below(5) {
        0..=2 => all,
        3 => {
            let own = node.session.admitted().filter(|entry| entry.signed.record().author == of);
            dice.pick(&own.map(|entry| entry.signed.id()).collect::<Vec<_>>()).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let kept = if kept.is_empty() { Vec::new() } else { vec![(world.key(), kept)] };
    Cut { device: of, kept }
}

/// Somebody who is there to accept a handover.
fn heir(world: &World, dice: &mut Dice) -> Option<u8> {
    dice.pick(&world.nodes.iter().map(|node| node.seed).collect::<Vec<_>>())
}

fn moves(world: &World, node: &Node, dice: &mut Dice) -> Option<Payload> {
    let agent = world.header.agent;
    let standing = node.roster.standing();
    let found = standing.agent(&agent)?;
    let epoch = found.epoch + 1;
    let me = device(node.seed);
    if let Some((record, _)) = standing.handovers().find(|(_, offered)| offered.to == me) {
        return Some(Payload::MoveAgent { agent, device: me, epoch, handover: Some(*record) });
    }
    Some(match dice.below(12) {
        0 => Payload::RetireAgent { agent },
        1..=5 => Payload::MoveAgent { agent, device: me, epoch, handover: None },
        _ => Payload::Handover { agent, to: device(heir(world, dice)?), tips: agent },
    })
}
