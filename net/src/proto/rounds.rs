//! When to tell one peer our state, and when to compare. Both sides tell; the one with the smaller key compares, so that
//! the work is not done twice: the roster first, then the index of sessions, range by range. A pair of states that a
//! comparison has left unequal is remembered and not compared again until either side changes.

use starling_crdt::id::{DeviceKey, StreamKey};

use super::index::{Compared, Difference};
use super::io::DropReason;
use super::limits::{DEBOUNCE_MS, INDEX_ITEMS_MAX, INDEX_RANGES_MAX, LATER_MS, SETTLE_MS};
use super::local::Local;
use super::message::{Bound, Message, Range, RangeState, Short, Summary};
use super::out::{Out, Step, broken};
use crate::fault::{Fault, planted};

const ROUND_DOMAIN: &str = "starling/sync-round/1";
const JITTER_DOMAIN: &str = "starling/sync-jitter/1";

/// The telling and comparing side of an exchange.
#[derive(Debug)]
pub(super) struct Rounds {
    compares: bool,
    theirs: Option<Summary>,
    pub(super) heard_at_ms: Option<u64>,
    told: Option<Summary>,
    tell_at_ms: Option<u64>,
    compare_at_ms: Option<u64>,
    interval_at_ms: u64,
    /// The states, ours and theirs, that were compared last, rosters and sessions apart.
    tried_rosters: Option<([u8; 32], [u8; 32])>,
    tried_sessions: Option<(Summary, Summary)>,
    round: Short,
    rounds: u64,
    /// Index frames of ours whose answer has not ended.
    unanswered: u32,
}

/// When the next unprompted summary is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) interval_ms: u64,
    pub(super) seed: u64,
}

/// What a comparison starts with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The rosters differ: exchange what each side lacks.
    Roster,
    /// Nothing, or an index round that is on its way.
    Done,
}

impl Rounds {
    /// A conversation in which we tell our state at once.
    pub(super) fn new(me: DeviceKey, peer: DeviceKey, now_ms: u64) -> Self {
        Self {
            compares: me < peer,
            theirs: None,
            heard_at_ms: None,
            told: None,
            tell_at_ms: (!planted(Fault::SilentOnReturn)).then_some(now_ms),
            compare_at_ms: None,
            interval_at_ms: u64::MAX,
            tried_rosters: None,
            tried_sessions: None,
            round: Short::default(),
            rounds: 0,
            unanswered: 0,
        }
    }

    /// Our sessions changed: tell after a while, in which more may change.
    pub(super) fn note_change(&mut self, now_ms: u64) {
        self.tell_at_ms.get_or_insert(now_ms.saturating_add(DEBOUNCE_MS));
        self.compare_at_ms.get_or_insert(now_ms.saturating_add(DEBOUNCE_MS));
    }

    /// Our roster changed: tell at once, for the sessions have to wait for it.
    pub(super) fn note_roster(&mut self, now_ms: u64) {
        self.tell_at_ms = Some(now_ms);
        self.compare_at_ms.get_or_insert(now_ms);
    }

    /// The peer has processed records of ours, and is about to tell its new state.
    pub(super) fn note_ack(&mut self, now_ms: u64) {
        self.compare_at_ms = Some(now_ms.saturating_add(SETTLE_MS));
    }

    /// Starts over: tells and compares again, whatever was tried.
    pub(super) fn restart(&mut self, now_ms: u64) {
        self.told = None;
        self.tried_rosters = None;
        self.tried_sessions = None;
        self.unanswered = 0;
        self.round = Short::default();
        self.tell_at_ms = Some(now_ms);
        self.compare_at_ms = Some(now_ms);
    }

    /// Takes in the peer's state.
    pub(super) fn handle_summary(&mut self, summary: Summary, now_ms: u64) {
        self.theirs = Some(summary);
        self.heard_at_ms = Some(now_ms);
        self.compare_at_ms = Some(now_ms);
    }

