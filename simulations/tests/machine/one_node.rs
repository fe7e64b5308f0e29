//! One node by itself: the whole way of a message, and the export that shows it.

use super::common::{MINUTE, alone, await_answer, over};

#[test]
fn a_message_is_claimed_titled_answered_and_exported() {
    over(0..50, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "please check the build").unwrap();
        await_answer(world, a, id);
        let view = world.show(a, id).unwrap();
        assert_eq!(view.lines.len(), 2);
        assert!(view.lines.iter().all(|line| line.sealed));
        assert_eq!(view.lines[1].point_to, 1);
        assert_eq!(view.pending_inputs, 0);
        world.converge(MINUTE).unwrap();
        world.run_for(1_000);
        let files: Vec<_> = world.nodes[a].tree.files().keys().cloned().collect();
        let wanted = [
            format!("quick-sessions/{id}/discussion.thread"),
            format!("quick-sessions/{id}/session.meta.yaml"),
            "starling.yaml".to_owned(),
            "users/alice.meta.yaml".to_owned(),
            "users/scribe.meta.yaml".to_owned(),
        ];
        assert_eq!(files, wanted);
    });
}
