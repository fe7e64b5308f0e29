//! Peer keys and addresses, to and from what libp2p calls them. A peer is its raw ed25519 key; its peer id is the same
//! key in an identity multihash, so that nothing has to be looked up. Other kinds of keys are not peers of ours.

use std::fmt;

use libp2p::identity::{Keypair, PublicKey};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::TransportError;

/// An identity multihash (code 0, 36 bytes) of a protobuf public key of type ed25519 (1) with 32 bytes.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A peer: its raw ed25519 public key, which is its libp2p identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub [u8; 32]);

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({})", peer_id_string(*self))
    }
}

/// The key's peer id as libp2p prints it (base58), as in `/p2p/12D3KooW...`.
pub fn peer_id_string(peer: PeerKey) -> String {
    peer_id(peer).map(|id| id.to_base58()).unwrap_or_default()
}

/// The public key that belongs to a secret seed.
///
/// # Errors
/// [`TransportError::Identity`] if the seed makes no key.
pub fn peer_of_seed(seed: &[u8; 32]) -> Result<PeerKey, TransportError> {
    peer_key(&keypair(seed)?.public().to_peer_id())
        .ok_or_else(|| TransportError::Identity("the seed makes no ed25519 key".into()))
}

/// An address without its `/p2p/` ending, and the peer that the ending named.
///
/// # Errors
/// [`TransportError::Address`] if it is no multiaddress, or names a peer by another kind of key than ed25519.
pub fn parse_address(text: &str) -> Result<(Option<PeerKey>, String), TransportError> {
    split(text).map(|(peer, address)| (peer, address.to_string()))
}

pub(super) fn split(text: &str) -> Result<(Option<PeerKey>, Multiaddr), TransportError> {
    let bad = |reason: String| TransportError::Address { address: text.to_owned(), reason };
    let mut address: Multiaddr = text.parse().map_err(|error| bad(format!("{error}")))?;
    if address.is_empty() {
        return Err(bad("it is empty".into()));
    }
    let Some(Protocol::P2p(id)) = address.iter().last() else {
        return Ok((None, address));
    };
    let peer = peer_key(&id).ok_or_else(|| bad("the peer's key is not ed25519".into()))?;
    address.pop();
    Ok((Some(peer), address))
}

/// The address without a `/p2p/` ending, for the caller.
pub(super) fn plain(address: &Multiaddr) -> String {
    let mut address = address.clone();
    if let Some(Protocol::P2p(_)) = address.iter().last() {
        address.pop();
    }
    address.to_string()
}

pub(super) fn keypair(seed: &[u8; 32]) -> Result<Keypair, TransportError> {
    // `ed25519_from_bytes` overwrites the bytes it is given: the copy does not outlive the call.
    Keypair::ed25519_from_bytes(*seed).map_err(|error| TransportError::Identity(error.to_string()))
}

/// The peer id of a key; a key that is no curve point has one too, but nobody can prove to own it.
pub(super) fn peer_id(peer: PeerKey) -> Option<PeerId> {
    let mut bytes = PEER_ID_PREFIX.to_vec();
    bytes.extend_from_slice(&peer.0);
    PeerId::from_bytes(&bytes).ok()
}

/// The ed25519 key inside a peer id; `None` for other kinds of keys.
pub(super) fn peer_key(id: &PeerId) -> Option<PeerKey> {
    let public = PublicKey::try_decode_protobuf(id.as_ref().digest()).ok()?;
    let key = public.try_into_ed25519().ok()?;
    Some(PeerKey(key.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_peer_id_are_the_same_thing() {
        let key = peer_of_seed(&[7; 32]).unwrap();
        let id = keypair(&[7; 32]).unwrap().public().to_peer_id();
        assert_eq!(peer_id(key), Some(id));
        assert_eq!(peer_key(&id), Some(key));
        assert_eq!(peer_id_string(key), id.to_string());
        assert!(peer_id_string(key).starts_with("12D3KooW"));
    }

    #[test]
    fn the_ending_of_an_address_names_the_peer() {
        let key = peer_of_seed(&[7; 32]).unwrap();
        let text = format!("/ip4/127.0.0.1/udp/4001/quic-v1/p2p/{}", peer_id_string(key));
        let bare = "/ip4/127.0.0.1/udp/4001/quic-v1".to_owned();
        assert_eq!(parse_address(&text).unwrap(), (Some(key), bare.clone()));
        assert_eq!(parse_address(&bare).unwrap(), (None, bare));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let rsa = "/ip4/127.0.0.1/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";
        for text in ["", "localhost:80", "/ip4/300.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp", rsa] {
            assert!(matches!(parse_address(text), Err(TransportError::Address { .. })), "{text}");
        }
    }
}