    /// How many sessions the peer has.
    pub(super) fn their_sessions(&self) -> Option<u64> {
        self.theirs.map(|summary| summary.sessions)
    }

    /// Whether a comparison is on its way.
    pub(super) const fn is_busy(&self) -> bool {
        self.unanswered > 0
    }

    /// Why the peer's state is not known to be `ours`; `None` if it is.
    pub(super) fn reason(&self, ours: &Summary) -> Option<&'static str> {
        let Some(theirs) = self.theirs else {
            return Some("it has not told its state yet");
        };
        if theirs.roster != ours.roster {
            return Some(if self.tried_rosters == Some((ours.roster, theirs.roster)) {
                "the rosters differ, and comparing them brought nothing new"
            } else {
                "the rosters differ"
            });
        }
        if theirs.root != ours.root {
            return Some(if self.tried_sessions == Some((*ours, theirs)) {
                "sessions differ, and comparing them brought nothing new"
            } else {
                "sessions differ"
            });
        }
        None
    }

    /// Tells our state if it is due. To be called when nothing else is under way.
    pub(super) fn tell(&mut self, pace: Pace, local: &mut Local, now_ms: u64, out: &mut Out<'_>) {
        let changed = self.tell_at_ms.is_some_and(|at| at <= now_ms);
        let regular = self.interval_at_ms <= now_ms;
        if !changed && !regular {
            return;
        }
        self.tell_at_ms = None;
        let ours = local.summary();
        if regular || self.told != Some(ours) {
            self.told = Some(ours);
            self.rounds += 1;
            let wait = jittered(pace, &out.peer, self.rounds);
            self.interval_at_ms = now_ms.saturating_add(wait);
            out.send(&Message::Summary(ours));
        }
    }

    /// Compares if it is due and on us. To be called when nothing else is under way.
    pub(super) fn compare(&mut self, local: &mut Local, now_ms: u64, out: &mut Out<'_>) -> Start {
        if self.compare_at_ms.is_none_or(|at| at > now_ms) {
            return Start::Done;
        }
        self.compare_at_ms = None;
        let (ours, Some(theirs)) = (local.summary(), self.theirs) else {
            return Start::Done;
        };
        if !self.compares {
            return Start::Done;
        }
        if ours.roster != theirs.roster {
            let pair = Some((ours.roster, theirs.roster));
            let new = self.tried_rosters != pair;
            self.tried_rosters = pair;
            let exchanged = new && !planted(Fault::RosterNotExchanged);
            return if exchanged { Start::Roster } else { Start::Done };
        }
        let pair = Some((ours, theirs));
        if ours.root != theirs.root && self.tried_sessions != pair {
            if !local.turn.is_free_for(&out.peer, now_ms) {
                self.compare_at_ms = Some(now_ms.saturating_add(LATER_MS));
                return Start::Done;
            }
            local.turn.hold(out.peer, now_ms);
            self.tried_sessions = pair;
            self.rounds += 1;
            self.round = salt(&ours, &theirs, self.rounds);
            let ranges = local.index.opening(&self.round);
            self.send_index(ranges, out);
        }
        Start::Done
    }

    /// Takes in ranges of the peer's index and answers them. Returns the sessions that differ.
    ///
    /// # Errors
    /// More answers than questions.
    pub(super) fn handle_index(
        &mut self,
        round: Short,
        ranges: &[Range],
        last: bool,
        local: &mut Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Result<Vec<(StreamKey, Difference)>, DropReason> {
        if !self.compares {
            if !local.turn.is_free_for(&out.peer, now_ms) {
                out.send(&Message::Later { round });
                return Ok(Vec::new());
            }
            local.turn.hold(out.peer, now_ms);
            return Ok(self.answer_index(round, ranges, local, out));
        }
        if round != self.round {
            return Ok(Vec::new());
        }
        local.turn.hold(out.peer, now_ms);
        if last {
            self.end_answer()?;
        }
        let compared = local.index.compare(ranges, &round);
        if !compared.ranges.is_empty() {
            self.send_index(compared.ranges, out);
        }
        Ok(compared.differing)
    }

    /// The peer has no time for our round: it starts anew soon.
    pub(super) fn handle_later(&mut self, round: Short, now_ms: u64) {
        if self.compares && round == self.round {
            self.unanswered = 0;
            self.round = Short::default();
            self.tried_sessions = None;
            self.compare_at_ms = Some(now_ms.saturating_add(LATER_MS));
        }
    }

    /// The times at which something is due, in ms, if nothing else is under way.
    pub(super) fn due_at_ms(&self) -> u64 {
        let at = |time: Option<u64>| time.unwrap_or(u64::MAX);
        at(self.tell_at_ms).min(at(self.compare_at_ms)).min(self.interval_at_ms)
    }

    fn end_answer(&mut self) -> Step {
        match self.unanswered.checked_sub(1) {
            Some(left) => {
                self.unanswered = left;
                Ok(())
            }
            None => broken("an answer without a question"),
        }
    }

    /// Sessions are compared under equal rosters only; under unequal ones the answer is empty, and a summary with our
    /// new roster is on its way.
    fn answer_index(
        &self,
        round: Short,
        ranges: &[Range],
        local: &Local,
        out: &mut Out<'_>,
    ) -> Vec<(StreamKey, Difference)> {
        let equal = self.theirs.is_some_and(|theirs| theirs.roster == local.roster_digest);
        let compared = if equal { local.index.compare(ranges, &round) } else { Compared::default() };
        let mut frames = frames(compared.ranges);
        let last = frames.pop().unwrap_or_default();
        for ranges in frames {
            out.send(&Message::Index { round, ranges, last: false });
        }
        out.send(&Message::Index { round, ranges: last, last: true });
        compared.differing
    }

    fn send_index(&mut self, ranges: Vec<Range>, out: &mut Out<'_>) {
        for ranges in frames(ranges) {
            self.unanswered += 1;
            out.send(&Message::Index { round: self.round, ranges, last: true });
        }
    }
}

