//! INV-9: what panics in a node is caught, reported with its place, and taken for a crash of that node. Panics elsewhere,
//! in a test's own assertions, pass as they are.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::world::World;

/// How long a node that panicked stays away, ms.
const AWAY_MS: u64 = 1_000;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static NOTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

fn hook() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                NOTED.set(Some(info.to_string().replace('\n', " ")));
            } else {
                before(info);
            }
        }));
    });
}

/// Does something of a node's.
///
/// # Errors
/// It panicked: where, and with which words.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    hook();
    CATCHING.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(false);
    let noted = NOTED.take();
    done.map_err(|_| noted.unwrap_or_else(|| "panicked without a word".to_owned()))
}

/// Does something that may panic inside and survives it, as the store does when what is on its disk makes no sense: the
/// panic is not printed.
pub(crate) fn quiet<T>(work: impl FnOnce() -> T) -> T {
    hook();
    let before = CATCHING.replace(true);
    let done = work();
    CATCHING.set(before);
    done
}

impl World {
    /// A node panicked: a breach, and a crash.
    pub(crate) fn panicked(&mut self, node: usize, what: &str) {
        self.report("INV-9", format!("#{node} {what}"));
        self.crash_for(node, AWAY_MS);
    }
}
