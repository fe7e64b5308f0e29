//! Names of things: parse them once at the edge, carry them as types from then on. A value of one of these types is
//! always valid; there is no way to build one from unchecked text. Hash ids are never truncated.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use minicbor::{Decode, Encode};
use ulid::Ulid;

use crate::limits::HANDLE_CHARS_MAX;

/// Why a text is not the name it was taken for. Says what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not `qs-` and a ULID.
    #[error("a session id is `qs-` and 26 upper-case Crockford base32 characters")]
    Session,
    /// Not `qa-` and a ULID.
    #[error("an attempt id is `qa-` and 26 upper-case Crockford base32 characters")]
    Attempt,
    /// Not a handle.
    #[error(
        "a handle is 1 to {HANDLE_CHARS_MAX} of a-z, 0-9 and `-`, without a leading, trailing or double hyphen, and not `system`"
    )]
    Handle,
    /// Not 32 bytes in hexadecimal.
    #[error("expected 64 lower-case hexadecimal digits")]
    Hash,
}

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

        impl $name {
            /// Wraps 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), HEXLOWER.encode(&self.0[..4]))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| IdError::Hash)?;
                bytes.try_into().map(Self).map_err(|_| IdError::Hash)
            }
        }
    };
}

hash_id! {
    /// The content hash of a record; also what names members and agents (by the record that added them).
    RecordId
}
hash_id! {
    /// The workspace: the id of its founding record.
    WorkspaceId
}
hash_id! {
    /// A replicated document: a session (hash of its header) or the roster (the workspace id's bytes).
    StreamKey
}
hash_id! {
    /// An ed25519 public key: a device, and its identity on the network.
    DeviceKey
}

/// A member is named by the roster record that added it.
pub type MemberId = RecordId;
/// An agent is named by the roster record that first hosted it.
pub type AgentId = RecordId;

impl WorkspaceId {
    /// The workspace that a founding record makes.
    #[must_use]
    pub const fn founded_by(record: RecordId) -> Self {
        Self(record.0)
    }

    /// The key of the workspace's roster.
    #[must_use]
    pub const fn roster(&self) -> StreamKey {
        StreamKey(self.0)
    }
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// Makes an id from a time (ms since 1970; its low 48 bits count) and 80 random bits.
            #[must_use]
            pub const fn from_parts(ms: u64, random: u128) -> Self {
                Self(Ulid::from_parts(ms, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Strict: upper case only, no look-alike letters, so that an id has one spelling.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let ulid = text.strip_prefix($prefix).ok_or($error)?;
                let parsed = Ulid::from_string(ulid).map_err(|_| $error)?;
                if parsed.to_string() == ulid { Ok(Self(parsed)) } else { Err($error) }
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0.to_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let bytes: [u8; 16] = d
                    .bytes()?
                    .try_into()
                    .map_err(|_| minicbor::decode::Error::message("an id has 16 bytes"))?;
                Ok(Self(Ulid::from_bytes(bytes)))
            }
        }
    };
}

ulid_id! {
    /// A session's name, given by its creator's client: `qs-` and a ULID.
    SessionId, "qs-", IdError::Session
}
ulid_id! {
    /// An agent's attempt at a turn: `qa-` and a ULID.
    AttemptId, "qa-", IdError::Attempt
}

/// The name of a member or an agent, without `@`: 1 to 39 of `a-z0-9-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(String);

impl Handle {
    /// The text, without `@`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bends a login name into a handle: lower case, other characters to hyphens. `None` if nothing is left.
    #[must_use]
    pub fn fit(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let parts = lower.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
        let joined = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let short: String = joined.chars().take(HANDLE_CHARS_MAX).collect();
        short.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for Handle {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let shape = !text.is_empty()
            && text.len() <= HANDLE_CHARS_MAX
            && text.chars().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--")
            && text != "system";
        if shape { Ok(Self(text.to_owned())) } else { Err(IdError::Handle) }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl<C> Encode<C> for Handle {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Handle {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.str()?.parse().map_err(|_| minicbor::decode::Error::message("not a handle"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_has_one_spelling() {
        let id = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";
        assert_eq!(id.parse::<SessionId>().unwrap().to_string(), id);
        for bad in [
            "",
            "qs-",
            "qa-01JZZZZZZZZZZZZZZZZZZZZZZZ",
            "qs-01jzzzzzzzzzzzzzzzzzzzzzzz",
            "qs-81JZZZZZZZZZZZZZZZZZZZZZZZ",
            "qs-01JZZZZZZZZZZZZZZZZZZZZZZ",
            "qs-01JZZZZZZZZZZZZZZZZZZZZZZO",
            "qs-../etc/passwd00000000000",
        ] {
            assert_eq!(bad.parse::<SessionId>(), Err(IdError::Session), "{bad}");
        }
    }

    #[test]
    fn handles_are_bounded() {
        for good in ["a", "alice", "a-1", "bob-2", &"a".repeat(39)] {
            assert!(good.parse::<Handle>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "system", "a_b", "a.b", "é", &"a".repeat(40)] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }

    #[test]
    fn login_names_are_bent_into_handles() {
        assert_eq!(Handle::fit("Ada.Lovelace").unwrap().as_str(), "ada-lovelace");
        assert_eq!(Handle::fit("root").unwrap().as_str(), "root");
        assert_eq!(Handle::fit("__"), None);
        assert_eq!(Handle::fit("system"), None);
    }
}
