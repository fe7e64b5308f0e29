//! Where the parts of one peer's conversation put what they want done.

use starling_crdt::id::DeviceKey;

use super::io::{DropReason, Output};
use super::message::{Message, encode};

/// Goes on, or ends the conversation.
pub(super) type Step = Result<(), DropReason>;

/// The outputs of one step, for one peer.
pub(super) struct Out<'a> {
    pub(super) peer: DeviceKey,
    pub(super) list: &'a mut Vec<Output>,
}

impl Out<'_> {
    /// Sends a frame to the peer.
    pub(super) fn send(&mut self, message: &Message) {
        self.list.push(Output::Send { peer: self.peer, bytes: encode(message) });
    }

    /// Wants something else done.
    pub(super) fn push(&mut self, output: Output) {
        self.list.push(output);
    }
}

/// The end of a conversation with a peer that does what no honest one does.
pub(super) fn broken(what: &str) -> Step {
    Err(DropReason::Broken(what.to_owned()))
}
