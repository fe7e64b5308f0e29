//! Power cut at any operation of the disk: every store opens again, with all that was acknowledged.

use starling_simulations::power_cuts::power_cuts;

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_the_store() {
    let cuts = power_cuts(7, 400, false).unwrap();
    assert_eq!((cuts.images, cuts.lost, cuts.unopenable), (400, 0, 0), "{:?}", cuts.first);
    let writes = cuts.writes;
    assert!(cuts.cut_again > 30 && writes.kept > 300 && writes.torn > 100 && writes.lost > 300, "{cuts:?}");
    assert_eq!(cuts, power_cuts(7, 400, false).unwrap(), "the same seed, the same disks");
}

#[test]
fn where_syncs_are_missing_stores_and_what_was_acknowledged_are_lost() {
    let cuts = power_cuts(7, 100, true).unwrap();
    assert!(cuts.lost > 20 && cuts.unopenable > 10, "{cuts:?}");
}
