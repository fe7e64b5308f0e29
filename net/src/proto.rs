//! The sync machine: what to say to which peer and when. It knows peers, frames, digests and stream keys; it does not
//! know what a record says, and reads no clock, socket or random source. Its owner feeds [`Input`]s with the time to
//! [`Proto::handle`] and carries out the [`Output`]s, in order.

mod io;
pub mod limits;
mod message;

pub use io::{Batch, Config, DropReason, FrameToken, Have, Input, Output, PeerStatus, RefusalCode, Verdict};

/// One replica's side of all its conversations.
#[derive(Debug)]
pub struct Proto {
    config: Config,
}

impl Proto {
    /// A machine without peers. Feed it [`Input::RosterChanged`] and a [`Input::Changed`] for each session in store,
    /// then connect peers.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Takes in what happened and says what to do. `now_ms` is any clock that does not run backwards.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        let _ = (&self.config, input, now_ms);
        Vec::new()
    }

    /// What is known of each connected peer, ordered by key.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        Vec::new()
    }

    /// Whether every connected peer has let us in and has what we have. True without peers.
    #[must_use]
    pub fn all_in_step(&self) -> bool {
        true
    }

    /// Whether sync is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        false
    }
}
