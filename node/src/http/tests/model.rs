//! The played loop: it answers from the fixtures, refuses when told to, and notes every question.

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

use super::fixtures as f;
use crate::http::Question;
use crate::machine::info::RevokedInfo;
use crate::machine::request::{Answer, Change, Code, Rejection, Request};

/// What the loop knows.
#[derive(Default)]
pub(super) struct Model {
    asked: Mutex<Vec<Request>>,
    /// Refuse everything with this.
    refuse: Mutex<Option<Code>>,
    /// Told when somebody who waited has gone.
    gone: Mutex<Option<oneshot::Sender<()>>>,
}

impl Model {
    pub(super) async fn run(self: Arc<Self>, mut questions: mpsc::Receiver<Question>) {
        while let Some((request, answer)) = questions.recv().await {
            self.asked.lock().unwrap().push(request.clone());
            if request == (Request::Sync { wait: true }) {
                self.clone().hold(answer);
                continue;
            }
            // A dropped sender is a loop that ends.
            if request != (Request::Resolve { prefix: "drop".to_owned() }) {
                let _gone = answer.send(self.answer(request));
            }
        }
    }

    /// Everything asked until now.
    pub(super) fn take_asked(&self) -> Vec<Request> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    pub(super) fn refuse_with(&self, code: Option<Code>) {
        *self.refuse.lock().unwrap() = code;
    }

    /// Resolves when somebody who waits hangs up.
    pub(super) fn somebody_gone(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.gone.lock().unwrap() = Some(sender);
        receiver
    }

    /// Never answers; notices when nobody waits any more.
    fn hold(self: Arc<Self>, mut answer: oneshot::Sender<Result<Answer, Rejection>>) {
        super::spawner().spawn("waiting", async move {
            answer.closed().await;
            if let Some(sender) = self.gone.lock().unwrap().take() {
                let _ = sender.send(());
            }
        });
    }

    fn answer(&self, request: Request) -> Result<Answer, Rejection> {
        if let Some(code) = *self.refuse.lock().unwrap() {
            return Err(Rejection::new(code, "as the test wants it"));
        }
        Ok(match request {
            Request::Create { request_id, .. } => {
                let (view, delivery) = (Arc::new(f::view()), f::delivery());
                Answer::Created { view, new: request_id.is_none(), delivery }
            }
            Request::Message { session, .. } => Answer::Written {
                session,
                message_id: f::record("04"),
                line_number: 4,
                status: f::view().status,
                revision: 7,
            },
            Request::Change { session, change } => changed(session, change)?,
            Request::Turn { secret, .. } if secret != f::SECRET => {
                return Err(Rejection::new(Code::Unauthorized, "not this turn's secret"));
            }
            Request::Turn { .. } => changed(f::session(), Change::Retry)?,
            Request::List { .. } => {
                Answer::Sessions { items: vec![f::item()], next_cursor: Some("next".to_owned()) }
            }
            Request::Search { .. } => Answer::Found {
                items: vec![(f::item(), Some(f::found())), (f::item(), None)],
                next_cursor: None,
            },
            Request::Show { session } if session != f::session() => {
                return Err(Rejection::new(Code::QuickSessionNotFound, "no such session"));
            }
            Request::Show { .. } => {
                Answer::Session { view: Arc::new(f::view()), continues: None, delivery: f::delivery() }
            }
            Request::Resolve { .. } => Answer::Ids(vec![f::session()]),
            Request::Agents
            | Request::AddAgent { .. }
            | Request::HandOver { .. }
            | Request::RemoveAgent { .. } => Answer::Agents(vec![f::agent()]),
            Request::Permissions | Request::Permit { .. } => Answer::Permissions(vec![f::permission()]),
            Request::Members => Answer::Members(vec![f::member()]),
            Request::Revoke { device, keep } => Answer::Revoked(RevokedInfo {
                devices: vec![device],
                agents: vec![f::handle("scribe")],
                kept_sessions: usize::from(keep),
                already: false,
            }),
            Request::RemoveMember { .. } => {
                return Err(Rejection::new(Code::NotFound, "no member is called so"));
            }
            Request::Peers | Request::AddPeer { .. } => Answer::Peers(vec![f::peer()]),
            Request::Ping { device } => Answer::Pong { device, rtt_micros: 250 },
            Request::Status => Answer::Status(Box::new(f::status())),
            Request::Sync { .. } | Request::Pause(_) => Answer::Sync(f::sync()),
            Request::Invite { handle, .. } => Answer::Invited {
                ticket: "starling1ticket".to_owned(),
                id: "inv-1".to_owned(),
                handle: handle.unwrap_or(f::handle("alice")),
                expires_at_ms: f::START_MS,
            },
            Request::Invites | Request::RevokeInvite(_) => Answer::Invites(vec![f::invite()]),
            Request::Join(_) => Answer::Joining,
            Request::Export => Answer::Exported(f::export()),
        })
    }
}

fn changed(session: starling_crdt::id::SessionId, change: Change) -> Result<Answer, Rejection> {
    let view = f::view();
    let title = match change {
        Change::Title(title) => Some(title),
        Change::Stop => return Err(Rejection::new(Code::QuickSessionInvalidState, "no turn runs")),
        Change::Archive | Change::Unarchive | Change::Retry => view.title,
    };
    Ok(Answer::Changed { session, title, status: view.status, revision: 7 })
}
