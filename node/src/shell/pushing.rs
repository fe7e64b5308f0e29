//! Pushes of the export that the machine orders, each a task with a git process. The loop never waits for one: how it
//! ended comes back as an input, and at a stop it is ended.

use std::path::PathBuf;
use std::time::Duration;

use starling_crdt::id::DeviceKey;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{Home, Remote, Settings};
use crate::machine::info::PushState;
use crate::machine::input::Input;
use crate::push;
use crate::spawner::Spawner;

/// For a git process to be gone at a stop.
const END_TIME: Duration = Duration::from_secs(5);

/// Where this node pushes.
pub(super) struct Target {
    remote: Remote,
    branch: String,
    export: PathBuf,
    from: PathBuf,
}

impl Target {
    /// As set; `None` when nothing is.
    pub(super) fn of(settings: &Settings, home: &Home, device: &DeviceKey) -> Option<Self> {
        let remote = settings.export.remote.as_deref().and_then(|remote| Remote::new(remote).ok())?;
        let (export, from) = (home.export(), home.dir().to_owned());
        Some(Self { remote, branch: push::branch(device), export, from })
    }

    /// What the machine knows of it.
    pub(super) fn state(&self) -> PushState {
        PushState { remote: self.remote.shown(), branch: self.branch.clone(), ..PushState::default() }
    }
}

/// The pushes of a running node.
pub(super) struct Pushing {
    target: Option<Target>,
    spawner: Spawner,
    inputs: mpsc::Sender<Input>,
    stop: CancellationToken,
    /// Each push holds one; when none is left, none runs.
    holds: Option<mpsc::Sender<()>>,
    gone: mpsc::Receiver<()>,
}

impl Pushing {
    pub(super) fn new(target: Option<Target>, spawner: Spawner, inputs: mpsc::Sender<Input>) -> Self {
        let (holds, gone) = mpsc::channel(1);
        Self { target, spawner, inputs, stop: CancellationToken::new(), holds: Some(holds), gone }
    }

    /// Starts a push; its end is reported with [`Input::Pushed`].
    pub(super) fn push(&self, commit: String) {
        let (Some(target), Some(hold)) = (&self.target, self.holds.clone()) else {
            return;
        };
        let order = push::Order {
            export: target.export.clone(),
            from: Some(target.from.clone()),
            remote: target.remote.clone(),
            branch: target.branch.clone(),
            commit,
        };
        let (inputs, stop) = (self.inputs.clone(), self.stop.clone());
        self.spawner.spawn("push", async move {
            let result = push::push(&order, push::TIME_MAX, &stop).await;
            if let Err(error) = &result {
                tracing::warn!(%error, remote = order.remote.shown(), "the export could not be pushed");
            }
            if !stop.is_cancelled() {
                let _gone = inputs.send(Input::Pushed(result.map_err(|error| error.to_string()))).await;
            }
            drop(hold);
        });
    }

    /// Ends what runs.
    pub(super) async fn close(&mut self) {
        self.stop.cancel();
        self.holds = None;
        let _late = tokio::time::timeout(END_TIME, self.gone.recv()).await;
    }
}
