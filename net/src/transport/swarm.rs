//! The parts of the swarm and how they are put together. The order of the fields matters: a behaviour that may deny a
//! connection comes before those that note it down.

use std::io;
use std::num::NonZeroU8;

use futures::future::BoxFuture;
use futures::future::Either;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::upgrade::Version;
use libp2p::gossipsub::IdentTopic;
use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{self, NetworkBehaviour, Swarm};
use libp2p::{Transport as _, connection_limits, identify, mdns, noise, ping, quic, tcp, yamux};

use super::frames::Frames;
use super::gate::Gated;
use super::gossip::{self, Gossip};
use super::limits::{
    CONNECTION_WINDOW_BYTES, CONNECTIONS_MAX, HANDSHAKE, IDLE, PENDING_INCOMING_MAX, PENDING_OUTGOING_MAX,
    PING_INTERVAL, PING_TIMEOUT, QUIC_IDLE_MS, QUIC_KEEP_ALIVE, STREAM_WINDOW_BYTES, SUBSTREAMS_MAX,
};
use super::probe::Probe;
use super::{Carrier, Config, TransportError};

/// Told by identify to allowed peers.
const PROTOCOL_VERSION: &str = "/starling/1";
/// QUIC and TCP of a few interfaces are dialled at once; the first that answers wins.
const DIALS_AT_ONCE: NonZeroU8 = NonZeroU8::new(8).unwrap();

/// All behaviours. Strangers see `frames`, `ping` and `probe` only.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) frames: Frames,
    pub(super) ping: ping::Behaviour,
    pub(super) probe: Probe,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) identify: Gated<identify::Behaviour>,
    pub(super) gossip: Gated<Gossip>,
}

/// The swarm, and why mDNS does not run although it was asked for.
pub(super) fn build<E>(
    config: &Config,
    keypair: &Keypair,
    carrier: Carrier,
    topic: &IdentTopic,
    executor: E,
) -> Result<(Swarm<Behaviour>, Option<io::Error>), TransportError>
where
    E: Fn(BoxFuture<'static, ()>) + Send + 'static,
{
    let local = keypair.public().to_peer_id();
    let mdns = config.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), local)).transpose();
    let (mdns, error) = mdns.map_or_else(|error| (None, Some(error)), |mdns| (mdns, None));
    let identify = identify::Config::new(PROTOCOL_VERSION.into(), keypair.public())
        .with_agent_version(config.agent.clone())
        .with_push_listen_addr_updates(true);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits()),
        frames: Frames::new(local),
        ping: ping::Behaviour::new(
            ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT),
        ),
        probe: Probe::default(),
        mdns: mdns.into(),
        identify: Gated::new(identify::Behaviour::new(identify)),
        gossip: Gated::new(gossip::behaviour(topic, config.message_id)?),
    };
    let settings = swarm::Config::with_executor(executor)
        .with_idle_connection_timeout(IDLE)
        .with_dial_concurrency_factor(DIALS_AT_ONCE)
        .with_max_negotiating_inbound_streams(SUBSTREAMS_MAX);
    Ok((Swarm::new(carrier, behaviour, local, settings), error))
}

fn limits() -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_pending_outgoing(Some(PENDING_OUTGOING_MAX))
        .with_max_established(Some(CONNECTIONS_MAX))
}

/// QUIC, and TCP with Noise and Yamux, on real sockets.
pub(super) fn quic_and_tcp(keypair: &Keypair) -> Result<Carrier, TransportError> {
    let noise = noise::Config::new(keypair).map_err(|error| TransportError::Identity(error.to_string()))?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(SUBSTREAMS_MAX);
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(HANDSHAKE);
    let quic = quic::tokio::Transport::new(quic_config(keypair));
    Ok(quic
        .or_transport(tcp)
        .map(|either, _| match either {
            Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
            Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        })
        .boxed())
}

fn quic_config(keypair: &Keypair) -> quic::Config {
    let mut config = quic::Config::new(keypair);
    config.handshake_timeout = HANDSHAKE;
    config.max_idle_timeout = QUIC_IDLE_MS;
    config.keep_alive_interval = QUIC_KEEP_ALIVE;
    config.max_concurrent_stream_limit = SUBSTREAMS_MAX as u32;
    config.max_stream_data = STREAM_WINDOW_BYTES;
    config.max_connection_data = CONNECTION_WINDOW_BYTES;
    config
}
