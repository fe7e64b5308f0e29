//! One peer: forwards what happens to the parts of its conversation (`gate`, then `rounds`, `ask` and `serve`, which
//! never call each other), watches that an exchange moves, and knows whether the peer has what we have.

use starling_crdt::id::{DeviceKey, StreamKey};

use super::ask::Ask;
use super::budget::Budget;
use super::gate::{Gate, Invite};
use super::index::Difference;
use super::io::{DropReason, FrameToken, Have, Output, PeerStatus, Place, Verdict};
use super::limits::{FRAME_BYTES_MAX, HANDSHAKE_FRAME_BYTES_MAX, NOTE_BYTES_MAX, NOTES_VERSION, PROGRESS_MS};
use super::local::Local;
use super::message::{Message, Range, Short, decode};
use super::out::{Out, Step, broken};
use super::places::Places;
use super::rounds::{Pace, Rounds, Start};
use super::serve::Serve;
use crate::fault::{Fault, planted};

/// The conversation with one peer, from link up to link down.
#[derive(Debug)]
pub(super) struct Peer {
    gate: Gate,
    announced: bool,
    rounds: Rounds,
    ask: Ask,
    serve: Serve,
    places: Places,
    budget: Budget,
    /// Why it is not known to have what we have.
    reason: Option<&'static str>,
    moved_at_ms: u64,
    strikes: u32,
    last_error: Option<String>,
}

