//! Frames between peers, and what "connected" means. A peer is one conversation over one connection: the newest. When two
//! peers dial each other at the same time both get two connections; the one with the smaller key closes the older, the
//! other only follows, so that they cannot close one each. A peer that restarted is let in at once for the same reason:
//! its new connection is the newest, and the stale one waits for its timers. Frames that arrive on a connection before it
//! becomes the newest wait there, so a conversation is complete from its first frame.

mod handler;
mod queue;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::SendFailure;
use super::address::{PeerKey, peer_key, plain};
use super::limits::{CONNECTIONS_PER_PEER_MAX, FRAME_BYTES_MAX};
use handler::{FrameHandler, HandlerEvent};
pub(super) use queue::Inbound;
use queue::Outgoing;

/// What the behaviour tells; see [`super::Event`].
#[derive(Debug)]
pub(super) enum FramesEvent {
    Connected {
        peer: PeerKey,
        address: String,
        outbound: bool,
    },
    Disconnected {
        peer: PeerKey,
        reason: String,
    },
    Frame {
        peer: PeerKey,
        inbound: Inbound,
    },
}

pub(super) struct Frames {
    local: PeerId,
    /// Each peer's connections, the newest last.
    peers: BTreeMap<PeerId, Vec<Link>>,
    /// Queues of connections that are being made.
    making: BTreeMap<ConnectionId, Outgoing>,
    orders: VecDeque<ToSwarm<FramesEvent, Infallible>>,
}

struct Link {
    connection: ConnectionId,
    key: PeerKey,
    address: String,
    outbound: bool,
    /// `None` when we are closing it.
    queue: Option<Outgoing>,
    /// Frames read while another link was the newest; at most the window of unread frames.
    early: Vec<Inbound>,
    /// Why it ended, as far as its handler knows.
    reason: Option<String>,
}

impl Link {
    fn connected(&self) -> FramesEvent {
        FramesEvent::Connected {
            peer: self.key,
            address: self.address.clone(),
            outbound: self.outbound,
        }
    }
}

impl Frames {
    pub(super) fn new(local: PeerId) -> Self {
        Self {
            local,
            peers: BTreeMap::new(),
            making: BTreeMap::new(),
            orders: VecDeque::new(),
        }
    }

    /// Whether this is the connection that the peer's frames go over.
    pub(super) fn is_newest(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.newest(peer)
            .is_some_and(|link| link.connection == connection)
    }

