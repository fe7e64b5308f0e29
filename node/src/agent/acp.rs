//! The driver for agents that speak the Agent Client Protocol, version 1, over stdio.
//!
//! One process serves all sessions of an agent: started at the first turn, shared by the next ones, closed when idle. A
//! crash fails the turn that runs and nothing else; the next turn starts a new process. None of the protocol's types
//! leaves this module and its children. Turns of one agent come one at a time: a turn that has to be ended by force takes the
//! process with it.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::connection::{Connection, Lease};
use self::turn::AcpTurn;
use super::process::StderrTail;
use super::{AgentDriver, AgentSpec, FailReason, LiveTurn, TurnFailure, TurnRequest};
use crate::spawner::Spawner;

mod connection;
mod handshake;
mod listener;
mod modes;
mod turn;

/// Drives one agent over ACP.
pub struct AcpDriver {
    host: Arc<Host>,
    slot: Mutex<Option<Arc<Connection>>>,
}

/// What starting a process takes.
struct Host {
    spec: AgentSpec,
    exe: PathBuf,
    spawner: Spawner,
    stderr: StderrTail,
    closed: CancellationToken,
}

impl AcpDriver {
    /// A driver for `spec` that starts nothing yet. `exe` is our own binary, for the guard.
    pub fn new(spec: AgentSpec, exe: PathBuf, spawner: Spawner) -> Self {
        let (stderr, closed) = (StderrTail::default(), CancellationToken::new());
        Self { host: Arc::new(Host { spec, exe, spawner, stderr, closed }), slot: Mutex::default() }
    }

    async fn open_turn(&self, request: TurnRequest) -> Result<Box<dyn LiveTurn>, TurnFailure> {
        let deadline = Instant::now() + request.limits.wall;
        tracing::debug!(agent = %self.host.spec.handle, session = %request.session_id, "a turn opens");
        let (connection, lease) = self.connection(&request).await?;
        let turn = Box::pin(AcpTurn::open(connection, lease, request, deadline)).await?;
        Ok(Box::new(turn))
    }

    /// The running process, or a new one, held open for a turn.
    async fn connection(&self, request: &TurnRequest) -> Result<(Arc<Connection>, Lease), TurnFailure> {
        let mut slot = self.slot(&request.cancel).await?;
        if let Some(connection) = slot.as_ref() {
            if let Some(lease) = connection.life.lease() {
                return Ok((Arc::clone(connection), lease));
            }
            // It is on its way out; two processes of one agent at a time would fight over its files.
            connection.end().await;
        }
        *slot = None;
        if self.host.closed.is_cancelled() {
            return Err(TurnFailure::new(FailReason::ShuttingDown, "the node is stopping"));
        }
        let host = Arc::clone(&self.host);
        let connection = Connection::start(host, request.limits.initialize, &request.cancel).await?;
        let connection = Arc::new(connection);
        let lease = connection.life.lease();
        *slot = Some(Arc::clone(&connection));
        let lost =
            || TurnFailure::new(FailReason::Crashed, "the agent's process ended right after it started");
        Ok((connection, lease.ok_or_else(lost)?))
    }

    async fn slot(
        &self,
        cancel: &CancellationToken,
    ) -> Result<MutexGuard<'_, Option<Arc<Connection>>>, TurnFailure> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(TurnFailure::new(FailReason::Cancelled, "stopped before the agent started")),
            slot = self.slot.lock() => Ok(slot),
        }
    }

    async fn end(&self) {
        self.host.closed.cancel();
        let mut slot = self.slot.lock().await;
        if let Some(connection) = slot.take() {
            connection.end().await;
        }
    }
}

impl AgentDriver for AcpDriver {
    fn open(&self, request: TurnRequest) -> BoxFuture<'_, Result<Box<dyn LiveTurn>, TurnFailure>> {
        Box::pin(self.open_turn(request))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.end())
    }

    fn is_live(&self) -> bool {
        // While it is locked, a process is being started or ended.
        self.slot.try_lock().map_or(true, |slot| slot.as_ref().is_some_and(|c| !c.life.gone.is_cancelled()))
    }

    fn rest(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let mut slot = self.slot.lock().await;
            if slot.as_ref().is_some_and(|connection| connection.life.close_if_idle())
                && let Some(connection) = slot.take()
            {
                connection.end().await;
            }
        })
    }

    fn stderr_tail(&self) -> String {
        self.host.stderr.text()
    }
}
