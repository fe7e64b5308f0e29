//! A clone of the export is a full backup: a new home is made from it, every signature and rule checked again, with every
//! session, line, title and summary; it joins back by a ticket, or by the recovery key when no device is left. What is
//! damaged is told, sets nothing else aside, and `verify` finds it before it is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use starling_tests::{Node, Outcome, PATIENCE, join, pair_with, status_of, wait_for};

/// An agent that titles, sums up and answers.
const SCRIPT: &str = "set_title Told and answered\nsummarize 摘要: it works.\nreply Done.\n";
const SUMMARY: &str = "摘要: it works.";

fn git(directory: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "other").env(format!("GIT_{who}_EMAIL"), "other@example.invalid");
    }
    let output = git.arg("-C").arg(directory).args(args).output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn restore(node: &Node, from: &Path, options: &[&str]) -> Outcome {
    node.cli(&[&["restore", text(from)], options].concat())
}

fn document(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

/// A founder that hosts `@coder`, with an archived session, one with a summary, and a third: their ids.
fn workspace() -> (Node, [String; 3]) {
    let a = Node::founded_by("alice");
    let script = a.file("script", SCRIPT);
    let _added = a.cli(&["agent", "add", "coder", "--demo", "--script", &script]).ok();
    let sessions = ["to be archived", "to be summarized", "asked and answered"].map(|first| {
        let id = a.open("coder", first);
        a.settled(&id);
        id
    });
    a.send(&sessions[1], "and once more");
    a.settled(&sessions[1]);
    let _titled = a.cli(&["session", "title", &sessions[1], "给它一个名字"]).ok();
    let _archived = a.cli(&["session", "archive", &sessions[0]]).ok();
    assert_eq!(status_of(&a.show(&sessions[0])), "archived");
    assert_eq!(a.show(&sessions[1])["meta"]["summary"], SUMMARY);
    let _exported = a.cli(&["export"]).ok();
    (a, sessions)
}

/// A clone of a clone of the bare repository that the node pushed to.
fn cloned_twice(node: &Node) -> PathBuf {
    let folder = node.home().join("..");
    let [remote, mirror, clone] =
        ["pushed.git", "pushed-mirror.git", "pushed-clone"].map(|name| folder.join(name));
    git(&folder, &["init", "--quiet", "--bare", text(&remote)]);
    let _pushed = node.cli(&["export", "--push", text(&remote)]).ok();
    git(&folder, &["clone", "--quiet", "--mirror", text(&remote), text(&mirror)]);
    git(&folder, &["clone", "--quiet", text(&mirror), text(&clone)]);
    clone
}

/// The list is made from the records after a restore, in a moment.
fn shows(node: &Node, sessions: &[Value]) {
    assert!(!sessions.is_empty());
    wait_for("everything that was there", PATIENCE, || (node.all_sessions() == sessions).then_some(()));
}

fn problems(outcome: &Outcome) -> Vec<Value> {
    document(outcome)["problems"].as_array().unwrap().clone()
}

#[test]
fn a_device_that_lost_its_store_is_restored_from_its_export_and_joins_again() {
    let mut pair = pair_with(Some(SCRIPT));
    let id = pair.a.open("coder", "asked and answered");
    pair.a.settled(&id);
    let [summarized, archived] = ["to be summarized", "to be archived"].map(|first| {
        let id = pair.a.open("coder", first);
        pair.a.settled(&id);
        id
    });
    pair.a.send(
        &summarized,
        "and once more:\r\n\r\n[L000002][P000000][@bob][20260711T000009Z] 中文 👩‍👩‍👧‍👦\u{2028}\u{1b}[31m",
    );
    pair.a.settled(&summarized);
    let _titled = pair.a.cli(&["session", "title", &summarized, "给它一个名字"]).ok();
    let _archived = pair.a.cli(&["session", "archive", &archived]).ok();
    pair.in_step();
    assert_eq!(pair.b.show(&summarized)["meta"]["summary"], SUMMARY);
    let tree = pair.same_tree();
    let clone = cloned_twice(&pair.a);
    pair.a.kill9();
    fs::remove_file(pair.a.home().join("store.redb")).unwrap();
    let export = pair.a.home().join("export.git");
    restore(&pair.a, &export, &[]).fails(5, "home_in_use");

    let mut c = Node::new();
    let report = restore(&c, &clone, &[]).json();
    assert_eq!((report["sessions"].as_u64(), report["handle"].as_str()), (Some(3), None), "{report}");
    c.up();
    assert_ne!(c.device(), pair.a.device(), "a restored key could write two histories");
    shows(&c, &pair.b.all_sessions());
    let _exported = c.cli(&["export"]).ok();
    assert_eq!(c.tree(), tree, "INV-2: the tree is not a function of the records");
    c.cli(&["session", "send", &id, "as nobody"]).fails(4, "quick_session_forbidden");
    c.stop();

    let joined = join(&pair.b, &c, "alice").json();
    assert_eq!(joined["device"], c.device());
    c.up();
    c.send(&id, "back again");
    c.settled(&id);
    let heard = |session: &Value| session["entries"].as_array().is_some_and(|lines| lines.len() == 4);
    let there = pair.b.until(&id, "what the restored device wrote", heard);
    assert_eq!(there["entries"][2]["body"], "back again");
    assert_eq!(there, c.settled(&id));
    wait_for("equal trees", PATIENCE, || (pair.b.tree() == c.tree()).then_some(()));

    // Another one joins while its node runs.
    let mut d = Node::new();
    let _restored = restore(&d, &clone, &[]).ok();
    d.up();
    assert_eq!(d.status()["revoked"], true);
    let joined = join(&pair.b, &d, "alice").json();
    assert_eq!((joined["device"].as_str(), &d.status()["revoked"]), (Some(&*d.device()), &json!(false)));
    d.send(&id, "and from here");
}

#[test]
fn a_clone_of_a_clone_and_the_recovery_key_bring_the_founder_back() {
    let (mut a, sessions) = workspace();
    let (before, tree) = (a.all_sessions(), a.tree());
    let (recovery, remote) = (a.file("kept", ""), a.file("remote.git", ""));
    for made in [&recovery, &remote] {
        fs::remove_file(made).unwrap();
    }
    fs::copy(a.home().join("recovery.key"), &recovery).unwrap();
    let (remote, clone) = (PathBuf::from(remote), a.home().join("../clone"));
    let here = a.home();
    git(&here, &["init", "--quiet", "--bare", text(&remote)]);
    git(&here, &["clone", "--quiet", "--mirror", "export.git", "mirror.git"]);
    git(&here.join("mirror.git"), &["push", "--quiet", text(&remote), "main:starling/laptop"]);
    git(&here, &["clone", "--quiet", "--branch", "starling/laptop", text(&remote), text(&clone)]);
    a.kill9();

    let mut c = Node::new();
    restore(&c, &clone, &["--recovery", text(&c.home().join("none"))]).fails(3, "not_found");
    let wrong = Node::founded_by("mallory");
    let other = wrong.home().join("recovery.key");
    restore(&c, &clone, &["--recovery", text(&other)]).fails(4, "not_recovered");
    let report = restore(&c, &clone, &["--recovery", &recovery]).json();
    assert_eq!(
        (report["sessions"].as_u64(), report["handle"].as_str()),
        (Some(3), Some("alice")),
        "{report}"
    );
    c.up();
    assert_eq!(c.greeting()["handle"], "alice");
    shows(&c, &before);
    let _exported = c.cli(&["export"]).ok();
    let changed = git(&c.home().join("export.git"), &["ls-tree", "-r", "HEAD"]);
    let was = git(&a.home().join("export.git"), &["ls-tree", "-r", &tree]);
    let changed: Vec<_> = changed.lines().filter(|line| !was.contains(line)).collect();
    assert!(matches!(changed.as_slice(), [one] if one.ends_with(".starling/roster/0")), "{changed:?}");

    // The founder can do everything again: write, host, and let others in.
    c.send(&sessions[2], "is anybody left?");
    let _added = c.cli(&["agent", "add", "helper", "--demo"]).ok();
    let helped = c.open("helper", "who is left?");
    c.settled(&helped);
    let mut bob = Node::new();
    let _joined = join(&c, &bob, "bob").ok();
    bob.up();
    wait_for("bob has everything", PATIENCE, || (bob.all_sessions() == c.all_sessions()).then_some(()));
}

#[test]
fn a_session_that_is_not_whole_is_set_aside_and_all_others_are_restored() {
    let (mut a, sessions) = workspace();
    a.stop();
    let (clone, bare) = (a.home().join("../clone"), a.home().join("../bare.git"));
    git(&a.home(), &["clone", "--quiet", "export.git", text(&clone)]);
    let files =
        git(&clone, &["grep", "-l", "--text", "-F", "asked and answered", "HEAD", "--", ".starling/records"]);
    let file = clone.join(files.trim().strip_prefix("HEAD:").unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    git(&clone, &["commit", "--quiet", "-am", "one bit of one signature"]);
    git(&clone, &["clone", "--quiet", "--bare", "--single-branch", ".", text(&bare)]);

    let c = Node::new();
    let outcome = restore(&c, &bare, &[]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let report = document(&outcome);
    assert_eq!(report["sessions"], 2);
    let aside = report["set_aside"].as_array().unwrap();
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0]["session"], sessions[2].as_str());
    assert!(aside[0]["reasons"][0].as_str().unwrap().contains("signature"), "{report}");

    // Another branch has it whole.
    let mut d = Node::new();
    let outcome = restore(&d, &clone, &[]);
    let report = document(&outcome);
    assert_eq!((outcome.code, report["sessions"].as_u64()), (1, Some(3)), "{outcome:?}");
    assert_eq!(report["set_aside"].as_array().unwrap().len(), 0);
    assert_eq!(report["troubles"].as_array().unwrap().len(), 1, "{report}");
    a.up();
    d.up();
    shows(&d, &a.all_sessions());
}

#[test]
fn what_is_no_export_makes_no_home() {
    let c = Node::new();
    restore(&c, Path::new("/nowhere"), &[]).fails(3, "not_a_repository");
    let empty = PathBuf::from(c.file("empty", ""));
    fs::remove_file(&empty).unwrap();
    git(Path::new("/"), &["init", "--quiet", text(&empty)]);
    restore(&c, &empty, &[]).fails(1, "no_records");
    assert!(!c.home().join("store.redb").exists());
    assert!(!c.home().join("node.key").exists());
}

#[test]
fn verify_says_what_is_damaged_and_what_mends_it() {
    let (mut a, _) = workspace();
    a.cli(&["verify"]).fails(5, "already_running");
    a.stop();
    let sound = a.cli(&["verify"]).json();
    assert_eq!((sound["ok"].as_bool(), sound["sessions"].as_u64()), (Some(true), Some(3)), "{sound}");
    assert!(sound["objects"].as_u64() > sound["files"].as_u64(), "{sound}");

    // A file that somebody changed.
    let (export, clone) = (a.home().join("export.git"), a.home().join("../clone"));
    git(&a.home(), &["clone", "--quiet", "export.git", text(&clone)]);
    fs::write(clone.join("starling.yaml"), "format: 2\n").unwrap();
    git(&clone, &["commit", "--quiet", "-am", "changed"]);
    git(&export, &["fetch", "--quiet", text(&clone), "+main:main"]);
    let found = problems(&a.cli(&["verify"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["kind"], &found[0]["place"]), (&"export".into(), &"starling.yaml".into()));

    // A byte of an object.
    fs::remove_dir_all(&export).unwrap();
    a.up();
    let _exported = a.cli(&["export"]).ok();
    a.stop();
    let _sound = a.cli(&["verify"]).ok();
    damage_a_pack(&export);
    let outcome = a.cli(&["verify"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let found = problems(&outcome);
    let git = found.iter().find(|problem| problem["kind"] == "git");
    assert!(
        git.is_some_and(|problem| problem["repair"].as_str().unwrap().contains("export.git")),
        "{found:?}"
    );

    // The export is made again; then the store is damaged, in a message.
    fs::remove_dir_all(&export).unwrap();
    a.up();
    let _exported = a.cli(&["export"]).ok();
    a.stop();
    let store = a.home().join("store.redb");
    let mut bytes = fs::read(&store).unwrap();
    let word = b"asked and answered";
    let places: Vec<usize> =
        (0..bytes.len() - word.len()).filter(|at| bytes[*at..].starts_with(word)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at] = b'A');
    fs::write(&store, bytes).unwrap();
    let outcome = a.cli(&["verify"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let found = problems(&outcome);
    let kinds: Vec<_> = found.iter().filter_map(|problem| problem["kind"].as_str()).collect();
    assert!(kinds.contains(&"store") && kinds.contains(&"record"), "checksums and what they hide: {found:?}");
    assert_eq!(document(&outcome)["sessions"], 3, "the others are looked at all the same");
    assert!(
        found.iter().all(|problem| problem["repair"].as_str().is_some_and(|text| text.contains("restore")))
    );

    // What it names does mend it.
    let mut c = Node::new();
    let _restored = restore(&c, &export, &[]).ok();
    c.up();
    wait_for("three sessions", PATIENCE, || (c.all_sessions().len() == 3).then_some(()));
}

/// Flips a byte in the middle of the largest pack.
fn damage_a_pack(export: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let packs = fs::read_dir(export.join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let packs = packs.filter(|path| path.extension().is_some_and(|extension| extension == "pack"));
    let pack = packs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o644)).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&pack, bytes).unwrap();
}
