//! The sync machine's words carried out: frames to send, questions of peers, records that came, who was let in or
//! dropped. It decides nothing; it only knows who answers what.

use starling_net::proto::{self, Output};

use super::Node;
use super::input::{Effect, NetEffect};

impl Node {
    /// Gives the sync machine an input and carries out its words, in order, also those that follow from others.
    pub(super) fn feed(&mut self, input: proto::Input) {
        let said = self.proto.handle(input, self.now);
        self.said.extend(said);
        if self.saying {
            return;
        }
        self.saying = true;
        while let Some(output) = self.said.pop_front() {
            self.carry(output);
        }
        self.saying = false;
    }

    fn carry(&mut self, output: Output) {
        match output {
            Output::Send { peer, bytes } => {
                self.effects.push(Effect::Net(NetEffect::Send { peer, frame: bytes }))
            }
            Output::Describe { peer, stream } => self.on_describe(peer, stream),
            Output::Collect { peer, stream, theirs, bytes_max } => {
                self.on_collect(peer, stream, theirs, bytes_max)
            }
            Output::Records { peer, token, batches } => self.on_records(peer, token, batches),
            Output::Proof { peer, records } => self.on_proof(peer, &records),
            Output::JoinRequest { peer, secret, label } => self.on_join_request(peer, &secret, &label),
            // Only a joiner is welcomed; a member that is has what it needs.
            Output::Welcome { .. } => {}
            Output::Refused { peer, code, detail, records } => {
                self.note_error(peer, format!("{code}: {}", printable(&detail)));
                self.on_refused(&records);
            }
            Output::Drop { peer, reason } => self.on_drop(peer, &reason),
            Output::Accepted { peer } => self.on_accepted(peer),
            Output::Seek { peer } => self.on_seek(peer),
            Output::Places { places, .. } => self.on_places(places),
            Output::Note { peer, bytes } => self.on_note(peer, &bytes),
            Output::InStep { in_step, .. } => self.on_in_step(in_step),
            Output::WakeAt(at) => self.wake("sync", at),
        }
    }

    fn on_in_step(&mut self, in_step: bool) {
        if in_step {
            self.commits.outbox_is_empty();
        }
        self.deliveries.peers_changed();
        self.answer_waiters();
    }
}

/// Text of a peer, safe to show.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
