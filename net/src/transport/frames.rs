//! Frames between peers, and what "connected" means: one conversation with each peer, over one of its connections, chosen
//! by the rules of `link`. Frames that arrive on another connection wait there, so that a conversation is complete from
//! its first frame if that connection is chosen in the end. A conversation never moves: when its connection closes or is
//! replaced it is over, and both sides start anew.

mod handler;
mod link;
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
use tokio::time::Instant;

use super::SendFailure;
use super::address::{PeerKey, peer_key, plain};
use super::limits::{CONNECTIONS_PER_PEER_MAX, FRAME_BYTES_MAX};
use handler::{FrameHandler, HandlerEvent};
use link::{Link, Phase, is_ours_to_close, takes_over, takes_over_by_speaking};
pub(super) use queue::Inbound;
use queue::Outgoing;

/// What the behaviour tells; see [`super::Event`].
#[derive(Debug)]
pub(super) enum FramesEvent {
    Connected { peer: PeerKey, conversation: u64, address: String, outbound: bool },
    Disconnected { peer: PeerKey, reason: String },
    Frame { peer: PeerKey, inbound: Inbound },
}

pub(super) struct Frames {
    local: PeerId,
    /// Each peer's connections; the last one talks, or is about to be closed.
    peers: BTreeMap<PeerId, Vec<Link>>,
    /// Queues of connections that are being made.
    making: BTreeMap<ConnectionId, Outgoing>,
    orders: VecDeque<ToSwarm<FramesEvent, Infallible>>,
    /// Number of the last conversation.
    conversations: u64,
}

impl Frames {
    pub(super) fn new(local: PeerId) -> Self {
        let (peers, making, orders) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { local, peers, making, orders, conversations: 0 }
    }

    /// Whether this is the connection that the peer's conversation goes over.
    pub(super) fn is_talking(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.talking(peer) == Some(connection)
    }

    /// The connection that the peer's conversation goes over, if there is one.
    pub(super) fn talking(&self, peer: &PeerId) -> Option<ConnectionId> {
        let link = self.peers.get(peer).and_then(|links| links.last())?;
        link.is_talking().then_some(link.connection)
    }

    /// Queues a frame; a peer whose queue is full loses its connection.
    pub(super) fn send(
        &mut self,
        peer: &PeerId,
        conversation: u64,
        frame: Vec<u8>,
    ) -> Result<(), SendFailure> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(SendFailure::TooLarge);
        }
        let link = self.peers.get_mut(peer).and_then(|links| links.last_mut());
        let link = link
            .filter(|link| link.phase == Phase::Talking { conversation })
            .ok_or(SendFailure::NotConnected)?;
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
            link.reason.get_or_insert_with(|| "closed by us".into());
        }
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
        let (phase, queue, early, reason) = (Phase::Waiting, Some(queue), Vec::new(), None);
        let since = Instant::now();
        let link = Link { connection, key, address, outbound, since, phase, queue, early, reason };
        self.add(peer, link);
    }

    fn add(&mut self, peer: PeerId, link: Link) {
        let smaller = self.local < peer;
        let links = self.peers.entry(peer).or_default();
        let Some(present) = links.last_mut() else {
            links.push(link);
            return self.begin(&peer);
        };
        let ours_to_close = is_ours_to_close(smaller, link.outbound, present);
        let (present_id, new_id, key) = (present.connection, link.connection, link.key);
        let over = takes_over(smaller, link.outbound, link.since, present);
        if over {
            let was_talking = present.is_talking();
            present.phase = Phase::Over;
            links.push(link);
            if was_talking {
                let reason = "replaced by another connection".into();
                self.tell(FramesEvent::Disconnected { peer: key, reason });
            }
            self.begin(&peer);
        } else {
            links.insert(links.len().saturating_sub(1), link);
        }
        if ours_to_close {
            self.close(peer, if over { present_id } else { new_id });
        }
    }

    /// Begins a conversation over the last of the peer's connections.
    fn begin(&mut self, peer: &PeerId) {
        let Some(link) = self.peers.get_mut(peer).and_then(|links| links.last_mut()) else {
            return;
        };
        self.conversations += 1;
        let conversation = self.conversations;
        link.phase = Phase::Talking { conversation };
        let (key, early) = (link.key, std::mem::take(&mut link.early));
        let (address, outbound) = (link.address.clone(), link.outbound);
        self.tell(FramesEvent::Connected { peer: key, conversation, address, outbound });
        early.into_iter().for_each(|inbound| self.tell(FramesEvent::Frame { peer: key, inbound }));
    }

    fn on_closed(&mut self, event: &ConnectionClosed<'_>) {
        let peer = event.peer_id;
        let Some(links) = self.peers.get_mut(&peer) else {
            return;
        };
        let place = links.iter().position(|link| link.connection == event.connection_id);
        let Some(place) = place else { return };
        let gone = links.remove(place);
        let next = links.last().map(|link| (link.connection, link.is_spare()));
        if links.is_empty() {
            self.peers.remove(&peer);
        }
        if gone.is_talking() {
            let cause = event.cause.map(ToString::to_string);
            let reason = gone.reason.or(cause).unwrap_or_else(|| "closed".into());
            self.tell(FramesEvent::Disconnected { peer: gone.key, reason });
            match next {
                Some((_, true)) => self.begin(&peer),
                // Its conversation is over, for us if not for the peer: both see that now.
                Some((connection, false)) => self.close(peer, connection),
                None => {}
            }
        }
    }

    fn on_frame(&mut self, peer: PeerId, connection: ConnectionId, inbound: Inbound) {
        let Some(links) = self.peers.get_mut(&peer) else { return };
        let place = links.iter().position(|link| link.connection == connection && link.queue.is_some());
        let Some(place) = place else { return };
        let speaks = links.last().is_some_and(|present| {
            links.get(place).is_some_and(|link| takes_over_by_speaking(link, present))
        });
        let Some(link) = links.get_mut(place) else { return };
        match link.phase {
            Phase::Waiting => {
                link.early.push(inbound);
                if speaks {
                    self.move_on(&peer, place);
                }
            }
            Phase::Talking { .. } => {
                let peer = link.key;
                self.tell(FramesEvent::Frame { peer, inbound });
            }
            Phase::Over => {}
        }
    }

    /// The peer goes on over a connection that waited: what was said before is over.
    fn move_on(&mut self, peer: &PeerId, place: usize) {
        let Some(links) = self.peers.get_mut(peer) else { return };
        let link = links.remove(place);
        let was_talking = links.last_mut().is_some_and(|present| {
            let talking = present.is_talking();
            present.phase = Phase::Over;
            talking
        });
        let key = link.key;
        links.push(link);
        if was_talking {
            let reason = "replaced by another connection".into();
            self.tell(FramesEvent::Disconnected { peer: key, reason });
        }
        self.begin(peer);
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
