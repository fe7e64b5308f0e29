//! Opening: locks, leftovers, things that are not an export.

use std::time::Duration;

use super::*;

#[test]
fn one_process_at_a_time_has_it_open() {
    let home = Home::new();
    let first = home.open();
    assert!(matches!(Export::open(&home.path()), Err(GitError::InUse { .. })));
    drop(first);
    home.open();
}

/// A killed process leaves ref locks, half packs and unpaired pack files behind. The next start must not need
/// a hand.
#[test]
fn what_a_killed_process_left_does_not_block_the_next() {
    let home = Home::new();
    let before = home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    let pack = home.path().join("objects/pack");
    let half = format!("pack-{}", "ab".repeat(20));
    for name in
        ["HEAD.lock", "config.lock", "starling.config.lock", "packed-refs.lock", "refs/heads/main.lock"]
    {
        fs::write(home.path().join(name), "half").expect("writes");
    }
    // What is locked must also be in need of writing, or a lock that stays would not be noticed.
    fs::remove_file(home.path().join("starling.config")).expect("removes");
    fs::write(home.path().join("HEAD"), "ref: refs/heads/other\n").expect("writes");
    fs::write(home.path().join("config"), "[core]\n\tbare = true\n").expect("writes");
    let unpaired = [format!("{half}.idx"), format!("pack-{}.pack", "cd".repeat(20))];
    let unfinished =
        ["pack_git2_0123456789abcdef".to_owned(), format!("{half}.idx.lock"), "tmp_idx_x".to_owned()];
    for name in unpaired.iter().chain(&unfinished) {
        fs::write(pack.join(name), "half").expect("writes");
    }
    age(&pack.join(&unpaired[1]), Duration::from_secs(7_200));
    let mut export = home.open();
    assert_eq!(export.head().expect("reads"), Some(before));
    export.apply(&plan(&[("b", "2")], &[])).expect("applies");
    home.fsck();
    assert_eq!(fs::read_dir(pack).expect("lists").count(), 4, "two packs and their indexes");
}

/// `git repack` names a pack before its index, and removes the packs that it replaces after that. A node that started in
/// between removed the new pack as a leftover, and then all of its objects were gone.
#[test]
fn a_pack_that_somebody_is_just_naming_stays() {
    let home = Home::new();
    let before = home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    let pack = home.path().join("objects/pack");
    let index = fs::read_dir(&pack).expect("lists").map(|entry| entry.expect("lists").path());
    let index = { index }.find(|path| path.extension().is_some_and(|end| end == "idx")).expect("one");
    let held = home.path().join("not-yet");
    fs::rename(&index, &held).expect("moves");
    assert!(Export::open(&home.path()).is_err(), "its commit cannot be read now");
    fs::rename(&held, &index).expect("moves");
    assert_eq!(home.open().head().expect("reads"), Some(before));
    home.fsck();
}

fn age(path: &Path, by: Duration) {
    let file = fs::File::options().write(true).open(path).expect("opens");
    let written = file.metadata().and_then(|metadata| metadata.modified()).expect("reads");
    file.set_modified(written - by).expect("dates");
}

#[test]
fn a_creation_that_was_killed_is_done_again() {
    let home = Home::new();
    fs::create_dir_all(home.directory.path().join("export.git.new/refs")).expect("creates");
    fs::create_dir(home.path()).expect("creates");
    home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    home.fsck();
    assert!(!home.directory.path().join("export.git.new").exists());
    let deep = Home::new();
    Export::open(&deep.directory.path().join("not/yet/there/export.git")).expect("creates its parents");
}

#[test]
fn something_else_in_its_place_is_left_alone() {
    let file = Home::new();
    fs::write(file.path(), "mine").expect("writes");
    assert!(matches!(Export::open(&file.path()), Err(GitError::NotAnExport { .. })));
    let directory = Home::new();
    fs::create_dir_all(directory.path().join("objects/pack")).expect("creates");
    fs::write(directory.path().join("objects/pack/mine"), "mine").expect("writes");
    assert!(matches!(Export::open(&directory.path()), Err(GitError::NotAnExport { .. })));
    assert!(directory.path().join("objects/pack/mine").exists());
    let work = Home::new();
    Repository::init(work.path()).expect("creates");
    assert!(matches!(Export::open(&work.path()), Err(GitError::NotAnExport { .. })));
}

#[test]
fn damage_is_reported_when_it_is_opened() {
    let home = Home::new();
    home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    fs::remove_dir_all(home.path().join("objects/pack")).expect("removes");
    assert!(matches!(Export::open(&home.path()), Err(GitError::Damaged(_))));
    fs::write(home.path().join("refs/heads/main"), "not an id\n").expect("writes");
    assert!(matches!(Export::open(&home.path()), Err(GitError::Damaged(_))));
}

#[test]
fn head_is_put_back_on_the_branch() {
    let home = Home::new();
    let exported = home.open().apply(&plan(&[("a", "1")], &[])).expect("applies");
    home.git(&["symbolic-ref", "HEAD", "refs/heads/other"]);
    home.open();
    assert_eq!(home.git(&["rev-parse", "HEAD"]).trim_end(), exported.commit);
}
