//! What a disk keeps when its power goes, when it is full, and when it lies.

use rand_chacha::rand_core::SeedableRng;

use super::*;

const SECTOR: usize = 512;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A disk of ten pages of ones, all safe.
fn ones() -> (Disk, Drive) {
    let disk = Disk::default();
    let drive = disk.plug();
    drive.set_len(10 * 4096).unwrap();
    drive.write(0, &[1; 10 * 4096]).unwrap();
    drive.sync_data().unwrap();
    (disk, drive)
}

fn sector(disk: &Disk, number: usize) -> u8 {
    let mut bytes = [0; SECTOR];
    disk.plug().read((number * SECTOR) as u64, &mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == bytes[0]), "half a sector");
    bytes[0]
}

#[test]
fn what_was_synced_survives_and_of_the_rest_any_part_may() {
    let mut seen = std::collections::BTreeSet::new();
    let mut torn = 0;
    for seed in 0..300 {
        let (disk, drive) = ones();
        drive.write(4096, &[2; 4096]).unwrap();
        drive.sync_data().unwrap();
        drive.write(4096, &[3; 8192]).unwrap();
        let loss = disk.cut_power(&mut rng(seed));
        assert_eq!(loss.kept + loss.torn + loss.lost, 2);
        torn += loss.torn;
        assert!((0..8).chain(24..80).all(|number| sector(&disk, number) == 1));
        let page = |first: usize, old| {
            let new = (first..first + 8).filter(|number| sector(&disk, *number) == 3).count();
            let kept = (first..first + 8).filter(|number| sector(&disk, *number) == old).count();
            assert_eq!(new + kept, 8);
            if new == 0 { 0 } else { 1 + usize::from(new == 8) }
        };
        seen.insert((page(8, 2), page(16, 1)));
    }
    assert_eq!(seen.len(), 9, "each page is old, torn and new beside each of the other");
    assert!(torn > 0);
}

#[test]
fn the_same_seed_leaves_the_same() {
    let after = |seed| {
        let (disk, drive) = ones();
        drive.write(0, &[4; 79 * SECTOR]).unwrap();
        disk.cut_power(&mut rng(seed));
        (0..80).map(|number| sector(&disk, number)).collect::<Vec<_>>()
    };
    assert_eq!(after(5), after(5));
    assert!((0..20).any(|seed| after(seed) != after(5)));
}

#[test]
fn nothing_reaches_the_disk_after_the_cut() {
    let (disk, drive) = ones();
    disk.cut_power(&mut rng(1));
    assert!(drive.write(0, &[9; 512]).is_err());
    assert!(drive.read(0, &mut [0; 1]).is_err());
    assert_eq!(sector(&disk, 0), 1);
}

#[test]
fn power_can_be_cut_in_hindsight_at_every_moment() {
    let (disk, drive) = ones();
    disk.note();
    for byte in 2..5 {
        drive.write(0, &[byte; 512]).unwrap();
        drive.sync_data().unwrap();
    }
    assert_eq!(disk.noted(), 6);
    for moment in 0..=6 {
        let synced = 1 + u8::try_from(moment / 2).unwrap();
        for seed in 0..40 {
            let (image, _) = disk.cut_at(moment, &mut rng(seed));
            let found = sector(&image, 0);
            let may = if moment % 2 == 1 { synced + 1 } else { synced };
            assert!((synced..=may).contains(&found), "{moment}: {found}");
        }
    }
    let found: std::collections::BTreeSet<u8> = (0..60)
        .map(|seed| {
            let (image, _) = disk.cut_at(5, &mut rng(seed));
            sector(&image, 0)
        })
        .collect();
    assert_eq!(found.len(), 2);
}

#[test]
fn a_lying_sync_may_lose_all_since_and_an_honest_one_ends_it() {
    let mut lost = 0;
    for seed in 0..50 {
        let (disk, drive) = ones();
        disk.lie();
        drive.write(0, &[2; 512]).unwrap();
        drive.sync_data().unwrap();
        assert!(disk.has_lied());
        disk.cut_power(&mut rng(seed));
        lost += usize::from(sector(&disk, 0) == 1);
        assert!(disk.has_lied(), "what it said before stays a lie");
        let drive = disk.plug();
        drive.write(0, &[3; 512]).unwrap();
        drive.sync_data().unwrap();
        disk.cut_power(&mut rng(seed));
        assert_eq!(sector(&disk, 0), 3);
    }
    assert!((5..45).contains(&lost), "{lost}");
    let (disk, drive) = ones();
    disk.lie();
    drive.write(0, &[2; 512]).unwrap();
    drive.sync_data().unwrap();
    disk.mend();
    drive.sync_data().unwrap();
    disk.cut_power(&mut rng(3));
    assert_eq!(sector(&disk, 0), 2);
}

#[test]
fn a_full_disk_can_be_overwritten_and_not_grow() {
    let (disk, drive) = ones();
    drive.set_len(12 * 4096).unwrap();
    disk.fill(true);
    drive.write(0, &[2; 4096]).unwrap();
    let kind = |result: io::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(drive.set_len(13 * 4096)), io::ErrorKind::StorageFull);
    assert_eq!(kind(drive.write(11 * 4096, &[2; 512])), io::ErrorKind::StorageFull);
    disk.fill(false);
    drive.write(11 * 4096, &[2; 512]).unwrap();
    assert_eq!(sector(&disk, 0), 2);
}

#[test]
fn a_broken_disk_fails_until_it_is_opened_again() {
    let (disk, drive) = ones();
    drive.write(0, &[2; 512]).unwrap();
    disk.break_down();
    assert!(drive.write(0, &[3; 512]).is_err());
    assert!(drive.sync_data().is_err());
    assert!(drive.read(0, &mut [0; 1]).is_ok());
    let again = disk.plug();
    again.sync_data().unwrap();
    assert!(drive.sync_data().is_err(), "who had it open has lost it");
    disk.cut_power(&mut rng(0));
    assert_eq!(sector(&disk, 0), 2);
}

#[test]
fn a_thousand_copies_cost_little_and_do_not_touch_each_other() {
    let (disk, _drive) = ones();
    let copies: Vec<Disk> = (0..1000).map(|_| disk.copy()).collect();
    copies[7].plug().write(0, &[8; 512]).unwrap();
    assert_eq!((sector(&disk, 0), sector(&copies[6], 0), sector(&copies[7], 0)), (1, 1, 8));
}
