//! Two devices that were cut off from each other, and both went on writing, show the same afterwards: every session, line
//! by line, and the exported trees.

use starling_tests::{entries, pair, stays};
use std::time::Duration;

#[test]
fn both_sides_of_a_cut_write_and_then_agree() {
    let pair = pair();
    let both = pair.a.open("coder", "known to both");
    pair.a.settled(&both);
    pair.in_step();

    let _paused = pair.b.cli(&["sync", "pause"]).ok();
    let on_a = pair.a.open("coder", "asked on a");
    let on_b = pair.b.open("coder", "asked on b");
    for round in 0..5 {
        pair.a.send(&both, &format!("a {round}"));
        pair.b.send(&both, &format!("b {round}"));
        pair.a.send(&on_a, &format!("more {round}"));
    }
    pair.b.settled(&on_b);
    pair.b.settled(&both);
    stays("the cut holds", Duration::from_millis(1500), || {
        pair.b.show(&on_a).is_null() && pair.a.show(&on_b).is_null()
    });
    let refused = pair.b.cli(&["sync", "wait", "--timeout", "5s"]);
    refused.fails(8, "sync_paused");

    let _resumed = pair.b.cli(&["sync", "resume"]).ok();
    for id in [&both, &on_a, &on_b] {
        pair.a.settled(id);
    }
    pair.in_step();
    let (a, b) = (pair.a.all_sessions(), pair.b.all_sessions());
    assert_eq!(a.len(), 3);
    assert_eq!(a, b, "equal views");
    let bodies: Vec<_> = entries(&pair.a.show(&both)).into_iter().map(|(_, _, body)| body).collect();
    for round in 0..5 {
        for side in ["a", "b"] {
            let written = format!("{side} {round}");
            assert_eq!(bodies.iter().filter(|body| **body == written).count(), 1, "{written}: {bodies:?}");
        }
    }
    let _tree = pair.same_tree();
}
