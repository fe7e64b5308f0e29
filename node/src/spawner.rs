//! The one way to start a task. Edges take a [`Spawner`] instead of calling `tokio::spawn`, so that a simulator can run
//! them on its own executor, and so that the shell knows every task that it must end. It never blocks and never panics.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A task without result: errors are handled inside it, or sent over a channel.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Starts tasks. The shell's implementation is the only one that touches tokio's runtime.
pub trait Spawn: Send + Sync {
    /// Starts `task` under a name that shows in logs. It runs until it ends or the runtime is shut down.
    fn spawn(&self, name: &'static str, task: Task);
    /// Runs blocking work (git, a file) away from the loop.
    fn spawn_blocking(&self, name: &'static str, work: Box<dyn FnOnce() + Send + 'static>);
}

/// A shared spawner: what edges hold.
#[derive(Clone)]
pub struct Spawner(Arc<dyn Spawn>);

impl Spawner {
    /// Wraps an implementation.
    pub fn new(inner: impl Spawn + 'static) -> Self {
        Self(Arc::new(inner))
    }

    /// Starts `task` under a name that shows in logs.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(name, Box::pin(task));
    }

    /// Runs blocking work (git, a file) away from the loop.
    pub fn spawn_blocking(&self, name: &'static str, work: impl FnOnce() + Send + 'static) {
        self.0.spawn_blocking(name, Box::new(work));
    }
}
