//! Whole conversations between machines, without any IO: they converge whatever is cut and when, say little when nothing
//! changed, tell strangers nothing, and never hold more than their bounds.

mod exchange;
mod handshake;
mod hostile;
mod model;
mod notes;
mod places;
mod world;

use super::message::Message;
use world::World;

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Hello { .. } => "hello",
        Message::Join { .. } => "join",
        Message::Proof { .. } => "proof",
        Message::Welcome { .. } => "welcome",
        Message::Refused { .. } => "refused",
        Message::Accepted => "accepted",
        Message::Summary(_) => "summary",
        Message::Index { .. } => "index",
        Message::Later { .. } => "later",
        Message::Have { .. } => "have",
        Message::Records { .. } => "records",
        Message::Ack { .. } => "ack",
        Message::Seek => "seek",
        Message::Places { .. } => "places",
        Message::Note { .. } => "note",
        Message::Bye { .. } => "bye",
    }
}

fn kinds(world: &World, mark: usize) -> Vec<&'static str> {
    world.since(mark).iter().map(|(.., message)| kind(message)).collect()
}
