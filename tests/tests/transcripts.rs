//! What people see, word for word: real sessions at a terminal, kept as transcripts in `tests/transcripts` and played against
//! a real node. What differs from run to run (keys, ports, folders) stands there by name.
//!
//! A text that was meant to change is written anew by `TRYCMD=overwrite`, or `SNAPSHOTS=overwrite` for what `up` and `join`
//! say: a node that stays, and a ticket that is known only then, do not fit into a file of commands.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use snapbox::{Data, Redactions};
use starling_tests::{Node, PATIENCE, join, starling, wait_for};

/// A scripted agent: asks before it answers, and then fails.
const ASKS: &str = "set_title Careful work\nask_permission rm -rf build\nreply done\n";
const FAILS: &str = "set_title Short work\ncrash\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

/// Plays one transcript against a home, with `[NAME]` for each of these texts.
fn play(name: &str, home: &Path, names: &[(&'static str, String)]) {
    let cases = trycmd::TestCases::new();
    cases.register_bin("starling", starling());
    cases.env("STARLING_HOME", home.to_str().unwrap()).env("NO_COLOR", "1");
    cases
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("XDG_CONFIG_HOME", "/nowhere")
        .timeout(Duration::from_secs(60));
    for (name, text) in names {
        cases.insert_var(name, text.clone()).unwrap();
    }
    cases.case(folder().join(format!("{name}.trycmd")));
    cases.run();
}

/// An empty home whose device is called so.
fn called(label: &str) -> Node {
    let node = Node::new();
    let _set = node.cli(&["config", "set", "label", label]).ok();
    node
}

fn founded() -> Node {
    let mut node = called("desk");
    node.up_with(&["--handle", "alice", "--no-demo-agent"], true);
    node
}

/// What names a node's own texts.
fn names(node: &Node) -> Vec<(&'static str, String)> {
    let greeting = node.greeting();
    let text = |key: &str| greeting[key].as_str().unwrap().to_owned();
    let listen = |kind: &str| {
        let all = greeting["listen"].as_array().unwrap();
        all.iter().filter_map(|it| it.as_str()).find(|it| it.contains(kind)).unwrap().to_owned()
    };
    let device = node.device();
    vec![
        ("[HOME]", node.home().to_str().unwrap().to_owned()),
        ("[WEB]", text("http")),
        ("[ADDRESS]", text("http").replace("http://", "")),
        ("[WORKSPACE]", text("workspace")),
        ("[QUIC]", listen("/udp/")),
        ("[TCP]", listen("/tcp/")),
        ("[KEYLONG]", device.get(..16).unwrap().to_owned()),
        ("[KEYSHORT]", device.get(..12).unwrap().to_owned()),
        ("[DEVICE]", device),
    ]
}

fn host(node: &Node, agent: &str, script: &str) {
    let script = node.file(&format!("{agent}.txt"), script);
    let _added = node.cli(&["agent", "add", agent, "--demo", "--script", &script]).ok();
}

#[test]
fn a_first_session() {
    let node = founded();
    let _added = node.cli(&["agent", "add", "scribe", "--demo"]).ok();
    play("session", &node.home(), &names(&node));
}

#[test]
fn turns_that_wait_and_turns_that_fail() {
    let node = founded();
    host(&node, "careful", ASKS);
    host(&node, "broken", FAILS);
    let id = "qs-01JZZZZZZZZZZZZZZZZZZZZZZA";
    let _opened = node.cli(&["session", "new", "--agent", "careful", "-m", "Clean up", "--id", id]).ok();
    wait_for("the agent asks", PATIENCE, || {
        let open = node.api().get("/im/permissions").body;
        open["permissions"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    });
    play("turns", &node.home(), &names(&node));
}

#[test]
fn mistakes_and_what_is_said_to_them() {
    let node = founded();
    play("mistakes", &node.home(), &names(&node));
}

#[test]
fn a_node_and_its_home() {
    let mut node = founded();
    let names = names(&node);
    play("node", &node.home(), &names);
    node.stop();
    play("stopped", &node.home(), &names);
}

#[test]
fn two_devices() {
    let a = founded();
    let mut b = called("laptop");
    let _joined = join(&a, &b, "bob");
    b.up_with(&[], true);
    wait_for("the two meet", PATIENCE, || {
        let peers = a.api().get("/peers").body;
        (peers["peers"][0]["in_step"] == true).then_some(())
    });
    let mut names = names(&a);
    let device = b.device();
    names.extend([("[BOBSHORT]", device.get(..12).unwrap().to_owned()), ("[BOBS]", device)]);
    play("devices", &a.home(), &names);

    b.stop();
    wait_for("the other one is gone", PATIENCE, || {
        (a.api().get("/peers").body["peers"][0]["connected"] == false).then_some(())
    });
    a.cli(&["peer", "ping", "bob"]).fails(8, "peer_not_connected");
    let away = a.cli(&["doctor"]).json();
    let peers = away["checks"].as_array().unwrap().iter().find(|check| check["id"] == "peers").unwrap();
    assert_eq!(peers["state"], "warn", "{peers}");
}

/// Compares with a file beside the transcripts.
fn compare(name: &str, said: &str, names: &[(&'static str, String)]) {
    let mut redactions = Redactions::new();
    for (name, text) in names {
        redactions.insert(name, text.clone()).unwrap();
    }
    let expected = Data::read_from(&folder().join(name), None);
    snapbox::Assert::new().action_env("SNAPSHOTS").redact_with(redactions).eq(said, expected);
}

#[test]
fn what_up_and_join_say() {
    let mut node = called("desk");
    let quic = "/ip4/127.0.0.1/udp/0/quic-v1";
    let lines = node.spawn_up(&["--handle", "alice", "--no-mdns", "--http", "127.0.0.1:0", "--listen", quic]);
    let end = Instant::now() + PATIENCE;
    let mut greeting = String::new();
    while !greeting.contains("safe place elsewhere") {
        let line = lines.recv_timeout(end.saturating_duration_since(Instant::now()));
        greeting += &format!("{}\n", line.unwrap_or_else(|_| panic!("{greeting}\n{}", node.log())));
    }
    let home = ("[HOME]", node.home().to_str().unwrap().to_owned());
    let status = node.status();
    let web = ("[WEB]", status["http"].as_str().unwrap().to_owned());
    let address = ("[QUIC]", status["listen"][0].as_str().unwrap().to_owned());
    compare("up.txt", &greeting, &[home, web, address]);

    let invite = node.cli(&["invite", "create", "--as", "bob"]).json();
    let other = Node::new();
    let joined = other.plain(&["join", invite["ticket"].as_str().unwrap()]).ok();
    let home = ("[HOME]", other.home().to_str().unwrap().to_owned());
    compare("join.txt", &(joined.stderr + &joined.stdout), &[home]);
}