    /// Queues a frame; a peer whose queue is full loses its connection.
    pub(super) fn send(&mut self, peer: &PeerId, frame: Vec<u8>) -> Result<(), SendFailure> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(SendFailure::TooLarge);
        }
        let link = self.peers.get_mut(peer).and_then(|links| links.last_mut());
        let link = link.ok_or(SendFailure::NotConnected)?;
        let queue = link.queue.as_ref().ok_or(SendFailure::NotConnected)?;
        if queue.push(frame).is_ok() {
            return Ok(());
        }
        link.queue = None;
        link.reason = Some("the peer does not read what we send".into());
        let connection = link.connection;
        self.close(*peer, connection);
        Err(SendFailure::QueueFull)
    }

    /// Closes the peer's connections, after what is queued was written.
    pub(super) fn disconnect(&mut self, peer: &PeerId) {
        for link in self.peers.get_mut(peer).into_iter().flatten() {
            link.queue = None;
        }
    }

    fn newest(&self, peer: &PeerId) -> Option<&Link> {
        self.peers.get(peer).and_then(|links| links.last())
    }

    fn order(&mut self, order: ToSwarm<FramesEvent, Infallible>) {
        self.orders.push_back(order);
    }

    fn tell(&mut self, event: FramesEvent) {
        self.order(ToSwarm::GenerateEvent(event));
    }

    fn close(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let connection = CloseConnection::One(connection);
        self.order(ToSwarm::CloseConnection { peer_id, connection });
    }

    fn make(&mut self, id: ConnectionId, peer: &PeerId) -> Result<FrameHandler, ConnectionDenied> {
        if peer_key(peer).is_none() {
            return Err(ConnectionDenied::new("the peer's key is not ed25519"));
        }
        if self.peers.get(peer).map_or(0, Vec::len) >= CONNECTIONS_PER_PEER_MAX {
            return Err(ConnectionDenied::new("the peer has too many connections"));
        }
        let (outgoing, queue, closing) = queue::queue();
        self.making.insert(id, outgoing);
        Ok(FrameHandler::new(queue, closing))
    }

    fn on_established(&mut self, event: &ConnectionEstablished<'_>) {
        let (connection, peer) = (event.connection_id, event.peer_id);
        let Some(queue) = self.making.remove(&connection) else {
            return;
        };
        let Some(key) = peer_key(&peer) else { return };
        let (address, outbound) = match event.endpoint {
            ConnectedPoint::Dialer { address, .. } => (plain(address), true),
            ConnectedPoint::Listener { send_back_addr, .. } => (plain(send_back_addr), false),
        };
        let (queue, early, reason) = (Some(queue), Vec::new(), None);
        let link = Link {
            connection,
            key,
            address,
            outbound,
            queue,
            early,
            reason,
        };
        let connected = link.connected();
        let links = self.peers.entry(peer).or_default();
        let older: Vec<ConnectionId> = links.iter().map(|link| link.connection).collect();
        links.push(link);
        if !older.is_empty() {
            self.tell(FramesEvent::Disconnected {
                peer: key,
                reason: "replaced by a newer connection".into(),
            });
        }
        self.tell(connected);
        if self.local < peer {
            older
                .into_iter()
                .for_each(|connection| self.close(peer, connection));
        }
    }

    fn on_closed(&mut self, event: &ConnectionClosed<'_>) {
        let Some(links) = self.peers.get_mut(&event.peer_id) else {
            return;
        };
        let Some(place) = links
            .iter()
            .position(|link| link.connection == event.connection_id)
        else {
            return;
        };
        let was_newest = place + 1 == links.len();
        let gone = links.remove(place);
        let mut told = Vec::new();
        if was_newest {
            let cause = event.cause.map(ToString::to_string);
            let reason = gone.reason.or(cause).unwrap_or_else(|| "closed".into());
            told.push(FramesEvent::Disconnected {
                peer: gone.key,
                reason,
            });
            if let Some(link) = links.last_mut() {
                told.push(link.connected());
                let early = std::mem::take(&mut link.early).into_iter();
                told.extend(early.map(|inbound| FramesEvent::Frame {
                    peer: gone.key,
                    inbound,
                }));
            }
        }
        if links.is_empty() {
            self.peers.remove(&event.peer_id);
        }
        told.into_iter().for_each(|event| self.tell(event));
    }

    fn on_frame(&mut self, peer: PeerId, connection: ConnectionId, inbound: Inbound) {
        let Some(links) = self.peers.get_mut(&peer) else {
            return;
        };
        let newest = links.last().is_some_and(|link| link.connection == connection);
        let Some(link) = links.iter_mut().find(|link| link.connection == connection) else {
            return;
        };
        if link.queue.is_none() {
            return; // We are closing it: what still arrives is not part of the conversation.
        }
        if newest {
            let peer = link.key;
            self.tell(FramesEvent::Frame { peer, inbound });
        } else {
            link.early.push(inbound);
        }
    }

    fn on_ended(&mut self, peer: PeerId, connection: ConnectionId, reason: String) {
        let links = self.peers.get_mut(&peer).into_iter().flatten();
        for link in links.filter(|link| link.connection == connection) {
            link.queue = None;
            link.reason.get_or_insert(reason.clone());
        }
        self.close(peer, connection);
    }
}

impl NetworkBehaviour for Frames {
    type ConnectionHandler = FrameHandler;
    type ToSwarm = FramesEvent;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.make(id, &peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.make(id, &peer)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => self.on_established(&event),
            FromSwarm::ConnectionClosed(event) => self.on_closed(&event),
            FromSwarm::DialFailure(failure) => drop(self.making.remove(&failure.connection_id)),
            FromSwarm::ListenFailure(failure) => drop(self.making.remove(&failure.connection_id)),
            // Foreign and open-ended: the rest is about addresses.
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            HandlerEvent::Frame(inbound) => self.on_frame(peer, id, inbound),
            HandlerEvent::Ended(reason) => self.on_ended(peer, id, reason),
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // No waker: orders come up only while the swarm is polled, or just before.
        self.orders.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