impl Peer {
    /// Opens the conversation on a new link.
    pub(super) fn open(
        outbound: bool,
        invite: Option<&Invite>,
        local: &Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Self {
        let gate = Gate::open(outbound, invite, local, now_ms, out);
        Self {
            reason: Some(gate.reason()),
            gate,
            announced: false,
            rounds: Rounds::new(local.me, out.peer, now_ms),
            ask: Ask::default(),
            serve: Serve::default(),
            places: Places::default(),
            budget: Budget::new(now_ms),
            moved_at_ms: now_ms,
            strikes: 0,
            last_error: None,
        }
    }

    /// Whether both sides have let each other in.
    pub(super) const fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// Whether nothing has been said yet.
    pub(super) const fn is_silent(&self) -> bool {
        self.gate.is_silent()
    }

    /// Whether the peer has what we have.
    pub(super) const fn in_step(&self) -> bool {
        self.reason.is_none()
    }

    /// Takes in a frame; `token` names it if it has records.
    pub(super) fn handle_frame(
        &mut self,
        bytes: &[u8],
        token: FrameToken,
        local: &mut Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Step {
        let open = self.is_open();
        let bytes_max = if open { FRAME_BYTES_MAX } else { HANDSHAKE_FRAME_BYTES_MAX };
        if bytes.len() > bytes_max {
            return Err(DropReason::Flooding("bytes in one frame"));
        }
        let message = decode(bytes).map_err(DropReason::Broken)?;
        if !matches!(message, Message::Records { .. } | Message::Ack { .. } | Message::Welcome { .. }) {
            self.budget.spend(bytes.len(), now_ms).map_err(DropReason::Flooding)?;
        }
        if open {
            self.on_message(message, token, local, now_ms, out)
        } else {
            self.gate.handle_frame(message, local, now_ms, out)
        }
    }

    /// Takes in the owner's verdict on its admission.
    pub(super) fn handle_verdict(&mut self, verdict: Verdict, local: &Local, out: &mut Out<'_>) -> Step {
        self.gate.handle_verdict(verdict, local, out)
    }

    /// Takes in what we have of a stream.
    pub(super) fn handle_described(&mut self, stream: StreamKey, have: Have, now_ms: u64, out: &mut Out<'_>) {
        self.moved_at_ms = now_ms;
        self.ask.handle_described(stream, have, out);
    }

    /// Takes in what the peer lacks of a stream.
    pub(super) fn handle_collected(
        &mut self,
        stream: StreamKey,
        records: Vec<Vec<u8>>,
        more: bool,
        now_ms: u64,
    ) {
        self.moved_at_ms = now_ms;
        self.serve.handle_collected(stream, records, more);
    }

    /// A frame of records has been processed.
    pub(super) fn handle_processed(
        &mut self,
        token: FrameToken,
        new: usize,
        missing: Option<StreamKey>,
        now_ms: u64,
        out: &mut Out<'_>,
    ) {
        self.moved_at_ms = now_ms;
        self.ask.handle_processed(token, new, missing, out);
    }

    /// The peer should have deps that we lack.
    pub(super) fn need(&mut self, stream: StreamKey) {
        if self.is_open() {
            self.ask.want(stream, false);
        }
    }

    /// The peer is to say where others are found.
    pub(super) fn seek(&mut self, out: &mut Out<'_>) {
        if self.is_open() {
            self.places.seek(self.gate.version(), out);
        }
    }

    /// Tells the peer something for now, if it knows what a note is.
    pub(super) fn note(&mut self, bytes: Vec<u8>, out: &mut Out<'_>) {
        if self.is_open() && self.gate.version() >= NOTES_VERSION && bytes.len() <= NOTE_BYTES_MAX {
            out.send(&Message::Note { bytes });
        }
    }

    /// Takes in where others are found, for the peer, if it asked.
    pub(super) fn handle_places(&mut self, places: Vec<Place>, out: &mut Out<'_>) {
        self.places.answer(places, out);
    }

    /// A session of ours changed.
    pub(super) fn note_change(&mut self, now_ms: u64) {
        self.rounds.note_change(now_ms);
    }

    /// Our roster changed.
    pub(super) fn handle_roster(&mut self, local: &Local, now_ms: u64, out: &mut Out<'_>) -> Step {
        self.rounds.note_roster(now_ms);
        self.gate.handle_roster(local, out)
    }

    /// Compares again, whatever was tried.
    pub(super) fn sync_now(&mut self, now_ms: u64) {
        self.rounds.restart(now_ms);
    }

    /// Says goodbye.
    pub(super) fn say_paused(&self, out: &mut Out<'_>) {
        if self.is_open() {
            out.send(&Message::Bye { paused: true });
        }
    }

    /// Does what is due. To be called after every input.
    pub(super) fn advance(&mut self, pace: Pace, local: &mut Local, now_ms: u64, out: &mut Out<'_>) -> Step {
        if self.gate.deadline_ms().is_some_and(|at| at <= now_ms) {
            return Err(DropReason::NoHandshake);
        }
        if !self.is_open() {
            self.reason = Some(self.gate.reason());
            return Ok(());
        }
        if !self.announced {
            self.announced = true;
            out.push(Output::Accepted { peer: out.peer });
        }
        self.watch(now_ms)?;
        self.pump(local, out);
        if self.rounds.is_busy() || self.ask.is_busy() {
            local.turn.hold(out.peer, now_ms);
        }
        if !self.is_busy() {
            self.rounds.tell(pace, local, now_ms, out);
            if self.rounds.compare(local, now_ms, out) == Start::Roster {
                self.ask.want(local.roster(), true);
                self.pump(local, out);
            }
        }
        if !self.is_busy() {
            self.moved_at_ms = now_ms;
        }
        self.note_step(local, out);
        Ok(())
    }

    /// When [`Peer::advance`] has something to do without any input, in ms.
    pub(super) fn due_at_ms(&self) -> u64 {
        if let Some(at) = self.gate.deadline_ms() {
            at
        } else if self.is_busy() {
            self.moved_at_ms.saturating_add(PROGRESS_MS)
        } else {
            self.rounds.due_at_ms()
        }
    }

    /// What is known of the peer.
    pub(super) fn status(&self, peer: DeviceKey) -> PeerStatus {
        PeerStatus {
            peer,
            accepted: self.is_open(),
            in_step: self.in_step(),
            reason: self.reason,
            last_exchange_ms: self.rounds.heard_at_ms,
            sent_records: self.serve.sent_records,
            received_records: self.ask.received_records,
            pending_streams: self.ask.pending() + self.serve.pending(),
            last_error: self.last_error.clone(),
            their_sessions: self.rounds.their_sessions(),
        }
    }

    fn is_busy(&self) -> bool {
        self.rounds.is_busy() || self.ask.is_busy() || self.serve.is_busy()
    }

    fn pump(&mut self, local: &Local, out: &mut Out<'_>) {
        self.ask.pump(local, out);
        self.serve.pump(local, out);
    }

    /// An exchange that stands still starts again; one that does so twice ends the conversation.
    fn watch(&mut self, now_ms: u64) -> Step {
        if !self.is_busy() || now_ms < self.moved_at_ms.saturating_add(PROGRESS_MS) {
            return Ok(());
        }
        self.strikes += 1;
        if self.strikes > 1 {
            return Err(DropReason::Stalled);
        }
        self.last_error = Some("an exchange made no progress and was started again".to_owned());
        self.moved_at_ms = now_ms;
        self.ask.reset();
        self.serve.reset();
        self.rounds.restart(now_ms);
        Ok(())
    }

    fn note_step(&mut self, local: &mut Local, out: &mut Out<'_>) {
        let before = self.in_step();
        self.reason = if self.is_busy() {
            Some("an exchange is under way")
        } else {
            self.rounds.reason(&local.summary())
        };
        let in_step = self.in_step();
        if in_step {
            local.turn.release(&out.peer);
        }
        if in_step != before {
            out.push(Output::InStep { peer: out.peer, in_step });
        }
    }

    fn on_message(
        &mut self,
        message: Message,
        token: FrameToken,
        local: &mut Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Step {
        // A summary is not progress: it comes by the clock, also from a peer that answers nothing. Nor is small talk.
        let small_talk = matches!(message, Message::Seek | Message::Places { .. } | Message::Note { .. });
        if !small_talk && !matches!(message, Message::Summary(_)) {
            self.moved_at_ms = now_ms;
            self.strikes = 0;
        }
        match message {
            Message::Summary(summary) => {
                self.rounds.handle_summary(summary, now_ms);
                Ok(())
            }
            Message::Index { round, ranges, last } => self.on_index(round, &ranges, last, local, now_ms, out),
            Message::Have { stream, have, reply } => {
                if reply {
                    self.ask.want(stream, false);
                }
                self.serve.handle_have(stream, have)
            }
            Message::Later { round } => {
                local.turn.release(&out.peer);
                self.rounds.handle_later(round, now_ms);
                Ok(())
            }
            Message::Records { token: wire, parts } => {
                local.turn.hold(out.peer, now_ms);
                self.ask.handle_records(wire, parts, token, local, out)
            }
            Message::Ack { token } => {
                self.rounds.note_ack(now_ms);
                self.serve.handle_ack(token)
            }
            Message::Seek => {
                self.places.handle_seek(out);
                Ok(())
            }
            Message::Places { places } => self.places.handle_places(places, out),
            Message::Note { bytes } => {
                if self.budget.takes_note(now_ms) {
                    out.push(Output::Note { peer: out.peer, bytes });
                }
                Ok(())
            }
            Message::Bye { .. } => Err(DropReason::PeerPaused),
            Message::Refused { code, detail, records } => {
                out.push(Output::Refused { peer: out.peer, code, detail, records });
                Err(DropReason::RefusedUs(code))
            }
            // Crossed our acceptance; nothing is left to prove.
            Message::Proof { .. } => Ok(()),
            Message::Hello { .. } | Message::Join { .. } | Message::Welcome { .. } | Message::Accepted => {
                broken("a handshake after the handshake")
            }
        }
    }

    fn on_index(
        &mut self,
        round: Short,
        ranges: &[Range],
        last: bool,
        local: &mut Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Step {
        for (stream, difference) in self.rounds.handle_index(round, ranges, last, local, now_ms, out)? {
            match difference {
                Difference::OnlyOurs => self.serve.push(stream),
                Difference::OnlyTheirs if planted(Fault::TheirsForgotten) => {}
                Difference::OnlyTheirs => self.ask.want(stream, false),
                Difference::Both => self.ask.want(stream, true),
            }
        }
        Ok(())
    }
}
