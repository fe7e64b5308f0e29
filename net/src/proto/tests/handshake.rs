//! Who is let in, and how: members, newcomers, joiners, the revoked, and nobody while paused.

use super::kinds;
use super::model::{InviteState, Node, WORKSPACE, device, session};
use super::world::World;
use crate::proto::{DropReason, Input, Output, RefusalCode};

#[test]
fn a_newcomer_proves_itself_to_who_was_offline() {
    for caller in [1, 2] {
        let mut world = World::strangers(3, 8);
        world.nodes[0].admit(device(0));
        world.nodes[0].admit(device(1));
        world.nodes[1].streams = world.nodes[0].streams.clone();
        world.nodes[1].announce(WORKSPACE.roster());
        world.nodes[0].admit(device(2));
        world.nodes[2].streams = world.nodes[0].streams.clone();
        world.nodes[2].announce(WORKSPACE.roster());
        world.nodes[1].write(session(1), b"from one");
        world.connect(caller, 3 - caller);
        world.run_for(5_000);
        assert_eq!(world.nodes[1].streams, world.nodes[2].streams, "caller {caller}");
        assert_eq!(world.drops, []);
        assert!(world.nodes[1].proto.all_in_step());
    }
}

#[test]
fn two_newcomers_meet_without_the_node_that_admitted_them() {
    let mut world = World::strangers(3, 8);
    for newcomer in [1, 2] {
        let mut admin = Node::new(3 + newcomer);
        admin.admit(device(3 + newcomer));
        admin.admit(device(newcomer));
        world.nodes[newcomer].streams = admin.streams.clone();
        world.nodes[newcomer].announce(WORKSPACE.roster());
    }
    world.connect(1, 2);
    world.run_for(5_000);
    assert_eq!(world.nodes[1].streams, world.nodes[2].streams);
    assert!(world.nodes[1].proto.all_in_step() && world.drops.is_empty());
}

#[test]
fn a_revoked_device_is_dropped_and_learns_why() {
    let mut world = World::new(2, 6);
    world.connect(1, 0);
    world.run_for(1_000);
    let revocation = world.nodes[0].revoke(device(1));
    world.run_for(100);
    assert_eq!(world.drops[0], (0, 1, DropReason::NotAllowed));
    world.run_for(100);
    world.connect(1, 0);
    world.run_for(1_000);
    let told = world.nodes[1].seen.iter().rev().find_map(|output| match output {
        Output::Refused { code, records, .. } => Some((*code, records.clone())),
        _ => None,
    });
    assert_eq!(told, Some((RefusalCode::Revoked, vec![revocation])));
    assert!(world.nodes[0].proto.peers().is_empty() && world.nodes[1].proto.peers().is_empty());
}

#[test]
fn an_invite_opens_the_door_once() {
    let mut world = World::strangers(4, 14);
    world.nodes[0].admit(device(0));
    world.nodes[0].write(session(1), b"x");
    world.nodes[0].invites.insert([1; 32], InviteState::Open);
    world.nodes[0].invites.insert([2; 32], InviteState::Expired);
    let join = |world: &mut World, n: usize, secret: [u8; 32]| {
        if world.is_linked(n, 0) {
            world.cut(n, 0);
        }
        world.nodes[n].seen.clear();
        world.input(n, Input::Join { peer: device(0), secret, label: "phone".into() });
        world.connect(n, 0);
        world.run_for(3_000);
        let refused = world.nodes[n].seen.iter().find_map(|output| match output {
            Output::Refused { code, .. } => Some(*code),
            _ => None,
        });
        refused.map_or(Ok(()), Err)
    };
    assert_eq!(join(&mut world, 1, [9; 32]), Err(RefusalCode::InviteUnknown));
    assert_eq!(join(&mut world, 1, [2; 32]), Err(RefusalCode::InviteExpired));
    assert_eq!(join(&mut world, 1, [1; 32]), Ok(()));
    assert!(world.nodes[1].proto.all_in_step() && world.nodes[0].streams == world.nodes[1].streams);
    assert_eq!(join(&mut world, 2, [1; 32]), Err(RefusalCode::InviteUsed));
    assert_eq!(join(&mut world, 1, [1; 32]), Ok(()), "the same device gets the same answer");
    assert!(world.nodes[1].proto.peers()[0].accepted);
    world.nodes[1].write(session(2), b"y");
    world.run_for(3_000);
    assert!(world.nodes[0].streams == world.nodes[1].streams);
}

#[test]
fn a_large_roster_is_welcomed_in_parts() {
    let mut world = World::strangers(2, 15);
    world.nodes[0].admit(device(0));
    for n in 0..5_000_u32 {
        let key = *blake3::hash(&n.to_be_bytes()).as_bytes();
        world.nodes[0].admit(starling_crdt::id::DeviceKey::from_bytes(key));
    }
    world.nodes[0].invites.insert([1; 32], InviteState::Open);
    world.input(1, Input::Join { peer: device(0), secret: [1; 32], label: "x".repeat(500) });
    world.connect(1, 0);
    world.run_for(3_000);
    assert!(kinds(&world, 0).iter().filter(|kind| **kind == "welcome").count() > 1);
    assert!(world.all_equal() && world.nodes[1].proto.all_in_step());
}

#[test]
fn pause_ends_all_conversations_and_resume_allows_new_ones() {
    let mut world = World::new(3, 16);
    world.connect(0, 1);
    world.connect(2, 0);
    world.run_for(1_000);
    world.input(0, Input::Pause);
    assert!(world.nodes[0].proto.is_paused() && world.nodes[0].proto.peers().is_empty());
    world.run_for(1_000);
    let mut drops = world.drops.clone();
    drops.sort_by_key(|(from, to, _)| (*from, *to));
    let expected = [
        (0, 1, DropReason::Paused),
        (0, 2, DropReason::Paused),
        (1, 0, DropReason::PeerPaused),
        (2, 0, DropReason::PeerPaused),
    ];
    assert_eq!(drops, expected);
    let refused = world.nodes[0].proto.handle(Input::Connected { peer: device(1), outbound: false }, 9_000);
    assert!(refused.contains(&Output::Drop { peer: device(1), reason: DropReason::Paused }));
    world.input(0, Input::Resume);
    world.nodes[1].write(session(5), b"while paused");
    world.connect(0, 1);
    world.run_for(3_000);
    assert_eq!(world.nodes[0].streams, world.nodes[1].streams);
}
