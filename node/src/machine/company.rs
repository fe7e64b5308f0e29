//! Company: a device that is connected to few others asks those few where the rest of the workspace is found. Else one that
//! knows only whom it joined through would be alone as soon as that one is lost or revoked. Where others are is a hint and
//! nothing more: whoever answers there has to prove its key, and what a peer says never displaces what we saw ourselves.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use starling_crdt::id::DeviceKey;
use starling_net::proto::limits::{PLACE_ADDRESSES_MAX, PLACES_MAX};
use starling_net::proto::{self, Place};

use super::Node;
use super::peers::ADDRESSES_MAX;

/// Connections that are company enough: in a small workspace everyone, in a large one enough to stay together.
const COMPANY: usize = 3;
/// How long it is waited for others to come by themselves, ms.
const SEEK_MS_FIRST: u64 = 5_000;
/// Then it is asked as often as this, ms, while company is missing.
const SEEK_MS: u64 = 300_000;

impl Node {
    /// Whether others of the workspace should be looked for.
    fn is_lonely(&self) -> bool {
        let standing = self.standing();
        let others = standing.admitted_devices().filter(|device| **device != self.me);
        let connected = self.peers.connected().filter(|device| standing.stands(device)).count();
        connected < COMPANY.min(others.count())
    }

    /// Links or the roster changed: it is asked soon, if company is missing then.
    pub(super) fn look_for_company(&mut self) {
        let at = self.now + SEEK_MS_FIRST;
        if self.peers.seek_at_ms.is_none_or(|due| due > at) {
            self.peers.seek_at_ms = Some(at);
        }
        self.seek();
    }

    /// Asks those who are connected, when it is time to.
    pub(super) fn seek(&mut self) {
        let Some(due) = self.peers.seek_at_ms else { return };
        if !self.is_lonely() || self.peers.connected().next().is_none() {
            self.peers.seek_at_ms = None;
            return;
        }
        if due > self.now {
            return self.wake("company", due);
        }
        for peer in self.peers.connected().collect::<Vec<_>>() {
            self.feed(proto::Input::Seek { peer });
        }
        let again = self.now + SEEK_MS;
        self.peers.seek_at_ms = Some(again);
        self.wake("company", again);
    }

    /// A peer asks: those who are connected first, then whom we saw last.
    pub(super) fn on_seek(&mut self, peer: DeviceKey) {
        let standing = self.standing();
        let known = self
            .peers
            .all()
            .filter(|(device, row)| **device != peer && standing.stands(device) && !row.addresses.is_empty());
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(device, row)| Reverse((self.peers.is_connected(device), row.last_seen_ms)));
        let place = |(device, row): &(&DeviceKey, &super::rows::PeerRow)| Place {
            device: **device,
            addresses: row.addresses.iter().take(PLACE_ADDRESSES_MAX).cloned().collect(),
        };
        let places = known.iter().take(PLACES_MAX).map(place).collect();
        self.feed(proto::Input::Places { peer, places });
    }

    /// A peer answers.
    pub(super) fn on_places(&mut self, places: Vec<Place>) {
        let mut heard: BTreeMap<DeviceKey, Vec<String>> = BTreeMap::new();
        for Place { device, addresses } in places {
            let addresses = addresses.into_iter().filter(|address| is_printable(address)).collect();
            if device != self.me && self.standing().stands(&device) && !self.peers.is_connected(&device) {
                heard.insert(device, addresses);
            }
        }
        for (device, addresses) in heard {
            if self.peers.hear(device, addresses) {
                self.keep_peer(device);
            }
        }
        self.redial(false);
    }
}

/// Puts what was heard behind what is known, and in the place of the oldest of it. Returns whether anything is new.
pub(super) fn append(known: &mut Vec<String>, heard: Vec<String>) -> bool {
    let new: Vec<String> = heard.into_iter().filter(|address| !known.contains(address)).collect();
    if new.is_empty() {
        return false;
    }
    known.truncate(ADDRESSES_MAX.saturating_sub(new.len()));
    known.extend(new);
    known.truncate(ADDRESSES_MAX);
    true
}

fn is_printable(address: &str) -> bool {
    !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("/memory/{n}")).collect()
    }

    #[test]
    fn what_is_heard_never_displaces_the_newest_that_was_seen() {
        let mut known = addresses(0..2);
        assert!(append(&mut known, addresses(1..4)));
        assert_eq!(known, addresses(0..4));
        assert!(!append(&mut known, addresses(0..4)));
        let mut known = addresses(0..ADDRESSES_MAX);
        assert!(append(&mut known, addresses(20..20 + PLACE_ADDRESSES_MAX)));
        assert_eq!(known.len(), ADDRESSES_MAX);
        assert_eq!(known[..ADDRESSES_MAX - PLACE_ADDRESSES_MAX], addresses(0..4));
        assert_eq!(known[4..], addresses(20..24));
    }

    #[test]
    fn only_text_that_can_be_shown_is_an_address() {
        assert!(is_printable("/ip4/192.0.2.1/udp/4001/quic-v1"));
        assert!(!["", "/dns/a b", "/dns/\u{1b}[2J", "/dns/\u{202e}"].into_iter().any(is_printable));
    }
}
