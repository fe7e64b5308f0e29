//! A question asked on one machine is answered by the agent on another, and both then hold the same session: the same
//! lines, the same plain text in git.

use starling_tests::{entries, pair};

#[test]
fn a_question_on_a_is_answered_by_the_agent_on_b() {
    let pair = pair();
    let id = pair.a.open("coder", "Please check the build.\nIt is red.");

    let session = pair.a.settled(&id);
    assert_eq!(session["meta"]["title"], "Please check the build.");
    assert_eq!(session["meta"]["created_by"], "alice");
    let lines = entries(&session);
    let authors: Vec<_> = lines.iter().map(|(number, author, _)| (*number, author.as_str())).collect();
    assert_eq!(authors, [(1, "alice"), (2, "coder")]);
    assert_eq!(lines[0].2, "Please check the build.\nIt is red.");
    assert_eq!(session["entries"][1]["point_to"], 1);

    pair.in_step();
    assert_eq!(pair.b.show(&id), session, "both show the same");
    let tree = pair.same_tree();
    for node in [&pair.a, &pair.b] {
        let checked = node.git(&["fsck", "--strict", "--full"]).ok();
        assert_eq!(checked.stdout, "", "{checked:?}");
        assert_eq!(node.status()["export"]["tree"], tree.as_str());
        let thread = format!("HEAD:quick-sessions/{id}/discussion.thread");
        let text = node.git(&["show", &thread]).ok().stdout;
        assert!(text.starts_with("[L000001][P000000][@alice]["), "{text}");
        assert!(text.contains("\n[L000002][P000001][@coder]["), "{text}");
    }
}
