//! The driver for agents that speak the Agent Client Protocol, version 1, over stdio.
use std::path::PathBuf;

use futures::future::BoxFuture;

use super::{AgentDriver, AgentSpec, FailReason, LiveTurn, TurnFailure, TurnRequest};
use crate::spawner::Spawner;

/// Drives one agent over ACP.
pub struct AcpDriver;

impl AcpDriver {
    /// A driver for `spec` that starts nothing yet. `exe` is our own binary, for the guard.
    pub fn new(_spec: AgentSpec, _exe: PathBuf, _spawner: Spawner) -> Self {
        Self
    }
}

impl AgentDriver for AcpDriver {
    fn open(&self, _request: TurnRequest) -> BoxFuture<'_, Result<Box<dyn LiveTurn>, TurnFailure>> {
        Box::pin(async { Err(TurnFailure::new(FailReason::SpawnFailed, "not built yet")) })
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn stderr_tail(&self) -> String {
        String::new()
    }
}