/// Deals ranges out to frames within their bounds. Each frame but the first begins with a range that says nothing.
fn frames(ranges: Vec<Range>) -> Vec<Vec<Range>> {
    let mut frames: Vec<Vec<Range>> = Vec::new();
    let mut frame: Vec<Range> = Vec::new();
    let mut items = 0;
    let mut end: Option<Bound> = None;
    for range in ranges {
        let more = match &range.what {
            RangeState::Skip | RangeState::Digest(_) => 0,
            RangeState::Items(items) => items.len(),
        };
        if frame.len() >= INDEX_RANGES_MAX || items + more > INDEX_ITEMS_MAX {
            frames.push(std::mem::take(&mut frame));
            frame.extend(end.map(|upto| Range { upto, what: RangeState::Skip }));
            items = 0;
        }
        items += more;
        end = Some(range.upto);
        frame.push(range);
    }
    if !frame.is_empty() {
        frames.push(frame);
    }
    frames
}

/// The salt of a round: nobody can know it before both states are fixed.
fn salt(ours: &Summary, theirs: &Summary, rounds: u64) -> Short {
    let mut hasher = blake3::Hasher::new_derive_key(ROUND_DOMAIN);
    hasher.update(&ours.root).update(&theirs.root).update(&ours.roster).update(&rounds.to_be_bytes());
    let mut salt = Short::default();
    hasher.finalize_xof().fill(&mut salt);
    salt
}

/// The interval, a third shorter to a third longer.
fn jittered(pace: Pace, peer: &DeviceKey, rounds: u64) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key(JITTER_DOMAIN);
    hasher.update(&pace.seed.to_be_bytes()).update(peer.as_bytes()).update(&rounds.to_be_bytes());
    let mut random = [0; 8];
    hasher.finalize_xof().fill(&mut random);
    let third = pace.interval_ms / 3;
    let spread = u64::from_be_bytes(random) % third.saturating_mul(2).saturating_add(1);
    (pace.interval_ms - third).saturating_add(spread).max(1)
}
