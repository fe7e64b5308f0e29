//! A ping that somebody asked for, on a stream of its own. libp2p's ping behaviour keeps a connection alive and cannot be
//! asked; a second stream of its protocol would take the place of its own. So this is a protocol beside it: what is sent
//! comes back, twice, and the second time is measured, when the stream is agreed upon and both sides are awake.

use std::collections::VecDeque;
use std::io;
use std::iter;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _};
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{OneShotHandler, OneShotHandlerConfig};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, Stream, StreamProtocol,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::address::{PeerKey, peer_key};
use super::limits::PING_TIMEOUT;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/starling/echo/1");
/// Bytes that go there and back: as many as libp2p's ping sends.
const ECHO_BYTES: usize = 32;
/// Times that they do, on one stream.
const ECHOES: u8 = 2;

/// What came of a ping.
#[derive(Debug)]
pub(super) struct Probed {
    pub(super) peer: PeerKey,
    /// Round trip in microseconds, or why there is none.
    pub(super) result: Result<u64, String>,
}

/// Pings of connected peers, each asked for once.
#[derive(Debug, Default)]
pub(super) struct Probe {
    orders: VecDeque<ToSwarm<Probed, Echo>>,
}

/// One exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Echo;

/// What a handler has done.
#[derive(Debug)]
pub(super) enum Echoed {
    /// A peer's was answered.
    Theirs,
    /// Ours took so many microseconds.
    Ours(u64),
}

type EchoHandler = OneShotHandler<Echo, Echo, Echoed>;

impl Probe {
    /// Pings a peer over the connection that it talks on; [`Probed`] follows, or the connection closes.
    pub(super) fn ping(&mut self, peer_id: PeerId, connection: ConnectionId) {
        let handler = NotifyHandler::One(connection);
        self.orders.push_back(ToSwarm::NotifyHandler { peer_id, handler, event: Echo });
    }
}

fn handler() -> EchoHandler {
    // A failed one is never counted out by the handler, so its own bound would end all pings in the end; how many there
    // are at a time is the caller's to bound.
    let config =
        OneShotHandlerConfig { outbound_substream_timeout: PING_TIMEOUT, max_dial_negotiated: u32::MAX };
    OneShotHandler::new(SubstreamProtocol::new(Echo, ()).with_timeout(PING_TIMEOUT), config)
}

impl UpgradeInfo for Echo {
    type Info = StreamProtocol;
    type InfoIter = iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once(PROTOCOL)
    }
}

impl InboundUpgrade<Stream> for Echo {
    type Output = Echoed;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Echoed>>;

    fn upgrade_inbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        async move {
            let mut bytes = [0; ECHO_BYTES];
            for _ in 0..ECHOES {
                stream.read_exact(&mut bytes).await?;
                stream.write_all(&bytes).await?;
                stream.flush().await?;
            }
            stream.close().await?;
            Ok(Echoed::Theirs)
        }
        .boxed()
    }
}

impl OutboundUpgrade<Stream> for Echo {
    type Output = Echoed;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Echoed>>;

    fn upgrade_outbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        async move {
            let mut micros = 0;
            for turn in 0..ECHOES {
                let (sent, mut back) = ([turn; ECHO_BYTES], [0; ECHO_BYTES]);
                let begun = Instant::now();
                stream.write_all(&sent).await?;
                stream.flush().await?;
                stream.read_exact(&mut back).await?;
                if back != sent {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "something else came back"));
                }
                micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            }
            stream.close().await?;
            Ok(Echoed::Ours(micros))
        }
        .boxed()
    }
}

impl NetworkBehaviour for Probe {
    type ConnectionHandler = EchoHandler;
    type ToSwarm = Probed;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        let result = match event {
            Ok(Echoed::Theirs) => return,
            Ok(Echoed::Ours(micros)) => Ok(micros),
            Err(error) => Err(error.to_string()),
        };
        if let Some(peer) = peer_key(&peer) {
            self.orders.push_back(ToSwarm::GenerateEvent(Probed { peer, result }));
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Probed, THandlerInEvent<Self>>> {
        // No waker: orders come up only while the swarm is polled, or just before.
        self.orders.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
