//! The connections of one peer, and which of them carries the conversation. Both sides must come to the same answer
//! without asking each other, in whatever order they see the connections:
//! - Two peers that dial each other at the same time get two connections. The one dialled by the smaller key carries.
//! - A peer does not dial while it is connected. So a connection from the other side that comes long after the present one
//!   shows that the peer lost the present one (it was killed and started again): the new one carries.
//! - Of two connections dialled by the same side the newer carries.

use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use super::queue::{Inbound, Outgoing};
use crate::transport::address::PeerKey;
use crate::transport::limits::HANDSHAKE;

/// What a connection is to the caller. It goes through these in order, and never back: a conversation that was replaced
/// cannot be resumed, since the peer has begun it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Talking { conversation: u64 },
    Over,
}

pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) key: PeerKey,
    pub(super) address: String,
    pub(super) outbound: bool,
    pub(super) since: Instant,
    pub(super) phase: Phase,
    /// `None` when we are closing it.
    pub(super) queue: Option<Outgoing>,
    /// Frames read while waiting; at most the window of unread frames.
    pub(super) early: Vec<Inbound>,
    /// Why it ended, as far as we know.
    pub(super) reason: Option<String>,
}

impl Link {
    pub(super) fn is_talking(&self) -> bool {
        matches!(self.phase, Phase::Talking { .. })
    }

    /// Whether it can carry a conversation when the present one ends.
    pub(super) fn is_spare(&self) -> bool {
        self.phase == Phase::Waiting && self.queue.is_some()
    }
}

/// Whether a new connection takes over the conversation. `smaller`: whether our key is the smaller of the two.
pub(super) fn takes_over(smaller: bool, new_outbound: bool, new_since: Instant, present: &Link) -> bool {
    if present.queue.is_none() {
        return true;
    }
    if present.outbound == new_outbound {
        // Who is dialled cannot know yet whether a second connection is meant, or lost the race of a dial to several
        // addresses: the dialler closes that one, or speaks over the other (`takes_over_by_speaking`).
        return new_outbound;
    }
    let dialled_by_smaller = new_outbound == smaller;
    dialled_by_smaller || new_since.duration_since(present.since) >= HANDSHAKE
}

/// Whether a frame over a connection that waits says that the peer goes on there: of two that it dialled, over the newer.
pub(super) fn takes_over_by_speaking(waiting: &Link, present: &Link) -> bool {
    !waiting.outbound && !present.outbound && waiting.since >= present.since
}

/// Whether it is for us to close the connection that does not carry: only one side may, or each might close another.
pub(super) fn is_ours_to_close(smaller: bool, new_outbound: bool, present: &Link) -> bool {
    if present.outbound == new_outbound { new_outbound } else { smaller }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(outbound: bool, since: Instant) -> Link {
        let (connection, key) = (ConnectionId::new_unchecked(1), PeerKey([1; 32]));
        let (queue, early, reason) = (Some(super::super::queue::queue().0), Vec::new(), None);
        let phase = Phase::Talking { conversation: 1 };
        Link { connection, key, address: String::new(), outbound, since, phase, queue, early, reason }
    }

    /// One side sees (`present`, new), the other may see them in the opposite order; outbound here is inbound there.
    #[tokio::test(start_paused = true)]
    async fn both_sides_keep_the_same_of_two_simultaneous_connections() {
        let now = Instant::now();
        for smaller in [true, false] {
            let ours_first = takes_over(smaller, false, now, &link(true, now));
            let theirs_first = takes_over(smaller, true, now, &link(false, now));
            // "The new one carries" means another connection in each order.
            assert_ne!(ours_first, theirs_first);
            let here_keeps_ours = !ours_first;
            let there_keeps_ours = takes_over(!smaller, false, now, &link(true, now));
            assert_eq!(here_keeps_ours, there_keeps_ours);
            let here = is_ours_to_close(smaller, false, &link(true, now));
            assert_ne!(here, is_ours_to_close(!smaller, true, &link(false, now)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_comes_back_later_takes_over() {
        let before = link(true, Instant::now());
        tokio::time::advance(HANDSHAKE).await;
        for smaller in [true, false] {
            assert!(takes_over(smaller, false, Instant::now(), &before));
            assert!(takes_over(smaller, true, Instant::now(), &before));
        }
    }
}
