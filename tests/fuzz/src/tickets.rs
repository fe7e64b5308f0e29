//! Tickets around any content: prefix, base32 and checksum are put there for the input, which would never find the
//! checksum by itself.

use data_encoding::BASE32_NOPAD;
use starling_crdt::id::{DeviceKey, WorkspaceId};
use starling_node::machine::ticket::Ticket;

/// A ticket's text with this content, which need not be one.
#[must_use]
pub fn seal(content: &[u8]) -> String {
    let check = blake3::derive_key("starling/ticket/1", content);
    let bytes = [content, &check[..4]].concat();
    format!("starling1{}", BASE32_NOPAD.encode(&bytes).to_lowercase())
}

/// The content of a ticket's text; `None` if it is not base32 behind a prefix.
#[must_use]
pub fn open(text: &str) -> Option<Vec<u8>> {
    let (prefix, body) = text.split_at_checked("starling1".len())?;
    if !prefix.eq_ignore_ascii_case("starling1") {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).ok()?;
    Some(bytes.split_last_chunk::<4>()?.0.to_vec())
}

/// A ticket with these addresses.
#[must_use]
pub fn ticket(addresses: &[&str], handle: &str, expires_at_ms: u64) -> Ticket {
    Ticket {
        workspace: WorkspaceId::from_bytes([1; 32]),
        inviter: DeviceKey::from_bytes([2; 32]),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        secret: [3; 32],
        handle: crate::roster::handle(handle),
        expires_at_ms,
    }
}
