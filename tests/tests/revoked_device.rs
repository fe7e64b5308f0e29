//! A device that was revoked adds nothing any more, on any node: what it wrote before stays, or with `--keep-none` only
//! what others built upon; its later messages show nowhere; the git export follows; and it says so itself.

use serde_json::Value;
use starling_tests::{Node, PATIENCE, entries, join, stays, wait_for};
use std::time::Duration;

/// Three devices of @alice: the founder's, one that hosts `@coder`, and a phone.
struct Three {
    a: Node,
    host: Node,
    phone: Node,
}

fn three() -> Three {
    let a = Node::founded_by("alice");
    let (mut host, mut phone) = (Node::new(), Node::new());
    for node in [&mut host, &mut phone] {
        let _joined = join(&a, node, "alice").ok();
        node.up();
    }
    let _added = host.cli(&["agent", "add", "coder", "--demo"]).ok();
    for node in [&a, &phone] {
        wait_for("the agent is known", PATIENCE, || {
            let agents = node.api().get("/im/agents").body;
            agents["agents"].as_array()?.iter().any(|agent| agent["handle"] == "coder").then_some(())
        });
    }
    Three { a, host, phone }
}

fn says(node: &Node, id: &str, text: &str) -> bool {
    entries(&node.show(id)).iter().any(|(_, _, body)| body == text)
}

fn exported(node: &Node, text: &str) -> bool {
    node.git(&["grep", "-q", "-F", text, "HEAD"]).code == 0
}

fn revoke(node: &Node, device: &str, options: &[&str]) -> Value {
    // A unique beginning is enough.
    node.cli(&[&["member", "revoke", &device[..12]], options].concat()).json()
}

/// The phone's word that everybody has, one that was never answered, and one that nobody heard in time.
fn history(three: &mut Three) -> (String, String) {
    let answered = three.phone.open("coder", "asked and answered");
    let _settled = three.a.settled(&answered);
    three.host.stop();
    let open = three.phone.open("coder", "asked and never answered");
    let _known = three.a.until(&open, "known to the founder", |session| !session.is_null());
    let _paused = three.phone.cli(&["sync", "pause"]).ok();
    three.phone.send(&answered, "said behind their backs");
    (answered, open)
}

/// The phone comes back: it is told, says so, and can still read; nobody else has its late word.
fn comes_back(three: &mut Three, answered: &str) {
    let _resumed = three.phone.cli(&["sync", "resume"]).ok();
    three.host.up();
    wait_for("the phone hears of it", PATIENCE, || (three.phone.status()["revoked"] == true).then_some(()));
    assert!(says(&three.phone, answered, "asked and answered"), "what it has stays readable");
    let refused = three.phone.cli(&["session", "send", answered, "let me in"]);
    refused.fails(4, "quick_session_forbidden");
    three
        .phone
        .cli(&["session", "new", "--agent", "coder", "-m", "let me in"])
        .fails(4, "quick_session_forbidden");
    assert!(three.phone.plain(&["status"]).ok().stdout.contains("removed from the workspace"));
    wait_for("the two others meet", PATIENCE, || {
        let sync = three.a.api().get("/sync").body;
        (sync["connected"] == 1 && sync["in_step"] == 1).then_some(())
    });
    stays("its later words show nowhere", Duration::from_millis(1500), || {
        [&three.a, &three.host].iter().all(|node| !says(node, answered, "said behind their backs"))
    });
    wait_for("equal trees", PATIENCE, || (three.a.tree() == three.host.tree()).then_some(()));
    assert!(!exported(&three.a, "said behind their backs"));
}

#[test]
fn a_lost_device_keeps_its_words_and_adds_none() {
    let mut three = three();
    let (answered, open) = history(&mut three);
    let revoked = revoke(&three.a, &three.phone.device(), &[]);
    assert_eq!(revoked["devices"][0], three.phone.device());
    assert_eq!((&revoked["kept_sessions"], &revoked["already"]), (&2.into(), &false.into()));
    assert!(says(&three.a, &open, "asked and never answered"));
    comes_back(&mut three, &answered);
    for node in [&three.a, &three.host] {
        assert!(says(node, &open, "asked and never answered") && says(node, &answered, "asked and answered"));
    }
    assert!(exported(&three.a, "asked and never answered"));

    // Said again it is no error and changes nothing; what is no device, or one's own, is refused.
    let again = three.a.cli(&["member", "revoke", &three.phone.device()]).json();
    assert_eq!(again["already"], true);
    three.a.cli(&["member", "revoke", &"0".repeat(64)]).fails(3, "not_found");
    three.a.cli(&["member", "revoke", "phone"]).fails(2, "invalid_field");
    three.a.cli(&["member", "revoke", &three.a.device()]).fails(5, "quick_session_invalid_state");
    three.a.cli(&["member", "remove", "nobody"]).fails(3, "not_found");
    three.a.cli(&["member", "remove", "alice"]).fails(5, "quick_session_invalid_state");

    // A restart changes nothing of it, on either side.
    three.phone.stop();
    three.phone.up();
    assert_eq!(three.phone.status()["revoked"], true);
    assert!(says(&three.phone, &answered, "asked and answered"));
}

#[test]
fn of_a_stolen_device_only_what_others_built_upon_is_kept() {
    let mut three = three();
    let (answered, open) = history(&mut three);
    wait_for("the export has it", PATIENCE, || exported(&three.a, "asked and never answered").then_some(()));
    let revoked = revoke(&three.a, &three.phone.device(), &["--keep-none"]);
    assert_eq!(revoked["kept_sessions"], 0);
    wait_for("it is gone", PATIENCE, || three.a.show(&open).is_null().then_some(()));
    wait_for("the export follows", PATIENCE, || {
        (!exported(&three.a, "asked and never answered")).then_some(())
    });
    comes_back(&mut three, &answered);
    for node in [&three.a, &three.host] {
        assert!(node.show(&open).is_null(), "nothing of the session counts");
        assert!(says(node, &answered, "asked and answered"), "an answer stands on it");
        node.cli(&["session", "show", &open]).fails(3, "quick_session_not_found");
    }
    // Another device of hers goes on where it was.
    three.a.send(&answered, "the laptop goes on");
    let _settled = three.a.settled(&answered);
}
