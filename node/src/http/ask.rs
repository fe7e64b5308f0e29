//! The way to the node's loop: one bounded channel of questions, each with a place for its answer. The loop's side is the
//! shell's. A loop that is gone, or that drops a question, is a node that shuts down, and is reported as such.

use tokio::sync::{mpsc, oneshot};

use crate::machine::request::{Answer, Code, Rejection, Request};

/// A question, and where its answer goes. When the client has gone, the sender is closed.
pub type Question = (Request, oneshot::Sender<Result<Answer, Rejection>>);

/// Questions that may wait for the loop; further callers wait with their connection, of which there are few.
const QUESTIONS_MAX: usize = 256;

/// Asks the node's loop.
#[derive(Clone)]
pub struct Ask(mpsc::Sender<Question>);

impl Ask {
    /// Both ends: one for clients, one for the loop.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Question>) {
        let (sender, receiver) = mpsc::channel(QUESTIONS_MAX);
        (Self(sender), receiver)
    }

    /// The loop's answer. Dropping the future withdraws the question's place, not its effect.
    ///
    /// # Errors
    /// The loop's refusal; [`Code::ShuttingDown`] when there is no loop any more.
    pub async fn ask(&self, request: Request) -> Result<Answer, Rejection> {
        let (sender, answer) = oneshot::channel();
        self.0.send((request, sender)).await.map_err(|_| shutting_down())?;
        answer.await.map_err(|_| shutting_down())?
    }
}

/// The refusal of a node that ends.
pub(super) fn shutting_down() -> Rejection {
    Rejection::new(Code::ShuttingDown, "the node is shutting down")
}
