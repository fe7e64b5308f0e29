//! What an agent does in a turn, as it is shown live: on its host, and in short on the other devices of the session's
//! creator. It is never stored, and no message. On its way to another device it is a note: CBOR behind a version byte, of
//! use now or never; one that cannot be read is dropped.

use minicbor::{Decode, Encode};
use serde::Serialize;
use starling_crdt::id::{AttemptId, DeviceKey, Handle, SessionId, StreamKey};
use starling_net::proto::limits::NOTE_BYTES_MAX;

use super::context::Usage;
use super::passing::Passed;
use super::rows;

/// Bytes of a note that go for what is around the list of what is done: the keys, and lengths, also where it is passed on.
const ENVELOPE_BYTES_MAX: usize = 320;

/// Something that an agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The session.
    pub session: SessionId,
    /// The attempt.
    pub attempt: AttemptId,
    /// How often the agent's context was begun anew.
    pub generation: u64,
    /// The device that says so, if it is not this one.
    pub from: Option<DeviceKey>,
    /// What it does.
    pub doing: Doing,
}

/// What an agent does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Encode, Decode)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Doing {
    /// It streams text.
    #[n(0)]
    Text {
        /// The new piece.
        #[n(0)]
        text: String,
    },
    /// It streams reasoning.
    #[n(1)]
    Thought {
        /// The new piece.
        #[n(0)]
        text: String,
    },
    /// It calls a tool, or a call went on.
    #[n(2)]
    Tool {
        /// The agent's name for the call.
        #[n(0)]
        id: String,
        /// A line for people; empty where it stays as it was.
        #[n(1)]
        title: String,
        /// How far it is.
        #[n(2)]
        status: Progress,
    },
    /// It has a plan.
    #[n(3)]
    Plan {
        /// Its steps.
        #[n(0)]
        steps: Vec<Step>,
    },
    /// How full its context window is.
    #[n(4)]
    Usage {
        /// Tokens in use.
        #[n(0)]
        used: u64,
        /// Tokens there are.
        #[n(1)]
        size: u64,
    },
    /// It asked for a permission, or was answered.
    #[n(5)]
    Permission {
        /// The request's number on its host; 0 for one that was decided at once.
        #[n(0)]
        request: u64,
        /// What for.
        #[n(1)]
        title: String,
        /// Where it stands.
        #[n(2)]
        state: Asking,
        /// Whether it can be answered on the device that is told.
        #[n(3)]
        can_answer: bool,
        /// Drawn for this request by its host: an answer repeats it. Of no use to clients.
        #[serde(skip)]
        #[n(4)]
        nonce: u64,
    },
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Progress {
    /// Not begun.
    #[n(0)]
    Pending,
    /// Under way.
    #[n(1)]
    InProgress,
    /// Done.
    #[n(2)]
    Completed,
    /// Failed.
    #[n(3)]
    Failed,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Encode, Decode)]
#[cbor(array)]
pub struct Step {
    /// A line for people.
    #[n(0)]
    pub text: String,
    /// How far it is.
    #[n(1)]
    pub status: Progress,
}

/// Where a permission request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Encode, Decode)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Asking {
    /// Somebody has to answer.
    #[n(0)]
    Asked,
    /// It was allowed, once.
    #[n(1)]
    Allowed,
    /// It was refused, or nobody answered in time.
    #[n(2)]
    Refused,
}

impl Doing {
    /// Whether the next of its kind makes up for one that is lost, or nearly so.
    pub(super) const fn is_talk(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Thought { .. } | Self::Usage { .. })
    }
}

impl From<Usage> for Doing {
    fn from(Usage { used, size }: Usage) -> Self {
        Self::Usage { used, size }
    }
}

/// A permission request that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionInfo {
    /// The session.
    pub session: SessionId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number on the host.
    pub request: u64,
    /// The agent that asks.
    pub agent: Handle,
    /// What for.
    pub title: String,
    /// The device that hosts the agent.
    pub host: DeviceKey,
    /// Whether that is this one.
    pub here: bool,
    /// Whether it can be answered here.
    pub can_answer: bool,
    /// Since when, ms.
    pub asked_at_ms: u64,
}

/// What two devices tell each other for now.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum Note {
    /// A host says what its agent does.
    #[n(0)]
    Doing {
        #[n(0)]
        session: StreamKey,
        #[n(1)]
        attempt: AttemptId,
        #[n(2)]
        generation: u64,
        #[n(3)]
        doing: Vec<Doing>,
    },
    /// A person answers a permission request.
    #[n(1)]
    Answer {
        #[n(0)]
        session: StreamKey,
        #[n(1)]
        attempt: AttemptId,
        #[n(2)]
        request: u64,
        #[n(3)]
        allow: bool,
        #[n(4)]
        nonce: u64,
    },
    /// A device waits for agents of this one, and is not connected with it.
    #[n(3)]
    Call,
    /// The answer to a call.
    #[n(4)]
    Here,
    /// Another device's, on its way to one that it is not connected with.
    #[n(2)]
    Passed(#[n(0)] Passed),
}

impl Note {
    pub(super) fn encode(&self) -> Vec<u8> {
        rows::encode(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        rows::decode(bytes)
    }

    /// The notes that say what an agent does, each within its bound; what is too long by itself is left out.
    pub(super) fn of(
        session: StreamKey,
        attempt: AttemptId,
        generation: u64,
        doing: Vec<Doing>,
    ) -> Vec<Vec<u8>> {
        let room = NOTE_BYTES_MAX - ENVELOPE_BYTES_MAX;
        let (mut lists, mut bytes): (Vec<Vec<Doing>>, usize) = (Vec::new(), usize::MAX);
        for one in doing {
            let length = rows::encode(&one).len();
            if length > room {
                continue;
            }
            bytes = bytes.saturating_add(length);
            match lists.last_mut().filter(|_| bytes <= room) {
                Some(list) => list.push(one),
                None => {
                    bytes = length;
                    lists.push(vec![one]);
                }
            }
        }
        let note = |doing| Self::Doing { session, attempt, generation, doing }.encode();
        lists.into_iter().map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Doing {
        Doing::Text { text: "x".repeat(length) }
    }

    fn of(doing: Vec<Doing>) -> Vec<Vec<u8>> {
        Note::of(StreamKey::from_bytes([1; 32]), AttemptId::from_parts(1, 2), 3, doing)
    }

    #[test]
    fn notes_keep_to_their_bound_and_lose_only_what_is_too_long() {
        let all = vec![text(5_000), text(4_000), text(9_000), text(10), text(7_800)];
        let notes = of(all.clone());
        assert!(notes.iter().all(|note| note.len() <= NOTE_BYTES_MAX));
        let read = |note: &Vec<u8>| match Note::decode(note) {
            Some(Note::Doing { doing, generation: 3, .. }) => doing,
            other => panic!("{other:?}"),
        };
        let said: Vec<Doing> = notes.iter().flat_map(read).collect();
        let kept: Vec<Doing> = all.into_iter().filter(|one| *one != text(9_000)).collect();
        assert_eq!((said, notes.len()), (kept, 3));
        assert!(of(Vec::new()).is_empty());
    }

    #[test]
    fn what_is_no_note_is_none() {
        let good = of(vec![text(3)]).remove(0);
        for end in 0..good.len() {
            assert_eq!(Note::decode(&good[..end]), None);
        }
        assert_eq!(Note::decode(&[]), None);
        assert_eq!(Note::decode(&[2, 0x82]), None);
    }
}
