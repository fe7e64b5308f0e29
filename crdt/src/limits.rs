//! Every bound of the data model in one place, each with its reason. A limit belongs to the record version: raising one
//! means a new version, because two replicas with different limits would give different verdicts.

/// The version of the record grammar that this crate writes and judges.
pub const RECORD_VERSION: u8 = 1;
/// Deps a record may name: an author's heads are few; more would let one record cost thousands of joins.
pub const DEPS_MAX: usize = 16;
/// Roster heads a record may name: concurrent roster writes are rarer than concurrent messages.
pub const ROSTER_HEADS_MAX: usize = 16;
/// Bytes of a message or reply, UTF-8.
pub const BODY_BYTES_MAX: usize = 65_536;
/// Characters (Unicode scalars) of a title.
pub const TITLE_CHARS_MAX: usize = 80;
/// Characters of a summary.
pub const SUMMARY_CHARS_MAX: usize = 4_000;
/// Characters of a failure's reason.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Characters of the preview of the last message.
pub const PREVIEW_CHARS_MAX: usize = 160;
/// Characters of a handle; GitIM's readers allow no more.
pub const HANDLE_CHARS_MAX: usize = 39;
/// Bytes of a request id: room for a UUID, a ULID or a path-like key of a script.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// Records a session accepts from its own writers (checked when writing, never when judging).
pub const SESSION_RECORDS_MAX: usize = 4_096;
/// Records of one session that may wait for deps; a peer sends in topological order, so an honest one needs few.
pub const WAITING_RECORDS_MAX: usize = 1_024;
/// Wire bytes of them: the largest that a few peers can have on their way to one session at once.
pub const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Ids of refused records that a session remembers, so that their dependants are refused without a new check.
pub const REFUSED_IDS_MAX: usize = 4_096;
/// What stood at so many roster heads of the past is kept: records of a session name few different ones.
pub const STANDINGS_KEPT: usize = 32;
/// Admitted records of a session that do not count and on which nothing that counts depends: shown to the curious only.
/// Past the bound such a record is not taken; it comes again when something in good standing depends on it.
pub const ASIDE_RECORDS_MAX: usize = 1_024;
/// Latest time a record may carry: the last millisecond of the year 9999, the last that the export can print.
pub const AT_MS_MAX: u64 = 253_402_300_799_999;
/// A record further ahead of our clock than this is flagged (never refused: clocks are not evidence).
pub const CLOCK_AHEAD_MS_MAX: u64 = 10 * 60 * 1000;
/// Promotions between the founder and who adds a member or changes a role. A seniority names each of them, so a longer
/// chain would cost memory by its square; people's chains of trust are a few long.
pub const PROMOTIONS_MAX: usize = 64;
/// Sessions that one cut may name: as many as a device can have touched in a large workspace.
pub const CUT_SESSIONS_MAX: usize = 1_024;
/// Heads a cut names for one session: a linear author has one, an equivocating one a few.
pub const CUT_HEADS_MAX: usize = 16;
/// Bytes of a device's label.
pub const LABEL_BYTES_MAX: usize = 64;
/// Bytes of a signed record on the wire: the largest body, all deps, and room for the largest cut.
pub const WIRE_BYTES_MAX: usize = 128 * 1024;
/// Bytes of an ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

const _: () = assert!(BODY_BYTES_MAX + (DEPS_MAX + ROSTER_HEADS_MAX) * 34 + 1_024 < WIRE_BYTES_MAX);
// What a session's record names, a roster record can merge.
const _: () = assert!(ROSTER_HEADS_MAX == DEPS_MAX);
const _: () = assert!(CUT_SESSIONS_MAX * (34 + 34 + 4) + 4_096 < WIRE_BYTES_MAX);
const _: () = assert!(SUMMARY_CHARS_MAX * 4 < BODY_BYTES_MAX && REASON_CHARS_MAX * 4 < BODY_BYTES_MAX);
const _: () = assert!(PREVIEW_CHARS_MAX < SUMMARY_CHARS_MAX);
