//! The list is complete and can be run.

use std::collections::BTreeSet;

use super::{Area, BUGS};

#[test]
fn every_bug_has_a_name_of_its_own_and_a_scenario_that_can_be_run() {
    let names: BTreeSet<_> = BUGS.iter().map(|bug| bug.name).collect();
    assert_eq!(names.len(), BUGS.len());
    for bug in BUGS {
        let scenario = bug.scenario().unwrap_or_else(|error| panic!("{}: {error}", bug.name));
        assert_eq!(scenario.name, format!("planted-{}", bug.scenario));
    }
}

#[test]
fn every_area_has_a_bug() {
    let areas: BTreeSet<_> = BUGS.iter().map(|bug| bug.area).collect();
    let all =
        [Area::Gate, Area::Roster, Area::Sync, Area::Store, Area::Sealing, Area::Dispatch, Area::Export];
    assert_eq!(areas, all.into());
}
