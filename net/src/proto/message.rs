//! The words of the protocol.

/// Why a peer is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalCode {
    /// It does not know the workspace that we sync.
    WrongWorkspace,
    /// No protocol version that both speak.
    Version,
    /// It is not on the roster, and its proof does not put it there.
    NotMember,
    /// It was on the roster; the revocation goes with the refusal.
    Revoked,
    /// No such invite, or not one that this device can redeem.
    InviteUnknown,
    /// The invite is too old.
    InviteExpired,
    /// The invite was redeemed by another device.
    InviteUsed,
    /// A reason that a later version has given.
    Other(u8),
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongWorkspace => f.write_str("wrong_workspace"),
            Self::Version => f.write_str("version"),
            Self::NotMember => f.write_str("not_member"),
            Self::Revoked => f.write_str("revoked"),
            Self::InviteUnknown => f.write_str("invite_unknown"),
            Self::InviteExpired => f.write_str("invite_expired"),
            Self::InviteUsed => f.write_str("invite_used"),
            Self::Other(code) => write!(f, "refused_{code}"),
        }
    }
}
