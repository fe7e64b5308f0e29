//! INV-9: no bytes from a peer, a file or a client can panic a node, and one broken session never stops another. The world
//! itself catches panics and reports them under this number (`panics`), and errors that are logged (`logs`). Here is what
//! shows in effects and answers: a node that gives up though its disk is whole, and a session that is not shown.

use starling_node::machine::input::Effect;

use crate::checker::{Checker, Found};
use crate::world::World;

/// Listens for nodes that give up.
#[derive(Debug)]
pub struct Sound;

impl Checker for Sound {
    fn invariant(&self) -> &'static str {
        "INV-9"
    }

    fn on_effect(&mut self, world: &World, node: usize, effect: &Effect) -> Found {
        let Effect::Fatal(why) = effect else { return None };
        let is_whole = world.nodes.get(node).is_some_and(|sim| sim.failed_commits == 0);
        is_whole.then(|| format!("#{node} gave up, and its disk never failed: {why}"))
    }

    fn at_end(&mut self, world: &World) -> Found {
        let unanswered = world.shown.iter().find(|shown| shown.is_silent())?;
        Some(format!("#{} does not answer for {}", unanswered.node, unanswered.key))
    }
}
