//! Every bound of the sync protocol in one place, each with its reason. What a peer can make us hold is a product of
//! these numbers; none of them decides what is true, only how fast and in which portions it travels.

use starling_crdt::limits::WIRE_BYTES_MAX;

/// The protocol version that this crate speaks.
pub const PROTO_VERSION: u16 = 3;
/// The oldest version that it still talks to.
pub const PROTO_VERSION_MIN: u16 = 1;
/// Bytes of a frame: the transport must not read a longer one.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a frame from a peer that has not been let in: a proof or a revocation, no more.
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 384 * 1024;
/// The first version in which a peer can be asked where others are found.
pub(super) const PLACES_VERSION: u16 = 2;
/// The first version in which peers tell each other what is of use now or never.
pub(super) const NOTES_VERSION: u16 = 3;
/// Bytes of a note: some lines of text.
pub const NOTE_BYTES_MAX: usize = 8 * 1024;
/// Notes that are taken from a peer at once, and how many a second after that; more are dropped without blame.
pub const NOTES_BURST: u64 = 64;
/// See [`NOTES_BURST`].
pub const NOTES_PER_SECOND: u64 = 20;
/// Peers held at once; more are told to come back later.
pub const PEERS_MAX: usize = 512;
/// Records of a proof: the chain from the founder to a device is short.
pub const PROOF_RECORDS_MAX: usize = 64;
/// Bytes of all records of a proof, or of those that go with a refusal (a revocation can name 1,024 sessions).
pub const PROOF_BYTES_MAX: usize = 256 * 1024;
/// Records that go with a refusal.
pub const REFUSAL_RECORDS_MAX: usize = 16;
/// Bytes of the text that goes with a refusal.
pub const DETAIL_BYTES_MAX: usize = 256;
/// Frames of a peer before it is let in: hello or join, a proof, acceptance, and two to spare.
pub const HANDSHAKE_FRAMES_MAX: u32 = 5;
/// How long a peer may take to be let in.
pub const HANDSHAKE_MS: u64 = 15_000;
/// Bytes of the records of one `Welcome` or `Records` frame: large enough to amortise a commit, small enough for a
/// slow link to show progress.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Records of one `Welcome` or `Records` frame: the smallest record is about 200 bytes.
pub const BATCH_RECORDS_MAX: usize = 2_048;
/// Streams of one `Records` frame.
pub const BATCH_STREAMS_MAX: usize = 256;
/// Bytes of a whole roster that a joiner takes from one peer: tens of thousands of roster records.
pub const WELCOME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// `Records` frames that may travel without having been committed at the other side.
pub const WINDOW_FRAMES: usize = 8;
/// Bytes that [`crate::proto::Output::Collect`] asks for at once.
pub const COLLECT_BYTES_MAX: usize = 512 * 1024;
/// Streams that are described, asked for or collected at once for one peer.
pub const STREAMS_AT_ONCE: usize = 16;
/// `Have` frames of a peer that may wait for their answer. An honest peer has `STREAMS_AT_ONCE` asked for, and the
/// rest of the room is for those that it gave up on and asked again.
pub const SERVE_MAX: usize = 4 * STREAMS_AT_ONCE;
/// Streams that may wait to be asked for from one peer (2 MB of keys); more are found again in the next round.
pub const WANT_MAX: usize = 65_536;
/// Heads in a [`crate::proto::Have`]. A longer list is cut: the answer then repeats records, and misses none.
pub const HAVE_HEADS_MAX: usize = 64;
/// Authors in a [`crate::proto::Have`]. A longer list is cut, as with heads.
pub const HAVE_AUTHORS_MAX: usize = 1_024;
/// Devices in one answer to where others are found: enough to get back to a workspace of any size.
pub const PLACES_MAX: usize = 16;
/// Addresses of one device in such an answer: the newest ones.
pub const PLACE_ADDRESSES_MAX: usize = 4;
/// Bytes of an address: the longest multiaddress of a relay or of a name has less.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Parts into which a differing range of sessions is split: three trips to one of 10,000.
pub const SPLIT: usize = 32;
/// Ranges of one `Index` frame.
pub const INDEX_RANGES_MAX: usize = 1_024;
/// Items (session, short digest) of one `Index` frame.
pub const INDEX_ITEMS_MAX: usize = 4_096;
/// Our state must have been quiet, or changed for as long as this, before peers are told.
pub const DEBOUNCE_MS: u64 = 150;
/// After a peer has committed records of ours: how long its own new summary is awaited before we compare again.
pub const SETTLE_MS: u64 = 1_000;
/// A peer whose exchange has brought nothing for as long as this no longer keeps others from starting theirs.
pub const TURN_IDLE_MS: u64 = 250;
/// Nor does one whose exchange has lasted as long as this.
pub const TURN_MS: u64 = 10_000;
/// When to try again with a peer that had no time for an exchange.
pub const LATER_MS: u64 = 200;
/// An exchange without any progress for as long as this starts again; the second time in a row the peer is dropped.
pub const PROGRESS_MS: u64 = 30_000;
/// Frames that a peer may send at once, and how many a second after that. `Records` and `Ack` do not count: the window
/// paces them.
pub const FRAMES_BURST: u64 = 30_000;
/// See [`FRAMES_BURST`].
pub const FRAMES_PER_SECOND: u64 = 3_000;
/// Bytes that a peer may send at once (without `Records`), and how many a second after that.
pub const BYTES_BURST: u64 = 64 * 1024 * 1024;
/// See [`BYTES_BURST`].
pub const BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;

const _: () = assert!(WIRE_BYTES_MAX <= BATCH_BYTES_MAX && BATCH_BYTES_MAX < HANDSHAKE_FRAME_BYTES_MAX);
const _: () = assert!(PROOF_BYTES_MAX + PROOF_RECORDS_MAX * 8 + 1_024 < HANDSHAKE_FRAME_BYTES_MAX);
const _: () = assert!(HANDSHAKE_FRAME_BYTES_MAX <= FRAME_BYTES_MAX && 2 * BATCH_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(INDEX_ITEMS_MAX * 48 + INDEX_RANGES_MAX * 48 < FRAME_BYTES_MAX);
const _: () = assert!((HAVE_HEADS_MAX + HAVE_AUTHORS_MAX) * 80 < FRAME_BYTES_MAX);
