//! The packs: few, complete, and merged under the eyes of readers.

use super::*;

#[test]
fn packs_stay_few_and_lose_nothing() {
    let home = Home::new();
    let mut export = home.open();
    let commits = 3 * packs::PACKS_MAX + 5;
    let mut most = 0;
    for count in 1..=commits {
        export.apply(&message(1, count)).expect("applies");
        most = most.max(home.packs());
    }
    assert!(most <= packs::PACKS_MAX, "{most}");
    home.fsck();
    assert_eq!(home.git(&["rev-list", "--count", "HEAD"]).trim_end(), commits.to_string());
    assert_eq!(
        home.git(&["rev-list", "--all", "--objects"]).lines().count(),
        in_packs(&home),
        "each object once"
    );
}

fn in_packs(home: &Home) -> usize {
    let counts = home.git(&["count-objects", "-v"]);
    let line = counts.lines().find_map(|line| line.strip_prefix("in-pack: "));
    line.expect("counted").parse().expect("a number")
}

/// A merge interrupted after its first removal leaves a pack without its index, and objects in two packs.
#[test]
fn an_interrupted_merge_is_harmless() {
    let home = Home::new();
    let mut export = home.open();
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(1, count)).expect("applies");
    }
    let kept = home.directory.path().join("kept");
    fs::create_dir(&kept).expect("creates");
    let pack = home.path().join("objects/pack");
    for file in fs::read_dir(&pack).expect("lists") {
        let file = file.expect("reads").path();
        fs::copy(&file, kept.join(file.file_name().expect("named"))).expect("copies");
    }
    let exported = export.apply(&message(1, packs::PACKS_MAX + 1)).expect("applies");
    assert_eq!(home.packs(), 2, "the merged one and the new one");
    for (number, file) in fs::read_dir(&kept).expect("lists").enumerate() {
        let file = file.expect("reads").path();
        if number > 0 || file.extension() == Some("pack".as_ref()) {
            fs::copy(&file, pack.join(file.file_name().expect("named"))).expect("copies");
        }
    }
    drop(export);
    let mut export = home.open();
    assert_eq!(export.head().expect("reads"), Some(exported));
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(2, count)).expect("applies");
    }
    home.fsck();
}

/// People do run gc. What it leaves (one pack, a reverse index, a bitmap, an index over packs) is lived with.
#[test]
fn packs_that_git_made_are_lived_with() {
    let home = Home::new();
    let mut export = home.open();
    for count in 1..=5 {
        export.apply(&message(1, count)).expect("applies");
    }
    home.git(&["repack", "-a", "-d", "--quiet", "--write-bitmap-index"]);
    home.git(&["multi-pack-index", "write"]);
    home.git(&["pack-refs", "--all"]);
    for count in 6..=packs::PACKS_MAX + 5 {
        export.apply(&message(1, count)).expect("applies");
    }
    home.git(&["multi-pack-index", "write"]);
    for count in 1..=packs::PACKS_MAX {
        export.apply(&message(2, count)).expect("applies");
    }
    home.fsck();
    assert!(home.packs() <= packs::PACKS_MAX);
    assert_eq!(home.git(&["rev-list", "--all", "--objects"]).lines().count(), in_packs(&home));
}

#[test]
fn readers_are_served_while_packs_are_merged() {
    let home = Home::new();
    let mut export = home.open();
    let mut count = 0;
    for number in 0..3 {
        let clone = home.directory.path().join(format!("clone-{number}"));
        let url = format!("file://{}", home.path().display());
        count += 1;
        export.apply(&message(number, count)).expect("applies");
        let mut command = home.command();
        command.args(["clone", "--quiet", "--bare", &url]).arg(&clone);
        let mut reader = Other(command.spawn().expect("git runs"));
        let end = count + 2_000;
        let status = loop {
            count += 1;
            export.apply(&message(number, 1 + count % 50)).expect("applies");
            if let Some(status) = reader.0.try_wait().expect("answers") {
                break status;
            }
            assert!(count < end, "the clone takes too long");
        };
        assert!(status.success());
        text(
            &home
                .command()
                .arg("-C")
                .arg(&clone)
                .args(["fsck", "--full", "--strict"])
                .output()
                .expect("git runs"),
        );
    }
    home.fsck();
}

#[test]
fn ten_thousand_sessions_fit() {
    let home = Home::new();
    let mut export = home.open();
    let mut first = plan(&[], &[]);
    for session in 0..10_000 {
        first.writes.extend(message(session, 1).writes);
    }
    export.apply(&first).expect("applies");
    for count in 2..10 {
        export.apply(&message(5_000, count)).expect("applies");
    }
    let listed = export.list("quick-sessions").expect("lists");
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted());
    home.fsck();
}
