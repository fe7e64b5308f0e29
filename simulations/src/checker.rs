//! What has to hold, as objects that watch a world: one for each invariant, and whatever a user of this library adds. A
//! checker sees each effect before it is carried out, each commit after it is durable, the whole world now and then, and
//! once more when faults are over and everyone had the time to become equal. It says what is wrong in words; the run
//! goes on, so that one seed may show more than one breach.

use starling_node::machine::input::Effect;
use starling_node::store::Batch;

use crate::world::World;

/// What a checker found: the breach in words.
pub type Found = Option<String>;

/// Watches a world. All but the name has a default that finds nothing.
pub trait Checker {
    /// What a breach is reported under: `INV-1` to `INV-10`, or a name of your own.
    fn invariant(&self) -> &'static str;

    /// A node wants something done, which has not happened yet.
    fn on_effect(&mut self, _world: &World, _node: usize, _effect: &Effect) -> Found {
        None
    }

    /// These are on a node's disk now, in this order.
    fn on_durable(&mut self, _world: &World, _node: usize, _batches: &[Batch]) -> Found {
        None
    }

    /// A node has started from its disk.
    fn on_start(&mut self, _world: &World, _node: usize) -> Found {
        None
    }

    /// Now and then while faults are on, between two events. Whatever is found has to be a breach at any time.
    fn on_look(&mut self, _world: &World) -> Found {
        None
    }

    /// Faults are over, and everyone is equal, or had the time to become it.
    fn at_end(&mut self, _world: &World) -> Found {
        None
    }
}

/// A breach of an invariant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Breach {
    /// Which one.
    pub invariant: String,
    /// When, ms from the world's beginning.
    pub at_ms: u64,
    /// What is wrong.
    pub message: String,
}
