//! The JSON of answers: made from the machine's data, never read back. Names are those of the interface; times are
//! RFC 3339 in UTC with milliseconds; handles carry no `@`. What is about sessions is in `session`, about agents in `agent`, about
//! health in `doctor`, the rest in `node`.

mod agent;
mod doctor;
mod node;
mod session;
mod status;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

pub(super) use agent::{AgentLog, Agents, DetectedAgents};
pub(super) use doctor::{Checks, LogLines, Pong};
pub(super) use node::{Exported, Invited, Invites, Members, Peers, Revoked, Sync};
pub(super) use session::{Changed, Created, Detail, Ids, Item, Sessions, Shown, Written};
pub(super) use status::Status;

const RFC3339_MS: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time in ms since 1970 as RFC 3339, `2026-07-11T00:00:00.000Z`. Later ones than the last that fits become that one.
pub(super) fn rfc3339(ms: u64) -> String {
    let ms = ms.min(starling_crdt::limits::AT_MS_MAX);
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(RFC3339_MS).unwrap_or_default()
}
