//! The project's invariants as checkers, one for each number. They read the ledger of what is durable, the effects that
//! nodes ask for and the answers that they give, and decide for themselves: none asks the code under test whether it is
//! right, but for the two that compare a node with a second one (INV-2, INV-10).

mod bounds;
mod durable;
mod equal;
mod gate;
mod once;
mod rebuilt;
mod sealed;
mod sound;
mod standing;
mod verified;

pub use bounds::Bounds;
pub use durable::Durable;
pub use equal::Equal;
pub use gate::Gate;
pub use once::Once;
pub use rebuilt::Rebuilt;
pub use sealed::Sealed;
pub use sound::Sound;
pub use standing::Good;
pub use verified::Verified;

use starling_crdt::view::View;
use starling_node::machine::input::Effect;
use starling_node::machine::request::Answer;

use crate::checker::Checker;

/// A checker for each invariant, in the order of their numbers.
#[must_use]
pub fn all() -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(Gate::default()),
        Box::new(Equal),
        Box::new(Durable),
        Box::new(Verified::default()),
        Box::new(Good::default()),
        Box::new(Sealed::default()),
        Box::new(Once::default()),
        Box::new(Bounds),
        Box::new(Sound),
        Box::new(Rebuilt),
    ]
}

/// The session that an effect shows to a client.
fn shown(effect: &Effect) -> Option<&View> {
    match effect {
        Effect::Answer {
            answer: Ok(Answer::Created { view, .. } | Answer::Session { view, .. }), ..
        } => Some(view),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
