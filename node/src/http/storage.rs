//! What the node keeps on the disk, for `GET /status`. The shell measures; here it is only asked for away from the loop,
//! one question at a time, and remembered for some seconds, so that no client can make the disk busy.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};
use tokio::time::Instant;

use crate::spawner::Spawner;

/// How long sizes are good: they are for people.
const SIZES_TTL: Duration = Duration::from_secs(5);

/// Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The home's directory.
    pub home: String,
    /// Of the store.
    pub store_bytes: u64,
    /// Of the export; of a very large one the first part.
    pub export_bytes: u64,
}

/// Looks at the disk, and may block; injected by the shell.
pub type Measure = Arc<dyn Fn() -> Sizes + Send + Sync>;

/// Sizes as they were measured last.
pub(super) struct Storage {
    measure: Measure,
    /// And until when they are good.
    last: Mutex<Option<(Instant, Sizes)>>,
}

impl Storage {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, last: Mutex::new(None) }
    }

    /// Sizes that are at most some seconds old.
    pub(super) async fn sizes(&self, now: Instant, spawner: &Spawner) -> Sizes {
        let mut last = self.last.lock().await;
        if let Some((_, sizes)) = last.as_ref().filter(|(until, _)| now < *until) {
            return sizes.clone();
        }
        let (sender, measured) = oneshot::channel();
        let measure = self.measure.clone();
        spawner.spawn_blocking("storage", move || {
            // Who asked may have gone.
            let _gone = sender.send(measure());
        });
        let sizes = measured.await.unwrap_or_default();
        *last = Some((now + SIZES_TTL, sizes.clone()));
        sizes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::tests::spawner;
    use super::*;

    #[tokio::test]
    async fn sizes_are_measured_once_in_a_while() {
        let looks = Arc::new(AtomicU64::new(0));
        let counted = looks.clone();
        let storage = Storage::new(Arc::new(move || {
            let store_bytes = counted.fetch_add(1, Ordering::Relaxed) + 1;
            Sizes { store_bytes, ..Sizes::default() }
        }));
        let start = Instant::now();
        for (seconds, want) in [(0, 1), (1, 1), (5, 2), (6, 2)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(storage.sizes(now, &spawner()).await.store_bytes, want, "after {seconds} s");
        }
    }
}
