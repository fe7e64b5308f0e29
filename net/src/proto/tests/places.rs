//! Where others are found: asked and answered once, within the bounds, and only between those who let each other in.

use super::kinds;
use super::model::device;
use super::world::World;
use crate::proto::limits::{ADDRESS_BYTES_MAX, PLACE_ADDRESSES_MAX, PLACES_MAX};
use crate::proto::message::{Message, decode, encode};
use crate::proto::{Input, Output, Place};

fn place(n: usize, addresses: usize) -> Place {
    let addresses = (0..addresses).map(|at| format!("/memory/{n}/{at}")).collect();
    Place { device: device(n), addresses }
}

fn heard(world: &World, n: usize) -> Vec<Vec<Place>> {
    let places = |output: &Output| match output {
        Output::Places { places, .. } => Some(places.clone()),
        _ => None,
    };
    world.nodes[n].seen.iter().filter_map(places).collect()
}

fn is_asked(world: &World, n: usize) -> usize {
    world.nodes[n].seen.iter().filter(|output| matches!(output, Output::Seek { .. })).count()
}

#[test]
fn a_peer_says_where_others_are_found_to_who_asks() {
    let mut world = World::new(3, 21);
    world.connect(1, 0);
    world.run_for(1_000);
    let mark = world.sent.len();
    for _ in 0..2 {
        world.input(1, Input::Seek { peer: device(0) });
    }
    world.run_for(100);
    assert_eq!(is_asked(&world, 0), 1, "one question is open at a time");
    let places = vec![place(2, 2), place(1, 1), place(3, 0)];
    world.input(0, Input::Places { peer: device(1), places });
    world.run_for(100);
    assert_eq!(heard(&world, 1), [vec![place(2, 2)]], "neither the asking one, nor whom nobody finds");
    assert_eq!(kinds(&world, mark), ["seek", "places"]);
    // An answer that nobody waits for any more is not sent.
    world.input(0, Input::Places { peer: device(1), places: vec![place(2, 1)] });
    world.run_for(100);
    assert_eq!(heard(&world, 1).len(), 1);
    world.input(1, Input::Seek { peer: device(0) });
    world.run_for(100);
    assert_eq!(is_asked(&world, 0), 2);
    assert!(world.drops.is_empty() && world.nodes[1].proto.all_in_step());
}

#[test]
fn an_answer_keeps_to_the_bounds_of_a_frame() {
    let mut world = World::new(2, 22);
    world.connect(1, 0);
    world.run_for(1_000);
    world.input(1, Input::Seek { peer: device(0) });
    world.run_for(100);
    let mut many: Vec<Place> = (2..60).map(|n| place(n, PLACE_ADDRESSES_MAX + 3)).collect();
    many[0].addresses = vec!["x".repeat(ADDRESS_BYTES_MAX + 1), "y".repeat(ADDRESS_BYTES_MAX)];
    world.input(0, Input::Places { peer: device(1), places: many });
    world.run_for(100);
    let heard = heard(&world, 1);
    assert_eq!(heard[0].len(), PLACES_MAX);
    assert_eq!(heard[0][0].addresses, ["y".repeat(ADDRESS_BYTES_MAX)]);
    assert!(heard[0][1..].iter().all(|place| place.addresses.len() == PLACE_ADDRESSES_MAX));
}

#[test]
fn strangers_are_not_asked_and_beyond_the_bounds_nothing_is_read() {
    let mut world = World::strangers(2, 23);
    world.connect(1, 0);
    world.input(1, Input::Seek { peer: device(0) });
    world.run_for(1_000);
    assert!(!kinds(&world, 0).contains(&"seek"));
    let unsorted = Message::Places { places: vec![place(3, 1), place(2, 1)] };
    let twice = Message::Places { places: vec![place(3, 1), place(3, 1)] };
    let nowhere = Message::Places { places: vec![place(3, 0)] };
    let many = Message::Places { places: (2..60).map(|n| place(n, 1)).collect() };
    let long = Message::Places { places: vec![place(3, PLACE_ADDRESSES_MAX + 1)] };
    for bad in [unsorted, twice, nowhere, many, long] {
        assert!(decode(&encode(&bad)).is_err(), "{bad:?}");
    }
}
