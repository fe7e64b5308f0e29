//! Fetching from one peer: the streams that we want from it, what we told it that we have, and the frames of records
//! that our owner is still processing. At most a fixed number of streams is asked for at once; the rest waits in order,
//! the roster first. A frame is acknowledged when it has been processed, so a slow disk slows the sender.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{RecordId, StreamKey};

use super::io::{Batch, DropReason, FrameToken, Have, Output};
use super::limits::{HAVE_AUTHORS_MAX, HAVE_HEADS_MAX, STREAMS_AT_ONCE, WANT_MAX, WINDOW_FRAMES};
use super::local::Local;
use super::message::{Message, Part, Tail};
use super::out::{Out, Step, broken};

/// The fetching side of an exchange. In the maps from streams, the value says whether the peer is to answer with a
/// `Have` of its own.
#[derive(Debug, Default)]
pub(super) struct Ask {
    want: BTreeMap<StreamKey, bool>,
    describing: BTreeMap<StreamKey, bool>,
    fetching: BTreeMap<StreamKey, bool>,
    incoming: BTreeMap<FrameToken, Incoming>,
    last_token: u64,
    pub(super) received_records: u64,
}

/// A frame that is being processed.
#[derive(Debug)]
struct Incoming {
    token: u64,
    again: BTreeSet<StreamKey>,
}

impl Ask {
    /// Wants what we lack of a stream.
    pub(super) fn want(&mut self, stream: StreamKey, reply: bool) {
        let under_way = self.describing.get(&stream).or_else(|| self.fetching.get(&stream));
        if under_way.is_some_and(|asked| *asked || !reply) {
            return;
        }
        if self.want.len() < WANT_MAX {
            *self.want.entry(stream).or_default() |= reply;
        }
    }

    /// Asks for as many streams as may be asked for at once.
    pub(super) fn pump(&mut self, local: &Local, out: &mut Out<'_>) {
        while self.describing.len() + self.fetching.len() < STREAMS_AT_ONCE {
            let Some((stream, reply)) = self.next(local) else {
                return;
            };
            if local.knows(&stream) {
                self.describing.insert(stream, reply);
                out.push(Output::Describe { peer: out.peer, stream });
            } else {
                self.say_have(stream, Have::default(), reply, out);
            }
        }
    }

    /// Takes in what we have of a stream.
    pub(super) fn handle_described(&mut self, stream: StreamKey, have: Have, out: &mut Out<'_>) {
        if let Some(reply) = self.describing.remove(&stream) {
            self.say_have(stream, have, reply, out);
        }
    }

    /// Takes in a frame of records; `next` names it.
    pub(super) fn handle_records(
        &mut self,
        token: u64,
        parts: Vec<Part>,
        next: FrameToken,
        local: &Local,
        out: &mut Out<'_>,
    ) -> Step {
        if self.incoming.len() >= WINDOW_FRAMES {
            return Err(DropReason::Flooding("record frames"));
        }
        if token != self.last_token.saturating_add(1) {
            return broken("record frames out of order");
        }
        self.last_token = token;
        let mut again = BTreeSet::new();
        for part in &parts {
            match part.tail {
                Tail::Part => {}
                Tail::End => drop(self.fetching.remove(&part.stream)),
                Tail::Again => {
                    self.fetching.remove(&part.stream);
                    again.insert(part.stream);
                }
            }
        }
        let batches = batches(parts, local);
        if batches.is_empty() {
            out.send(&Message::Ack { token });
            return Ok(());
        }
        self.received_records += batches.iter().map(|batch| batch.records.len() as u64).sum::<u64>();
        self.incoming.insert(next, Incoming { token, again });
        debug_assert!(self.incoming.len() <= WINDOW_FRAMES, "INV-8: more frames in work than the window");
        out.push(Output::Records { peer: out.peer, token: next, batches });
        Ok(())
    }

    /// A frame has been processed. Only if it brought something new is more asked for, so a peer that cannot help is
    /// not asked for ever.
    pub(super) fn handle_processed(
        &mut self,
        token: FrameToken,
        new: usize,
        missing: Option<StreamKey>,
        out: &mut Out<'_>,
    ) {
        let Some(incoming) = self.incoming.remove(&token) else {
            return;
        };
        out.send(&Message::Ack { token: incoming.token });
        if new > 0 {
            for stream in incoming.again.into_iter().chain(missing) {
                self.want(stream, false);
            }
        }
    }

    /// Whether anything is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.pending() + self.incoming.len() > 0
    }

    /// Streams that are asked for, or are to be.
    pub(super) fn pending(&self) -> usize {
        self.want.len() + self.describing.len() + self.fetching.len()
    }

    /// Gives up what was asked. Frames that are being processed stay: their acknowledgement is owed.
    pub(super) fn reset(&mut self) {
        self.want.clear();
        self.describing.clear();
        self.fetching.clear();
    }

    fn next(&mut self, local: &Local) -> Option<(StreamKey, bool)> {
        let busy =
            |stream: &StreamKey| self.describing.contains_key(stream) || self.fetching.contains_key(stream);
        let roster = local.roster();
        let stream = if self.want.contains_key(&roster) && !busy(&roster) {
            roster
        } else {
            *self.want.keys().find(|stream| !busy(stream))?
        };
        self.want.remove(&stream).map(|reply| (stream, reply))
    }

    fn say_have(&mut self, stream: StreamKey, have: Have, reply: bool, out: &mut Out<'_>) {
        self.fetching.insert(stream, reply);
        out.send(&Message::Have { stream, have: bounded(have), reply });
    }
}

/// Brings what our owner said into the form of the wire.
fn bounded(have: Have) -> Have {
    let heads: BTreeSet<RecordId> = have.heads.into_iter().collect();
    let counts: BTreeMap<_, _> =
        have.counts.into_iter().map(|(author, count, last)| (author, (count, last))).collect();
    Have {
        heads: heads.into_iter().take(HAVE_HEADS_MAX).collect(),
        counts: counts
            .into_iter()
            .take(HAVE_AUTHORS_MAX)
            .map(|(author, (count, last))| (author, count, last))
            .collect(),
    }
}

/// The records by stream, the roster's first; streams without any are left out.
fn batches(parts: Vec<Part>, local: &Local) -> Vec<Batch> {
    let filled = parts.into_iter().filter(|part| !part.records.is_empty());
    let mut batches: Vec<Batch> =
        filled.map(|Part { stream, records, .. }| Batch { stream, records }).collect();
    batches.sort_by_key(|batch| batch.stream != local.roster());
    batches
}
