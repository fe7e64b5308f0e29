//! Lines: what stalls goes on, what stays blocked kills the connection, and slowness, loss and doubles change when things
//! arrive but not what everybody has in the end.

use starling_simulations::network::Trouble;
use starling_simulations::{Fault, World};

use super::common::{MINUTE, over, pair};

fn said_reaches(world: &mut World, from: usize, to: usize, ms_max: u64) -> bool {
    let session = world.create(from, "scribe", "hello there").unwrap();
    let end = world.now_ms() + ms_max;
    while world.now_ms() < end {
        if world.show(to, session).is_ok() {
            return true;
        }
        world.run_for(50);
    }
    false
}

#[test]
fn a_connection_waits_out_a_short_cut_and_dies_of_a_long_one() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let before = world.net.between(a, b).unwrap();
        world.cut(a, b);
        assert!(!said_reaches(world, a, b, 4_000), "nothing passes");
        world.heal(a, b);
        world.converge(MINUTE).unwrap();
        assert_eq!(world.net.between(a, b), Some(before), "what stalled went on");
        world.cut(a, b);
        world.run_for(15_001);
        assert!(world.net.between(a, b).is_none() && world.net.between(b, a).is_none());
        world.heal(a, b);
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn a_line_that_is_cut_in_one_direction_is_no_connection() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        world.apply(&Fault::OneWay { from: b, to: a, for_ms: 40_000 });
        assert!(said_reaches(world, a, b, 4_000), "the other way is open, and gossip takes it");
        world.run_for(15_001);
        assert!(world.net.between(a, b).is_none() && world.net.between(b, a).is_none());
        world.converge(2 * MINUTE).unwrap();
    });
}

#[test]
fn who_was_offline_for_long_meets_the_others_again() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        world.apply(&Fault::Offline { node: b, for_ms: 600_000 });
        assert!(!said_reaches(world, a, b, 30_000) && !said_reaches(world, b, a, 30_000));
        world.run_for(10 * MINUTE);
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn a_storm_takes_gossip_and_not_what_everybody_has_in_the_end() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        let fresh = world.metrics.fresh;
        world.apply(&Fault::Storm { loss_percent: 100, for_ms: 20_000 });
        assert!(said_reaches(world, a, b, 15_000), "by anti-entropy");
        assert_eq!(world.metrics.fresh, fresh, "no gossip arrived");
        world.run_for(20_000);
        world.converge(MINUTE).unwrap();
        assert!(said_reaches(world, a, b, 5_000));
        assert!(world.metrics.fresh > fresh);
    });
}

#[test]
fn a_slow_line_takes_its_time_and_nothing_is_lost() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        world.apply(&Fault::Slow { node: b, bytes_per_s: 200, for_ms: 10 * MINUTE });
        let began = world.now_ms();
        assert!(said_reaches(world, a, b, MINUTE));
        let took = world.now_ms() - began;
        assert!(took > 1_000, "a record has some 300 bytes, and frames are before it: {took} ms");
        world.converge(10 * MINUTE).unwrap();
    });
}

#[test]
fn doubled_gossip_changes_nothing() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        world.net.gossip_duplicate_percent = 100;
        assert!(said_reaches(world, a, b, 5_000));
        world.converge(MINUTE).unwrap();
        assert!(world.metrics.redundant > 0);
    });
}

#[test]
fn an_end_that_is_called_off_is_no_harm() {
    over(0..5, |world| {
        let (a, b) = pair(world);
        world.trouble(Trouble::Partition(vec![a]), 30_000);
        world.run_for(1_000);
        world.calm();
        assert!(said_reaches(world, a, b, 5_000));
        world.run_for(MINUTE);
        world.converge(MINUTE).unwrap();
    });
}
