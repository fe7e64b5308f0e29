//! The ticket of an invitation: what a new device needs to find its inviter and to be let in once. A single line of
//! text, safe to paste: `starling1` and base32 of a CBOR array, in upper or lower case. Whoever has it can use it, once,
//! until it expires.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode};
use starling_crdt::id::{DeviceKey, Handle, WorkspaceId};

/// What every ticket begins with.
const PREFIX: &str = "starling1";
/// Addresses in a ticket.
pub const ADDRESSES_MAX: usize = 16;
/// Bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Characters of a ticket: more than the largest one has.
const TICKET_CHARS_MAX: usize = 16 * 1024;

/// An invitation as it is handed over.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Ticket {
    /// The workspace to join.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// The device that gave it: only this one can redeem it.
    #[n(1)]
    pub inviter: DeviceKey,
    /// Where that device listened, loopback too.
    #[n(2)]
    pub addresses: Vec<String>,
    /// The secret.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub secret: [u8; 32],
    /// Who is invited.
    #[n(4)]
    pub handle: Handle,
    /// Until when, ms since 1970.
    #[n(5)]
    pub expires_at_ms: u64,
}

/// The text is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a ticket; it begins with `{PREFIX}` and has to be copied whole")]
pub struct BadTicket;

impl fmt::Debug for Ticket {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket(for {} by {:?})", self.handle, self.inviter)
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        minicbor::encode(self, &mut bytes).map_err(|_| fmt::Error)?;
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_lowercase())
    }
}

impl FromStr for Ticket {
    type Err = BadTicket;

    fn from_str(text: &str) -> Result<Self, BadTicket> {
        let text = text.trim();
        if text.len() > TICKET_CHARS_MAX {
            return Err(BadTicket);
        }
        let (prefix, body) = text.split_at_checked(PREFIX.len()).ok_or(BadTicket)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(BadTicket);
        }
        let bytes = BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).map_err(|_| BadTicket)?;
        let (bytes, check) = bytes.split_last_chunk::<4>().ok_or(BadTicket)?;
        if checksum(bytes) != *check {
            return Err(BadTicket);
        }
        let mut decoder = minicbor::Decoder::new(bytes);
        let ticket: Self = decoder.decode().map_err(|_| BadTicket)?;
        let bounded = ticket.addresses.len() <= ADDRESSES_MAX
            && ticket.addresses.iter().all(|address| address.len() <= ADDRESS_BYTES_MAX)
            && decoder.position() == bytes.len();
        if bounded { Ok(ticket) } else { Err(BadTicket) }
    }
}

/// Finds a ticket that was not copied whole.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let hash = blake3::derive_key("starling/ticket/1", bytes);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// What the inviter keeps of a secret.
#[must_use]
pub fn secret_hash(secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("starling/invite/1", secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            workspace: WorkspaceId::from_bytes([1; 32]),
            inviter: DeviceKey::from_bytes([2; 32]),
            addresses: vec!["/ip4/127.0.0.1/udp/4001/quic-v1".into()],
            secret: [3; 32],
            handle: "alice".parse().unwrap(),
            expires_at_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn a_ticket_reads_as_it_was_written() {
        let text = ticket().to_string();
        assert_eq!(text.parse::<Ticket>().unwrap(), ticket());
        assert_eq!(format!(" {text}\n").parse::<Ticket>().unwrap(), ticket());
        assert_eq!(text.to_uppercase().parse::<Ticket>().unwrap(), ticket(), "as a QR code has it");
        assert!(!format!("{:?}", ticket()).contains("0303"));
    }

    #[test]
    fn a_ticket_that_was_not_copied_whole_is_found_out() {
        let text = ticket().to_string();
        for end in 0..text.len() {
            assert!(text[..end].parse::<Ticket>().is_err(), "{end}");
        }
        for at in PREFIX.len()..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            assert!(String::from_utf8(other).unwrap().parse::<Ticket>().is_err(), "{at}");
        }
    }
}
