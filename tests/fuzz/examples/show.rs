//! Prints the history that an input of `roster` or `session` describes, and what two replicas make of it:
//! `cargo run --example show -- roster FILE`.

use starling_crdt::roster::Roster;
use starling_crdt::session::Offer;
use starling_crdt::signed::{Signed, Verified};
use starling_fuzz::choices::{Choices, Order};
use starling_fuzz::{device, roster, session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(target), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: show roster|session FILE".into());
    };
    let input = std::fs::read(file)?;
    let mut choices = Choices::new(&input);
    let order = Order::draw(&mut choices);
    match target.as_str() {
        "roster" => show_roster(order, &roster::History::grown(&mut choices).records),
        "session" => show_session(order, &session::History::grown(&mut choices).records),
        _ => return Err("only roster and session have histories".into()),
    }
    Ok(())
}

fn show_roster(order: Order, records: &[Signed<Verified>]) {
    let Some(first) = records.first() else {
        return;
    };
    let workspace = first.record().workspace_of(first.id());
    for records in [records.to_vec(), order.of(records)] {
        let mut replica = Roster::new(workspace);
        offer_all(&records, |record| replica.offer(record));
        println!("heads {:?}\n{:#?}\n", replica.heads(), replica.standing());
    }
}

fn show_session(order: Order, records: &[Signed<Verified>]) {
    let roster = &session::here().roster;
    for records in [records.to_vec(), order.of(records)] {
        let mut replica = session::here().session();
        offer_all(&records, |record| replica.offer(record, roster));
        let view = starling_crdt::view::fold(&replica, roster.standing());
        println!("heads {:?}\n{view:#?}\n", replica.heads());
    }
}

fn offer_all(records: &[Signed<Verified>], mut offer: impl FnMut(Signed<Verified>) -> Offer) {
    for signed in records {
        let record = signed.record();
        let author = (0..starling_fuzz::DEVICES).find(|n| device(*n) == record.author);
        println!("{:?} of device {author:?} on {:?}: {:?}", signed.id(), record.deps, record.payload);
        match offer(signed.clone()) {
            Offer::Admitted(admitted) => {
                println!("  admitted {:?}", admitted.iter().map(Signed::id).collect::<Vec<_>>());
            }
            other => println!("  {other:?}"),
        }
    }
}
