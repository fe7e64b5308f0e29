//! Sending to one peer what it lacks: the streams that it asked for or is known not to have, the records that our owner
//! collected, and the window of frames that the peer has not acknowledged. Many small streams share a frame. Nothing is
//! collected that could not be sent soon, so what waits here is bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_crdt::id::StreamKey;

use super::io::{DropReason, Have, Output};
use super::limits::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, BATCH_STREAMS_MAX, COLLECT_BYTES_MAX, SERVE_MAX, STREAMS_AT_ONCE,
    WINDOW_FRAMES,
};
use super::local::Local;
use super::message::{Message, Part, Tail};
use super::out::{Out, Step, broken};
use crate::fault::{Fault, planted};

/// A part of an answer is closed at this size, so that parts fill frames well.
const PART_BYTES: usize = BATCH_BYTES_MAX / 4;

/// The sending side of an exchange.
#[derive(Debug, Default)]
pub(super) struct Serve {
    asked: BTreeMap<StreamKey, Have>,
    push: BTreeSet<StreamKey>,
    /// Whether the peer asked, and so gets an answer even if it lacks nothing.
    collecting: BTreeMap<StreamKey, bool>,
    ready: VecDeque<Part>,
    ready_bytes: usize,
    unacked: BTreeSet<u64>,
    last_token: u64,
    pub(super) sent_records: u64,
}

impl Serve {
    /// The peer told what it has of a stream, and wants the rest.
    pub(super) fn handle_have(&mut self, stream: StreamKey, have: Have) -> Step {
        self.push.remove(&stream);
        self.asked.insert(stream, have);
        if self.asked.len() > SERVE_MAX {
            return Err(DropReason::Flooding("streams asked for at once"));
        }
        Ok(())
    }

    /// The peer is known to have nothing of a stream.
    pub(super) fn push(&mut self, stream: StreamKey) {
        if !self.asked.contains_key(&stream) && !self.collecting.contains_key(&stream) {
            self.push.insert(stream);
        }
    }

    /// Our owner collected what the peer lacks.
    pub(super) fn handle_collected(&mut self, stream: StreamKey, records: Vec<Vec<u8>>, more: bool) {
        let Some(asked) = self.collecting.remove(&stream) else {
            return;
        };
        let tail = if more { Tail::Again } else { Tail::End };
        if !asked && records.is_empty() {
            return;
        }
        let mut part = Part { stream, records: Vec::new(), tail: Tail::Part };
        let mut bytes = 0;
        let dropped = usize::from(records.len() > 1 && planted(Fault::DepDropped));
        for record in records.into_iter().skip(dropped).filter(|record| fits_frame(record)) {
            let full = bytes + record.len() > PART_BYTES || part.records.len() >= BATCH_RECORDS_MAX / 4;
            if full && !part.records.is_empty() {
                let next = Part { stream, records: Vec::new(), tail: Tail::Part };
                self.enqueue(std::mem::replace(&mut part, next));
                bytes = 0;
            }
            bytes += record.len();
            part.records.push(record);
        }
        part.tail = tail;
        self.enqueue(part);
    }

    /// The peer has processed a frame.
    pub(super) fn handle_ack(&mut self, token: u64) -> Step {
        if self.unacked.remove(&token) { Ok(()) } else { broken("acknowledged what was not sent") }
    }

    /// Sends what is ready, and has more collected.
    pub(super) fn pump(&mut self, local: &Local, out: &mut Out<'_>) {
        self.flush(out);
        while self.collecting.len() < STREAMS_AT_ONCE
            && self.ready_bytes < BATCH_BYTES_MAX
            && self.ready.len() < BATCH_STREAMS_MAX
            && self.unacked.len() < WINDOW_FRAMES
        {
            let Some((stream, asked, theirs)) = self.next(local) else {
                break;
            };
            self.collecting.insert(stream, asked);
            debug_assert!(
                self.collecting.len() <= STREAMS_AT_ONCE,
                "INV-8: too much is collected for one peer"
            );
            out.push(Output::Collect { peer: out.peer, stream, theirs, bytes_max: COLLECT_BYTES_MAX });
        }
        self.flush(out);
    }

    /// Whether anything is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.pending() + self.unacked.len() > 0
    }

    /// Streams that are being sent, or are to be.
    pub(super) fn pending(&self) -> usize {
        self.asked.len() + self.push.len() + self.collecting.len() + self.ready.len()
    }

    /// Gives up what the peer did not ask for, and what our owner has not collected.
    pub(super) fn reset(&mut self) {
        self.push.clear();
        self.collecting.clear();
    }

    fn enqueue(&mut self, part: Part) {
        self.ready_bytes += size(&part);
        self.ready.push_back(part);
    }

    fn next(&mut self, local: &Local) -> Option<(StreamKey, bool, Have)> {
        let free = |stream: &&StreamKey| !self.collecting.contains_key(*stream);
        let roster = local.roster();
        let first = self.asked.get_key_value(&roster).map(|(stream, _)| stream).filter(free);
        if let Some(stream) = first.or_else(|| self.asked.keys().find(free)).copied() {
            return self.asked.remove(&stream).map(|have| (stream, true, have));
        }
        let stream = *self.push.iter().find(free)?;
        self.push.remove(&stream);
        Some((stream, false, Have::default()))
    }

    /// Sends frames while the window is open: full ones, and the last one once nothing more is being collected.
    fn flush(&mut self, out: &mut Out<'_>) {
        while self.unacked.len() < WINDOW_FRAMES && !self.ready.is_empty() {
            let full = self.ready_bytes >= BATCH_BYTES_MAX || self.ready.len() >= BATCH_STREAMS_MAX;
            if !full && !self.collecting.is_empty() {
                return;
            }
            let parts = self.take_frame();
            self.last_token += 1;
            self.unacked.insert(self.last_token);
            self.sent_records += parts.iter().map(|part| part.records.len() as u64).sum::<u64>();
            out.send(&Message::Records { token: self.last_token, parts });
        }
    }

    fn take_frame(&mut self) -> Vec<Part> {
        let (mut parts, mut bytes, mut records) = (Vec::new(), 0, 0);
        while let Some(part) = self.ready.front() {
            bytes += size(part);
            records += part.records.len();
            let over = bytes > BATCH_BYTES_MAX || records > BATCH_RECORDS_MAX;
            if !parts.is_empty() && (over || parts.len() >= BATCH_STREAMS_MAX) {
                break;
            }
            self.ready_bytes -= size(part);
            parts.extend(self.ready.pop_front());
        }
        parts
    }
}

/// Whether a record can travel at all; every valid one can.
fn fits_frame(record: &[u8]) -> bool {
    !record.is_empty() && record.len() <= BATCH_BYTES_MAX
}

fn size(part: &Part) -> usize {
    part.records.iter().map(Vec::len).sum()
}
