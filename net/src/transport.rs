//! The libp2p swarm: QUIC and TCP, frames between two peers, gossip among the allowed ones. It moves bytes and knows
//! nothing of records: the caller drives it over two bounded channels, [`Command`] in and [`Event`] out, judges every
//! gossip message, and decides from what a stranger says in its frames whether to allow it.
//! Executor, keys and (for simulations) the underlying transport are injected. Nothing that a peer sends can make it
//! panic or grow without bound; what does not fit `limits` is dropped, or the connection is.

mod address;
mod driver;
mod frames;
mod gate;
mod gossip;
pub mod limits;
mod probe;
mod swarm;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use libp2p::PeerId;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::identity::Keypair;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

pub use address::{PeerKey, parse_address, peer_id_string, peer_of_seed};
pub use gossip::GossipToken;

/// What the transport needs to start.
#[derive(Clone)]
pub struct Config {
    /// The device's ed25519 seed; the public key is the peer's name.
    pub key_seed: Zeroizing<[u8; 32]>,
    /// Multiaddresses to listen on; none means to dial only.
    pub listen: Vec<String>,
    /// Whether to announce and find devices on the LAN.
    pub mdns: bool,
    /// The gossip topic: a keyed hash, so that its name tells a stranger nothing.
    pub topic: [u8; 32],
    /// The id of a gossip message, a hash of its content. Called on bytes from peers: it must not panic.
    pub message_id: fn(&[u8]) -> [u8; 32],
    /// Program and version, as told to allowed peers only.
    pub agent: String,
    /// The peers allowed at the start; see [`Command::Allow`].
    pub allow: BTreeSet<PeerKey>,
}

/// What the caller asks.
#[derive(Debug)]
pub enum Command {
    /// Connect to a peer; nothing happens when it is connected, or being dialled. The addresses may end in `/p2p/`.
    Dial {
        /// Who must answer; without it, whoever answers, unless the address names a peer.
        peer: Option<PeerKey>,
        /// At most [`limits::DIAL_ADDRESSES_MAX`]; the first that answers is taken.
        addresses: Vec<String>,
    },
    /// Send a frame of at most [`limits::FRAME_BYTES_MAX`] bytes; frames to one peer arrive in order, or not at all.
    Send {
        /// To whom.
        peer: PeerKey,
        /// From [`Event::Connected`]: a frame of a conversation that is over does not stray into the next.
        conversation: u64,
        /// Its bytes.
        frame: Vec<u8>,
    },
    /// Tell all allowed peers, by gossip.
    Publish {
        /// What `Config::message_id` gives for `data`; comes back in [`Event::NotPublished`].
        id: [u8; 32],
        /// At most [`limits::GOSSIP_BYTES_MAX`] less a few bytes of envelope.
        data: Vec<u8>,
    },
    /// What became of an [`Event::Gossip`]; it is not forwarded before.
    Verdict {
        /// From the event.
        token: GossipToken,
        /// What to do with the message.
        verdict: Verdict,
    },
    /// Replace the set of allowed peers: they get gossip and identify, all others only frames and ping. A connected peer
    /// gets or loses them at once; one that is no longer in the set is disconnected.
    Allow {
        /// All of them.
        peers: BTreeSet<PeerKey>,
    },
    /// Measure the round trip to a connected peer now; [`Event::Pong`] answers.
    Ping {
        /// To whom.
        peer: PeerKey,
    },
    /// Close the connection, after what was sent before is written (for at most two seconds).
    Disconnect {
        /// Whose.
        peer: PeerKey,
    },
    /// Close all connections and end; closing the channel does the same.
    Shutdown,
}

/// The caller's judgement of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Forward it.
    Accept,
    /// Do not forward it; nobody is to blame.
    Ignore,
    /// Do not forward it, and lower the score of those who sent it.
    Reject,
}

