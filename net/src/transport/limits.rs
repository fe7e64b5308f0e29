//! Every bound of the transport, each with its reason. A peer can make nothing here grow past its bound: what does not
//! fit is dropped, or the connection is, and the sync machine makes good what was lost when it starts anew.

use std::time::Duration;

/// Largest frame, in bytes: one megabyte carries a bundle of thousands of records and is quickly resent after a cut.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Frames waiting to be written to one peer; more means that it does not read, and its connection is dropped.
pub const FRAMES_QUEUED_MAX: usize = 1024;
/// Bytes waiting to be written to one peer, in all queued frames together.
pub const FRAMES_QUEUED_BYTES_MAX: usize = 16 << 20;
/// Frames of one connection read but not yet taken by the caller; reading stops until one is taken.
pub const FRAMES_UNREAD_MAX: usize = 2;
/// First allocation for an incoming frame; it grows with the bytes that do arrive, not with the length announced.
pub(super) const FRAME_BYTES_FIRST: usize = 16 << 10;
/// How long a connection that we close may still write what was queued before.
pub(super) const DRAIN: Duration = Duration::from_secs(2);

/// Largest gossip message: a 65,536-byte body with its envelope, and room for gossipsub's own.
pub const GOSSIP_BYTES_MAX: usize = 128 << 10;
/// Messages that gossipsub keeps for one slow peer before it drops some.
pub(super) const GOSSIP_QUEUED_MAX: usize = 256;

/// Events waiting for the caller before gossip, discoveries and round-trip times are dropped: all of them are hints.
pub(super) const EVENTS_BEFORE_HINTS_DROP: usize = 128;
/// Events waiting for the caller before the transport stops to take commands and to poll the network.
pub(super) const EVENTS_WAITING_MAX: usize = 512;

/// Connections of one peer: two for a simultaneous dial, two more for stale ones that are not yet noticed.
pub const CONNECTIONS_PER_PEER_MAX: usize = 4;
/// Established connections of strangers, both ways; allowed peers are not counted out by them.
pub const CONNECTIONS_MAX: u32 = 256;
/// Incoming handshakes at one time.
pub const PENDING_INCOMING_MAX: u32 = 64;
/// Outgoing dials at one time.
pub const PENDING_OUTGOING_MAX: u32 = 64;
/// Substreams of one connection: frames, ping, identify and gossip need fewer than ten.
pub(super) const SUBSTREAMS_MAX: usize = 64;
/// Unread bytes of one QUIC substream; a little more than two frames.
pub(super) const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// Unread bytes of one QUIC connection.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// Addresses tried by one dial; a node has a few interfaces with two transports each.
pub const DIAL_ADDRESSES_MAX: usize = 32;

/// Between pings. A TCP peer that went silent is dropped after two failed pings, that is within 25 s.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
/// For one answer.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Keeps NAT bindings and the QUIC idle timer alive.
pub(super) const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A QUIC connection that is silent for so long is dead: three keep-alives were lost.
pub(super) const QUIC_IDLE_MS: u32 = 15_000;
/// For the whole handshake of a connection.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a shutdown may take to close the connections, so that peers need not wait for their timers.
pub(super) const SHUTDOWN: Duration = Duration::from_secs(1);
/// Connections are closed by the caller, by a failed ping or by the peer; never for being idle.
pub(super) const IDLE: Duration = Duration::from_secs(365 * 24 * 3600);

const _: () = assert!(FRAME_BYTES_MAX <= FRAMES_QUEUED_BYTES_MAX);
const _: () = assert!(FRAMES_QUEUED_BYTES_MAX <= u32::MAX as usize);
const _: () = assert!(EVENTS_BEFORE_HINTS_DROP < EVENTS_WAITING_MAX);
