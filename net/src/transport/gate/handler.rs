//! The gate at one connection: an inner handler that may come later and go earlier than the connection.
//! The peer has a gate too, and may open it later than we do. So a substream that it refuses is not a verdict: the
//! request is held until the peer opens a substream of the same behaviour to us, which shows that its gate is open. Each
//! side does so when it opens, so neither waits for ever, and no timer is needed.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};

use futures::future::Either as FutureEither;
use libp2p::core::upgrade::DeniedUpgrade;
use libp2p::swarm::derive_prelude::Either;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound, ListenUpgradeError,
    SendWrapper,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};

/// Refused requests held for a peer whose gate is shut; the behaviours inside have one or two open at a time.
const HELD_MAX: usize = 4;

/// To the gate of one connection.
pub(crate) enum GateIn<H: ConnectionHandler> {
    Open(Box<H>),
    Shut,
    Inner(H::FromBehaviour),
}

impl<H: ConnectionHandler> fmt::Debug for GateIn<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GateIn::Open(_) => f.write_str("Open"),
            GateIn::Shut => f.write_str("Shut"),
            GateIn::Inner(event) => event.fmt(f),
        }
    }
}

/// One request of the inner handler for a substream.
pub(crate) struct Ticket<H: ConnectionHandler> {
    info: H::OutboundOpenInfo,
    upgrade: H::OutboundProtocol,
    /// Which inner handler asked: its successor must not get the answer.
    generation: u64,
    repeated: bool,
}

pub(crate) struct GateHandler<H: ConnectionHandler> {
    inner: Option<H>,
    generation: u64,
    held: VecDeque<Ticket<H>>,
    /// Whether the peer has opened a substream of this behaviour, so that its gate was open.
    peer_open: bool,
}

type Outbound<H> = <H as ConnectionHandler>::OutboundProtocol;
type OutboundInfo<H> = <H as ConnectionHandler>::OutboundOpenInfo;
type Inbound<H> = <GateHandler<H> as ConnectionHandler>::InboundProtocol;
type InboundInfo<H> = <GateHandler<H> as ConnectionHandler>::InboundOpenInfo;
type Request<H> = ConnectionHandlerEvent<Outbound<H>, Ticket<H>, <H as ConnectionHandler>::ToBehaviour>;

impl<H: ConnectionHandler> GateHandler<H>
where
    H::OutboundProtocol: Clone,
{
    pub(super) fn shut() -> Self {
        Self { inner: None, generation: 0, held: VecDeque::new(), peer_open: false }
    }

    pub(super) fn open(inner: H) -> Self {
        Self { inner: Some(inner), ..Self::shut() }
    }

    fn replace(&mut self, inner: Option<H>) {
        self.inner = inner;
        self.generation += 1;
        self.held.clear();
    }

    fn inner_for(&mut self, ticket: &Ticket<H>) -> Option<&mut H> {
        self.inner.as_mut().filter(|_| ticket.generation == self.generation)
    }

    fn on_outbound(&mut self, event: FullyNegotiatedOutbound<Outbound<H>, Ticket<H>>) {
        let FullyNegotiatedOutbound { protocol, info: ticket } = event;
        if let Some(inner) = self.inner_for(&ticket) {
            let event = FullyNegotiatedOutbound { protocol, info: ticket.info };
            inner.on_connection_event(ConnectionEvent::FullyNegotiatedOutbound(event));
        }
    }

    fn on_outbound_error(&mut self, event: DialUpgradeError<Ticket<H>, Outbound<H>>) {
        let DialUpgradeError { info: ticket, error } = event;
        let refused = matches!(error, StreamUpgradeError::NegotiationFailed);
        let current = ticket.generation == self.generation;
        if refused && current && !ticket.repeated && self.held.len() < HELD_MAX {
            self.held.push_back(Ticket { repeated: true, ..ticket });
        } else if let Some(inner) = self.inner_for(&ticket) {
            let event = DialUpgradeError { info: ticket.info, error };
            inner.on_connection_event(ConnectionEvent::DialUpgradeError(event));
        }
    }

    fn on_inbound(&mut self, event: FullyNegotiatedInbound<Inbound<H>, InboundInfo<H>>) {
        // Both are `Left`, or the gate was shut when the negotiation began and nothing can have been negotiated.
        let (FutureEither::Left(protocol), Either::Left(info)) = (event.protocol, event.info) else {
            return;
        };
        if let Some(inner) = self.inner.as_mut() {
            self.peer_open = true;
            let event = FullyNegotiatedInbound { protocol, info };
            inner.on_connection_event(ConnectionEvent::FullyNegotiatedInbound(event));
        }
    }

    fn on_inbound_error(&mut self, event: ListenUpgradeError<InboundInfo<H>, Inbound<H>>) {
        let (Either::Left(info), Either::Left(error)) = (event.info, event.error) else {
            return;
        };
        if let Some(inner) = self.inner.as_mut() {
            let event = ListenUpgradeError { info, error };
            inner.on_connection_event(ConnectionEvent::ListenUpgradeError(event));
        }
    }

    fn request(ticket: Ticket<H>) -> Request<H> {
        let protocol = SubstreamProtocol::new(ticket.upgrade.clone(), ticket);
        ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }
    }
}

