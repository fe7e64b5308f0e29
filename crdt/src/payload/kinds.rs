//! What follows from a payload's variant: its number on the wire, in which capacity it is written, the turn that it
//! belongs to. Every `match` here is whole, so that a new kind cannot be forgotten.

use super::{Cut, Payload, Role, Turn};

impl Payload {
    /// The record's kind on the wire.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Open { .. } => 1,
            Self::Message { .. } => 2,
            Self::Title { .. } => 3,
            Self::Claim { .. } => 4,
            Self::Reply { .. } => 5,
            Self::Summary { .. } => 6,
            Self::Failure { .. } => 7,
            Self::Archive {} => 8,
            Self::Unarchive {} => 9,
            Self::Stop { .. } => 10,
            Self::Retry { .. } => 11,
            Self::Continues { .. } => 65,
            Self::Found { .. } => 32,
            Self::AddMember { .. } => 33,
            Self::AddDevice { .. } => 34,
            Self::ChangeRole { .. } => 35,
            Self::RevokeDevice { .. } => 36,
            Self::RemoveMember { .. } => 37,
            Self::HostAgent { .. } => 38,
            Self::Handover { .. } => 39,
            Self::MoveAgent { .. } => 40,
            Self::RetireAgent { .. } => 41,
            Self::Merge {} => 42,
        }
    }

    /// In which capacity the author writes.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Open { .. }
            | Self::Message { .. }
            | Self::Title { turn: None, .. }
            | Self::Archive {}
            | Self::Unarchive {}
            | Self::Stop { .. }
            | Self::Retry { .. }
            | Self::Continues { .. } => Role::Creator,
            Self::Title { turn: Some(_), .. }
            | Self::Claim { .. }
            | Self::Reply { .. }
            | Self::Summary { .. }
            | Self::Failure { .. } => Role::Agent,
            Self::Found { .. }
            | Self::AddMember { .. }
            | Self::AddDevice { .. }
            | Self::ChangeRole { .. }
            | Self::RevokeDevice { .. }
            | Self::RemoveMember { .. }
            | Self::HostAgent { .. }
            | Self::Handover { .. }
            | Self::MoveAgent { .. }
            | Self::RetireAgent { .. }
            | Self::Merge {} => Role::Member,
        }
    }

    /// The agent's attempt and `prev`, for an agent's record.
    #[must_use]
    pub const fn turn(&self) -> Option<&Turn> {
        match self {
            Self::Title { turn: Some(turn), .. }
            | Self::Claim { turn }
            | Self::Reply { turn, .. }
            | Self::Summary { turn, .. }
            | Self::Failure { turn, .. } => Some(turn),
            _ => None,
        }
    }

    /// Whether kind `kind` is one that this version knows.
    pub(crate) const fn knows(kind: u8) -> bool {
        matches!(kind, 1..=11 | 32..=42 | 65)
    }

    pub(crate) fn cuts(&self) -> &[Cut] {
        match self {
            Self::RevokeDevice { cut } => std::slice::from_ref(cut),
            Self::RemoveMember { cuts, .. } => cuts,
            _ => &[],
        }
    }
}
