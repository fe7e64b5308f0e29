//! The node's newest log lines, kept in memory for whoever asks: a bounded ring, and the layer of `tracing` that fills it.
//! What is logged is chosen where it is logged, and never holds keys, tokens, tickets or messages; nothing is filtered here
//! but by level. Lines are numbered, so that a reader goes on where it was and sees that it missed some.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines that are kept: a screen of each hour of a quiet week, or the last minutes of a bad one.
pub(crate) const LINES_MAX: usize = 1_000;
/// Bytes of one line; the rest of it is cut off.
const LINE_BYTES_MAX: usize = 2_000;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1 on.
    pub(crate) number: u64,
    /// When, ms since 1970.
    pub(crate) at_ms: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub(crate) level: &'static str,
    /// The module that said it.
    pub(crate) target: String,
    /// The message and its fields.
    pub(crate) text: String,
}

/// The newest lines. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Logs(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    last: u64,
}

impl Logs {
    /// The lines after this number that are still there, and the number to ask with next.
    pub(crate) fn since(&self, number: u64) -> (Vec<Line>, u64) {
        let ring = self.ring();
        let lines = ring.lines.iter().filter(|line| line.number > number).cloned().collect();
        (lines, ring.last)
    }

    /// Keeps a line; the oldest one goes when there are too many.
    pub(crate) fn push(&self, at_ms: u64, level: &'static str, target: &str, mut text: String) {
        if text.len() > LINE_BYTES_MAX {
            text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
            text.push('…');
        }
        let mut ring = self.ring();
        ring.last += 1;
        let number = ring.last;
        ring.lines.push_back(Line { number, at_ms, level, target: target.to_owned(), text });
        if ring.lines.len() > LINES_MAX {
            ring.lines.pop_front();
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is logged into a ring.
pub(crate) struct Keep {
    logs: Logs,
    now_ms: fn() -> u64,
}

impl Keep {
    pub(crate) fn new(logs: Logs, now_ms: fn() -> u64) -> Self {
        Self { logs, now_ms }
    }
}

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => "error",
            tracing::Level::WARN => "warn",
            tracing::Level::INFO => "info",
            tracing::Level::DEBUG => "debug",
            tracing::Level::TRACE => "trace",
        };
        self.logs.push((self.now_ms)(), level, event.metadata().target(), words.text());
    }
}

/// The message first, then each field as `name=value`.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn text(self) -> String {
        self.message + &self.fields
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _infallible = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn what_is_logged_is_kept_with_its_fields_and_number() {
        let logs = Logs::default();
        let subscriber = tracing_subscriber::registry().with(Keep::new(logs.clone(), || 7));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %"it broke", n = 3, "cannot listen");
            tracing::info!(name = "x y", "second");
        });
        let (lines, next) = logs.since(0);
        let seen: Vec<_> = lines.iter().map(|it| (it.number, it.at_ms, it.level, it.text.as_str())).collect();
        assert_eq!(
            seen,
            [(1, 7, "warn", "cannot listen error=it broke n=3"), (2, 7, "info", "second name=x y")]
        );
        assert_eq!((lines[0].target.as_str(), next), ("starling_node::logs::tests", 2));
        assert_eq!(logs.since(1).0, lines[1..]);
        assert_eq!(logs.since(2), (Vec::new(), 2));
    }

    #[test]
    fn lines_and_their_number_are_bounded() {
        let logs = Logs::default();
        for n in 0..LINES_MAX + 5 {
            logs.push(
                0,
                "info",
                "t",
                if n == LINES_MAX { "é".repeat(LINE_BYTES_MAX) } else { String::new() },
            );
        }
        let (lines, next) = logs.since(0);
        assert_eq!((lines.len(), lines[0].number, next), (LINES_MAX, 6, LINES_MAX as u64 + 5));
        let longest = lines.iter().map(|line| line.text.len()).max().unwrap();
        assert_eq!(longest, LINE_BYTES_MAX + '…'.len_utf8());
    }
}
