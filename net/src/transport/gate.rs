//! A gate around a behaviour: only allowed peers see it. For all others it does not exist: its protocols are not offered
//! to them, and it hears nothing of their connections.
//! A connected peer that becomes allowed gets in on the connection it has: the inner behaviour is asked for a handler as
//! if the connection were new, and the handler is sent to it. One that is no longer allowed is out at once. The two sides
//! need not open their gates at the same time, see `handler`.

mod handler;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use handler::{GateHandler, GateIn};

/// Shows the inner behaviour to allowed peers only.
pub(super) struct Gated<B: NetworkBehaviour> {
    inner: B,
    allowed: BTreeSet<PeerId>,
    connections: BTreeMap<ConnectionId, Passage>,
    /// Connections that got the inner handler while they were being made.
    given: BTreeSet<ConnectionId>,
    /// Gates to open or shut; at most two for each connection and call of `allow`.
    orders: VecDeque<(PeerId, ConnectionId, GateIn<THandler<B>>)>,
}

struct Passage {
    peer: PeerId,
    endpoint: ConnectedPoint,
    /// Whether the inner behaviour knows of this connection.
    open: bool,
}

impl<B: NetworkBehaviour> Gated<B> {
    pub(super) fn new(inner: B) -> Self {
        Self {
            inner,
            allowed: BTreeSet::new(),
            connections: BTreeMap::new(),
            given: BTreeSet::new(),
            orders: VecDeque::new(),
        }
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Replaces the set of allowed peers, and opens and shuts the gates of those connected.
    pub(super) fn allow(&mut self, peers: &BTreeSet<PeerId>) {
        self.allowed.clone_from(peers);
        let turned: Vec<(ConnectionId, bool)> = self
            .connections
            .iter()
            .filter(|(_, passage)| passage.open != peers.contains(&passage.peer))
            .map(|(id, passage)| (*id, passage.open))
            .collect();
        for (id, open) in turned {
            if open { self.shut(id) } else { self.open(id) }
        }
    }

    fn open_connections(&self, peer: &PeerId) -> usize {
        self.connections.values().filter(|passage| passage.open && passage.peer == *peer).count()
    }

    fn open(&mut self, id: ConnectionId) {
        let Some(Passage { peer, endpoint, .. }) = self.connections.get(&id) else {
            return;
        };
        let (peer, endpoint) = (*peer, endpoint.clone());
        let handler = match &endpoint {
            ConnectedPoint::Dialer { address, role_override, port_use } => self
                .inner
                .handle_established_outbound_connection(id, peer, address, *role_override, *port_use),
            ConnectedPoint::Listener { local_addr, send_back_addr } => {
                self.inner.handle_established_inbound_connection(id, peer, local_addr, send_back_addr)
            }
        };
        match handler {
            Ok(handler) => {
                self.orders.push_back((peer, id, GateIn::Open(Box::new(handler))));
                self.tell_established(id, peer, &endpoint, &[]);
            }
            Err(denied) => tracing::debug!(%peer, %denied, "an allowed peer stays outside"),
        }
    }

    fn tell_established(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        endpoint: &ConnectedPoint,
        failed: &[Multiaddr],
    ) {
        let other_established = self.open_connections(&peer);
        if let Some(passage) = self.connections.get_mut(&id) {
            passage.open = true;
        }
        self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: id,
            endpoint,
            failed_addresses: failed,
            other_established,
        }));
    }

    fn shut(&mut self, id: ConnectionId) {
        let Some(passage) = self.connections.get_mut(&id) else {
            return;
        };
        passage.open = false;
        let (peer, endpoint) = (passage.peer, passage.endpoint.clone());
        self.orders.push_back((peer, id, GateIn::Shut));
        let remaining_established = self.open_connections(&peer);
        self.inner.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: peer,
            connection_id: id,
            endpoint: &endpoint,
            cause: None,
            remaining_established,
        }));
    }

    fn on_established(&mut self, event: ConnectionEstablished<'_>) {
        let (id, peer) = (event.connection_id, event.peer_id);
        let passage = Passage { peer, endpoint: event.endpoint.clone(), open: false };
        self.connections.insert(id, passage);
        if self.given.remove(&id) {
            self.tell_established(id, peer, event.endpoint, event.failed_addresses);
        } else if self.allowed.contains(&peer) {
            self.open(id);
        }
    }

    fn on_closed(&mut self, event: ConnectionClosed<'_>) {
        let Some(passage) = self.connections.remove(&event.connection_id) else {
            return;
        };
        self.orders.retain(|(_, id, _)| *id != event.connection_id);
        if passage.open {
            let remaining_established = self.open_connections(&passage.peer);
            let event = ConnectionClosed { remaining_established, ..event };
            self.inner.on_swarm_event(FromSwarm::ConnectionClosed(event));
        }
    }
}

impl<B> NetworkBehaviour for Gated<B>
where
    B: NetworkBehaviour,
    <THandler<B> as ConnectionHandler>::OutboundProtocol: Clone,
{
    type ConnectionHandler = GateHandler<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if !self.allowed.contains(&peer) {
            return Ok(GateHandler::shut());
        }
        let handler = self.inner.handle_established_inbound_connection(id, peer, local, remote)?;
        self.given.insert(id);
        Ok(GateHandler::open(handler))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if !self.allowed.contains(&peer) {
            return Ok(GateHandler::shut());
        }
        let handler = self.inner.handle_established_outbound_connection(id, peer, address, role, port_use)?;
        self.given.insert(id);
        Ok(GateHandler::open(handler))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => self.on_established(event),
            FromSwarm::ConnectionClosed(event) => self.on_closed(event),
            FromSwarm::AddressChange(change) => {
                let Some(passage) = self.connections.get_mut(&change.connection_id) else {
                    return;
                };
                passage.endpoint = change.new.clone();
                if passage.open {
                    self.inner.on_swarm_event(FromSwarm::AddressChange(change));
                }
            }
            FromSwarm::DialFailure(failure) => {
                self.given.remove(&failure.connection_id);
                self.inner.on_swarm_event(FromSwarm::DialFailure(failure));
            }
            FromSwarm::ListenFailure(failure) => {
                self.given.remove(&failure.connection_id);
                self.inner.on_swarm_event(FromSwarm::ListenFailure(failure));
            }
            // Foreign and open-ended: the rest is about listeners and our own addresses.
            other => self.inner.on_swarm_event(other),
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        if self.connections.get(&id).is_some_and(|passage| passage.open) {
            self.inner.on_connection_handler_event(peer, id, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, id, event)) = self.orders.pop_front() {
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(id), event });
        }
        self.inner.poll(cx).map(|order| order.map_in(GateIn::Inner))
    }
}