/// What happened. `Connected` and `Disconnected` of a peer alternate, starting with `Connected`; frames come in between,
/// and all frames in between were sent on one connection. After `Connected` both sides start anew.
#[derive(Debug)]
pub enum Event {
    /// An address that others can dial, with its real port; without `/p2p/`.
    Listening {
        /// A multiaddress.
        address: String,
    },
    /// An address of [`Event::Listening`] is gone.
    NotListening {
        /// The same multiaddress.
        address: String,
    },
    /// An address of the configuration cannot be listened on; the others are not affected.
    ListenFailed {
        /// As configured, or `mdns`.
        address: String,
        /// Why.
        error: String,
    },
    /// A peer is connected.
    Connected {
        /// Its proved key.
        peer: PeerKey,
        /// Names what lies between this event and the next `Disconnected`; no other has the same number.
        conversation: u64,
        /// Its address as we see it.
        address: String,
        /// Whether we dialled.
        outbound: bool,
        /// Whether it is in the allow set now.
        allowed: bool,
    },
    /// The peer's connection is gone, or replaced by another.
    Disconnected {
        /// Who.
        peer: PeerKey,
        /// Why, for people.
        reason: String,
    },
    /// A peer sent a frame.
    Frame {
        /// Who.
        peer: PeerKey,
        /// At most [`limits::FRAME_BYTES_MAX`] bytes, of any content.
        frame: Vec<u8>,
    },
    /// An allowed peer passed on a message; answer with [`Command::Verdict`] within ten seconds.
    Gossip {
        /// Who passed it on, not who wrote it.
        from: PeerKey,
        /// For the verdict.
        token: GossipToken,
        /// Its bytes, of any content.
        data: Vec<u8>,
    },
    /// A publication reached nobody by gossip; anti-entropy will carry it.
    NotPublished {
        /// From the command.
        id: [u8; 32],
        /// Why.
        reason: NotPublished,
    },
    /// A device on the LAN, whoever it is.
    Discovered {
        /// Its claimed key; a dial proves it.
        peer: PeerKey,
        /// Where it says to be.
        addresses: Vec<String>,
    },
    /// The round-trip time to a connected peer.
    Rtt {
        /// Who.
        peer: PeerKey,
        /// In microseconds.
        micros: u64,
    },
    /// What came of [`Command::Ping`]. None comes when the peer disconnects meanwhile.
    Pong {
        /// Who.
        peer: PeerKey,
        /// The round trip in microseconds, or why there is none.
        result: Result<u64, String>,
    },
    /// No connection came of a dial.
    DialFailed {
        /// Who was meant, if known.
        peer: Option<PeerKey>,
        /// What was tried, as far as known.
        addresses: Vec<String>,
        /// Why.
        error: String,
    },
    /// A frame was not sent.
    SendFailed {
        /// To whom.
        peer: PeerKey,
        /// Why.
        reason: SendFailure,
    },
}

/// Why a publication reached nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPublished {
    /// No connected allowed peer takes part in the gossip.
    NoPeers,
    /// The queues of all peers are full.
    Busy,
    /// Larger than gossip carries.
    TooLarge,
}

/// Why a frame was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFailure {
    /// The peer is not connected, or not in this conversation any more.
    NotConnected,
    /// Larger than [`limits::FRAME_BYTES_MAX`].
    TooLarge,
    /// The peer does not read: its queue is full and its connection is being closed.
    QueueFull,
}

/// Why the transport did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The key cannot be used.
    #[error("the device key cannot be used: {0}")]
    Identity(String),
    /// An address cannot be used.
    #[error(
        "address {address:?} cannot be used: {reason}; it should look like /ip4/192.168.1.2/udp/4001/quic-v1"
    )]
    Address {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not one address of the configuration can be listened on.
    #[error("cannot listen on any configured address: {0}")]
    NoListener(String),
    /// libp2p refused the settings of this module.
    #[error("the network stack refused its settings: {0}")]
    Settings(String),
}

/// What connections are made over: a libp2p transport that proves the peer's key and multiplexes.
pub type Carrier = Boxed<(PeerId, StreamMuxerBox)>;

/// Run over QUIC and TCP until [`Command::Shutdown`], or until either channel is closed by the caller. The caller must
/// take events while it sends commands: both channels are bounded.
///
/// # Errors
/// [`TransportError`] when it cannot start.
pub async fn run<E>(
    config: Config,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    executor: E,
) -> Result<(), TransportError>
where
    E: Fn(BoxFuture<'static, ()>) + Send + 'static,
{
    Box::pin(run_over(config, swarm::quic_and_tcp, commands, events, executor)).await
}

/// As [`run`], over a transport of the caller's making: a simulated network, for example.
///
/// # Errors
/// [`TransportError`] when it cannot start.
pub async fn run_over<C, E>(
    config: Config,
    carrier: C,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    executor: E,
) -> Result<(), TransportError>
where
    C: FnOnce(&Keypair) -> Result<Carrier, TransportError>,
    E: Fn(BoxFuture<'static, ()>) + Send + 'static,
{
    let mut driver = driver::Driver::start(config, carrier, executor)?;
    Box::pin(driver.run(commands, events)).await;
    Ok(())
}
