//! Where other devices are found, asked of one peer and told to it. A device that knows only whom it joined through would
//! be alone as soon as that one is lost; so it asks. What a peer says is a hint: it is bounded here, and whoever answers at
//! an address still has to prove that it is the device that was meant.

use super::io::{Output, Place};
use super::limits::{ADDRESS_BYTES_MAX, PLACE_ADDRESSES_MAX, PLACES_MAX, PLACES_VERSION};
use super::message::Message;
use super::out::{Out, Step, broken};

/// The questions that are open between us and one peer.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// We asked.
    sought: bool,
    /// It asked.
    asked: bool,
}

impl Places {
    /// Asks a peer that speaks this version, unless an answer is still to come.
    pub(super) fn seek(&mut self, version: u16, out: &mut Out<'_>) {
        if version >= PLACES_VERSION && !self.sought {
            self.sought = true;
            out.send(&Message::Seek);
        }
    }

    /// The peer asks. One question is open at a time.
    pub(super) fn handle_seek(&mut self, out: &mut Out<'_>) {
        if !self.asked {
            self.asked = true;
            out.push(Output::Seek { peer: out.peer });
        }
    }

    /// Answers the peer's question, within the bounds of a frame.
    pub(super) fn answer(&mut self, mut places: Vec<Place>, out: &mut Out<'_>) {
        if !std::mem::take(&mut self.asked) {
            return;
        }
        for place in &mut places {
            place.addresses.retain(|address| address.len() <= ADDRESS_BYTES_MAX);
            place.addresses.truncate(PLACE_ADDRESSES_MAX);
        }
        places.retain(|place| !place.addresses.is_empty() && place.device != out.peer);
        places.truncate(PLACES_MAX);
        places.sort_by_key(|place| place.device);
        places.dedup_by_key(|place| place.device);
        out.send(&Message::Places { places });
    }

    /// The peer's answer.
    pub(super) fn handle_places(&mut self, places: Vec<Place>, out: &mut Out<'_>) -> Step {
        if !std::mem::take(&mut self.sought) {
            return broken("an answer that nobody asked for");
        }
        out.push(Output::Places { peer: out.peer, places });
        Ok(())
    }
}
