//! Errors that are logged while a world runs, by any crate: in a simulation each of them is a failure.

use std::cell::RefCell;
use std::fmt::{Debug, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Errors kept of one run: a loop may log without end.
const KEPT_MAX: usize = 20;

struct Errors;

thread_local! {
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    // One for all runs of a thread: a new one makes every place that logs ask anew.
    static LISTENER: Dispatch = Dispatch::new(Errors);
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing into a String cannot fail.
        let _written = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.is_event()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().target().to_owned());
        event.record(&mut text);
        HEARD.with_borrow_mut(|heard| {
            if heard.len() < KEPT_MAX {
                heard.push(text.0);
            }
        });
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// Does something, and says which errors were logged meanwhile on this thread.
pub fn heard<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    HEARD.take();
    let done = LISTENER.with(|listener| tracing::dispatcher::with_default(listener, work));
    (done, HEARD.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_heard_and_nothing_else() {
        let (seven, errors) = heard(|| {
            tracing::warn!("only a warning");
            tracing::error!(code = 5, "this is wrong");
            7
        });
        assert_eq!(seven, 7);
        assert_eq!(errors, ["starling_simulations::logs::tests this is wrong code=5"]);
        assert!(heard(|| ()).1.is_empty(), "heard once");
    }
}
