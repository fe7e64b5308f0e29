//! Replicas of a roster that are offered the same records in two orders agree on who may act.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::roster::Roster;
use starling_crdt::session::Offer;
use starling_fuzz::choices::{Choices, Order};
use starling_fuzz::roster::History;

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let order = Order::draw(&mut choices);
    let History { roster: mut first, records, .. } = History::grown(&mut choices);
    let mut second = Roster::new(first.workspace());
    for record in order.of(&records) {
        second.offer(record);
    }
    assert_eq!(first.heads(), second.heads(), "heads");
    assert_eq!(first.standing(), second.standing(), "standing");
    // All of it once more changes nothing.
    let before = (first.heads().clone(), first.standing().clone());
    for record in &records {
        let offer = first.offer(record.clone());
        assert!(!matches!(offer, Offer::Admitted(_)), "admitted twice: {offer:?}");
    }
    assert_eq!(before, (first.heads().clone(), first.standing().clone()), "offered again");
});