impl<H: ConnectionHandler> ConnectionHandler for GateHandler<H>
where
    H::OutboundProtocol: Clone,
{
    type FromBehaviour = GateIn<H>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = Either<SendWrapper<H::InboundProtocol>, SendWrapper<DeniedUpgrade>>;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = Either<H::InboundOpenInfo, ()>;
    type OutboundOpenInfo = Ticket<H>;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        match &self.inner {
            Some(inner) => inner
                .listen_protocol()
                .map_upgrade(|upgrade| Either::Left(SendWrapper(upgrade)))
                .map_info(Either::Left),
            None => SubstreamProtocol::new(Either::Right(SendWrapper(DeniedUpgrade)), Either::Right(())),
        }
    }

    fn on_behaviour_event(&mut self, event: GateIn<H>) {
        match event {
            GateIn::Open(inner) => self.replace(Some(*inner)),
            GateIn::Shut => self.replace(None),
            GateIn::Inner(event) => {
                if let Some(inner) = self.inner.as_mut() {
                    inner.on_behaviour_event(event);
                }
            }
        }
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.as_ref().is_some_and(H::connection_keep_alive)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Request<H>> {
        if self.peer_open
            && let Some(ticket) = self.held.pop_front()
        {
            return Poll::Ready(Self::request(ticket));
        }
        let Some(inner) = self.inner.as_mut() else {
            return Poll::Pending;
        };
        let generation = self.generation;
        let Poll::Ready(event) = inner.poll(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(match event {
            ConnectionHandlerEvent::OutboundSubstreamRequest { protocol } => {
                let upgrade = protocol.upgrade().clone();
                let protocol =
                    protocol.map_info(|info| Ticket { info, upgrade, generation, repeated: false });
                ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }
            }
            ConnectionHandlerEvent::NotifyBehaviour(event) => ConnectionHandlerEvent::NotifyBehaviour(event),
            ConnectionHandlerEvent::ReportRemoteProtocols(support) => {
                ConnectionHandlerEvent::ReportRemoteProtocols(support)
            }
            // Foreign and open-ended; there are no others in the libp2p that we build with.
            _ => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.as_mut().map_or(Poll::Ready(None), |inner| inner.poll_close(cx))
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Outbound<H>, Self::InboundOpenInfo, Ticket<H>>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(event) => self.on_inbound(event),
            ConnectionEvent::FullyNegotiatedOutbound(event) => self.on_outbound(event),
            ConnectionEvent::DialUpgradeError(event) => self.on_outbound_error(event),
            ConnectionEvent::ListenUpgradeError(event) => self.on_inbound_error(event),
            ConnectionEvent::AddressChange(change) => self.tell(ConnectionEvent::AddressChange(change)),
            ConnectionEvent::LocalProtocolsChange(change) => {
                self.tell(ConnectionEvent::LocalProtocolsChange(change));
            }
            ConnectionEvent::RemoteProtocolsChange(change) => {
                self.tell(ConnectionEvent::RemoteProtocolsChange(change));
            }
            // Foreign and open-ended: what the inner handler was not built for, it need not hear.
            _ => {}
        }
    }
}

impl<H: ConnectionHandler> GateHandler<H> {
    fn tell(
        &mut self,
        event: ConnectionEvent<'_, H::InboundProtocol, Outbound<H>, H::InboundOpenInfo, OutboundInfo<H>>,
    ) {
        if let Some(inner) = self.inner.as_mut() {
            inner.on_connection_event(event);
        }
    }
}
