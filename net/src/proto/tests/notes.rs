//! Notes: told for now, between those who let each other in, within bounds that nobody is blamed for.

use super::model::device;
use super::world::World;
use crate::proto::limits::{NOTE_BYTES_MAX, NOTES_BURST, NOTES_PER_SECOND};
use crate::proto::message::{Message, encode};
use crate::proto::{Input, Output};

fn heard(world: &World, n: usize) -> Vec<Vec<u8>> {
    let note = |output: &Output| match output {
        Output::Note { bytes, .. } => Some(bytes.clone()),
        _ => None,
    };
    world.nodes[n].seen.iter().filter_map(note).collect()
}

#[test]
fn a_note_is_told_once_to_the_one_it_is_for() {
    let mut world = World::new(3, 31);
    world.connect(1, 0);
    world.input(1, Input::Note { peer: device(0), bytes: vec![1] });
    world.run_for(1_000);
    assert!(heard(&world, 0).is_empty(), "before they had let each other in");
    world.connect(2, 0);
    world.run_for(1_000);
    world.input(1, Input::Note { peer: device(0), bytes: vec![2] });
    world.input(1, Input::Note { peer: device(0), bytes: vec![3; NOTE_BYTES_MAX] });
    world.input(1, Input::Note { peer: device(0), bytes: vec![4; NOTE_BYTES_MAX + 1] });
    world.run_for(100_000);
    assert_eq!(heard(&world, 0), [vec![2], vec![3; NOTE_BYTES_MAX]]);
    assert!(heard(&world, 2).is_empty() && world.drops.is_empty());
    assert!(world.nodes.iter().all(|node| node.proto.all_in_step()));
}

#[test]
fn too_many_notes_are_dropped_and_nobody_is_blamed() {
    let mut world = World::new(2, 32);
    world.connect(1, 0);
    world.run_for(1_000);
    for _ in 0..2 * NOTES_BURST {
        world.input(1, Input::Note { peer: device(0), bytes: vec![5] });
    }
    world.run_for(100);
    assert!((NOTES_BURST..NOTES_BURST + 8).contains(&(heard(&world, 0).len() as u64)));
    world.run_for(2_000);
    world.input(1, Input::Note { peer: device(0), bytes: vec![6] });
    world.run_for(100);
    assert_eq!(heard(&world, 0).last(), Some(&vec![6]));
    assert!(world.drops.is_empty() && NOTES_PER_SECOND < NOTES_BURST);
}

#[test]
fn a_note_beyond_its_bound_breaks_the_protocol() {
    let mut world = World::new(2, 33);
    world.connect(1, 0);
    world.run_for(1_000);
    world.forge(1, 0, encode(&Message::Note { bytes: vec![0; NOTE_BYTES_MAX + 1] }));
    assert_eq!(world.drops.len(), 1);
}
