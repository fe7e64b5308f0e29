//! The newest events, bounded by number and by bytes. Pure: it knows no listener and no time.

use std::collections::VecDeque;
use std::sync::Arc;

/// Events that are kept: some minutes of a busy workspace.
const EVENTS_MAX: usize = 1_024;
/// Bytes of all events that are kept.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events handed to a listener at once, so that a slow one does not hold many.
const BATCH_MAX: usize = 64;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Grows by one.
    pub(super) number: u64,
    /// The event's name.
    pub(super) kind: &'static str,
    /// JSON, one line.
    pub(super) data: String,
}

/// What a listener gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The next events, in order; none if it has seen all.
    Events(Vec<Arc<Event>>),
    /// What it wants is gone, or was never here.
    Missed {
        /// Where to go on after reading anew.
        latest: u64,
    },
}

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    next: u64,
    bytes: usize,
    events: VecDeque<Arc<Event>>,
}

impl Ring {
    /// An empty ring whose first event gets the number `first`, at least 1.
    pub(super) fn new(first: u64) -> Self {
        Self { next: first.max(1), bytes: 0, events: VecDeque::new() }
    }

    /// The number of the newest event, or the one before the first.
    pub(super) fn latest(&self) -> u64 {
        self.next - 1
    }

    /// Adds an event; the oldest make room.
    pub(super) fn push(&mut self, kind: &'static str, data: String) {
        self.bytes += data.len();
        let number = self.next;
        self.next += 1;
        self.events.push_back(Arc::new(Event { number, kind, data }));
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.data.len();
        }
    }

    /// The kept events of one kind, in order.
    pub(super) fn of(&self, kind: &str) -> Vec<Arc<Event>> {
        self.events.iter().filter(|event| event.kind == kind).cloned().collect()
    }

    /// What comes after the event `seen`.
    pub(super) fn after(&self, seen: u64) -> Read {
        let latest = self.latest();
        let oldest = self.events.front().map_or(self.next, |event| event.number);
        if seen > latest || seen.saturating_add(1) < oldest {
            return Read::Missed { latest };
        }
        let skip = usize::try_from(seen + 1 - oldest).unwrap_or(usize::MAX);
        Read::Events(self.events.iter().skip(skip).take(BATCH_MAX).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(read: &Read) -> Option<Vec<u64>> {
        match read {
            Read::Events(events) => Some(events.iter().map(|event| event.number).collect()),
            Read::Missed { .. } => None,
        }
    }

    #[test]
    fn a_reader_gets_each_event_once_in_order() {
        let mut ring = Ring::new(7);
        assert_eq!(numbers(&ring.after(6)), Some(vec![]));
        for _ in 0..100 {
            ring.push("peers", "{}".to_owned());
        }
        let (mut seen, mut got) = (6, Vec::new());
        while let Some(batch) = numbers(&ring.after(seen)).filter(|batch| !batch.is_empty()) {
            assert!(batch.len() <= BATCH_MAX);
            seen = *batch.last().unwrap();
            got.extend(batch);
        }
        assert_eq!(got, (7..107).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_dropped_or_never_given_is_missed() {
        let mut ring = Ring::new(1_000);
        assert_eq!(ring.after(5), Read::Missed { latest: 999 });
        assert_eq!(ring.after(1_000), Read::Missed { latest: 999 });
        for _ in 0..=EVENTS_MAX {
            ring.push("peers", "{}".to_owned());
        }
        assert!(numbers(&ring.after(999)).is_none());
        assert!(numbers(&ring.after(1_000)).is_some());
        assert!(numbers(&ring.after(u64::MAX)).is_none());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut ring = Ring::new(1);
        for _ in 0..100 {
            ring.push("activity", "x".repeat(BYTES_MAX / 10));
        }
        assert!(ring.bytes <= BYTES_MAX && ring.events.len() <= 10);
    }
}
