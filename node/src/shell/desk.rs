//! The desk of permission requests: an agent's request gets a number and waits here until the machine says what the answer
//! is, the turn ends, or nobody has answered for too long. Who may answer is the machine's business.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::agent::PermissionDesk;
use crate::machine::input::TurnInput;

/// How long somebody may take to answer: long enough to come back from lunch is too long for a turn that holds up others.
const ANSWER_TIME: Duration = Duration::from_secs(600);
/// Requests that may wait at once; more are refused.
const WAITING_MAX: usize = 64;

/// All requests that wait on this node.
#[derive(Default)]
pub(super) struct Desk {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    answers: BTreeMap<u64, oneshot::Sender<bool>>,
}

impl Desk {
    /// The desk as one turn sees it.
    pub(super) fn for_turn(
        self: &Arc<Self>,
        asks: mpsc::Sender<TurnInput>,
        cancel: CancellationToken,
    ) -> Arc<dyn PermissionDesk> {
        Arc::new(TurnDesk { desk: Arc::clone(self), asks, cancel })
    }

    /// The answer to a request; one that nobody waits for any more is dropped.
    pub(super) fn answer(&self, request: u64, allow: bool) {
        if let Some(waits) = self.waiting().answers.remove(&request) {
            let _gone = waits.send(allow);
        }
    }

    fn open(&self) -> Option<(u64, oneshot::Receiver<bool>)> {
        let mut waiting = self.waiting();
        if waiting.answers.len() >= WAITING_MAX {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        waiting.last += 1;
        let request = waiting.last;
        waiting.answers.insert(request, sender);
        Some((request, answer))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TurnDesk {
    desk: Arc<Desk>,
    asks: mpsc::Sender<TurnInput>,
    cancel: CancellationToken,
}

impl PermissionDesk for TurnDesk {
    fn ask(&self, title: String) -> BoxFuture<'static, bool> {
        let desk = Arc::clone(&self.desk);
        let (asks, cancel) = (self.asks.clone(), self.cancel.clone());
        async move {
            let Some((request, answer)) = desk.open() else { return false };
            let asked = asks.send(TurnInput::Asked { request, title }).await;
            let allowed = tokio::select! {
                biased;
                // The turn is over: nobody is told any more.
                () = std::future::ready(()), if asked.is_err() => false,
                () = cancel.cancelled() => false,
                answer = tokio::time::timeout(ANSWER_TIME, answer) => matches!(answer, Ok(Ok(true))),
            };
            desk.answer(request, false);
            let _over = asks.send(TurnInput::Answered { request, allowed }).await;
            allowed
        }
        .boxed()
    }
}
