//! Replicas of a session that are offered the same records in two orders show the same session.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::session::{Offer, Session};
use starling_crdt::view::{View, fold};
use starling_fuzz::choices::{Choices, Order};
use starling_fuzz::session::{History, here};

fn view(session: &Session) -> Option<View> {
    fold(session, here().roster.standing())
}

fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let order = Order::draw(&mut choices);
    let History { session: mut first, records, .. } = History::grown(&mut choices);
    let mut second = here().session();
    for record in order.of(&records) {
        second.offer(record, &here().roster);
    }
    assert_eq!(first.heads(), second.heads(), "heads");
    let shown = view(&first);
    assert_eq!(shown, view(&second), "view");
    // All of it once more changes nothing.
    for record in &records {
        let offer = first.offer(record.clone(), &here().roster);
        assert!(!matches!(offer, Offer::Admitted(_)), "admitted twice: {offer:?}");
    }
    assert_eq!(first.heads(), second.heads(), "offered again");
    assert_eq!(shown, view(&first), "offered again");
});
