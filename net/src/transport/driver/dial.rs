//! Dialling: from what the caller knows of a peer to libp2p's options, and from its errors to words. An address may name
//! its peer; those that do not are dialled one by one, for whoever answers.

use std::collections::BTreeMap;

use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};

use super::Driver;
use crate::transport::address::{peer_id, peer_key, plain, split};
use crate::transport::limits::DIAL_ADDRESSES_MAX;
use crate::transport::{Event, PeerKey};

impl Driver {
    pub(super) fn dial(&mut self, peer: Option<PeerKey>, addresses: &[String]) {
        let mut known: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for text in addresses.iter().take(DIAL_ADDRESSES_MAX) {
            match split(text) {
                Ok((named, _)) if named.is_some() && peer.is_some() && named != peer => {
                    let error = "the address names another peer than the one to dial".to_owned();
                    self.tell(Event::DialFailed { peer, addresses: vec![text.clone()], error });
                }
                Ok((named, address)) => match peer.or(named).and_then(peer_id) {
                    Some(id) => known.entry(id).or_default().push(address),
                    None => self.dial_with(
                        None,
                        DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
                    ),
                },
                Err(error) => {
                    let (addresses, error) = (vec![text.clone()], error.to_string());
                    self.tell(Event::DialFailed { peer, addresses, error });
                }
            }
        }
        for (id, addresses) in known {
            // A port of its own: two peers that dial each other from their listening ports would meet in one TCP
            // connection of which both think to be the dialler.
            let opts = DialOpts::peer_id(id)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .allocate_new_port()
                .build();
            self.dial_with(Some(id), opts);
        }
    }

    fn dial_with(&mut self, peer: Option<PeerId>, opts: DialOpts) {
        if let Err(error) = self.swarm.dial(opts) {
            self.on_dial_error(peer, &error);
        }
    }

    pub(super) fn on_dial_error(&mut self, peer: Option<PeerId>, error: &DialError) {
        let (addresses, reason) = match error {
            DialError::DialPeerConditionFalse(_) => return, // Connected, or being dialled: nothing to do.
            DialError::Transport(tried) => {
                let reasons: Vec<String> =
                    tried.iter().map(|(at, why)| format!("{at}: {}", causes(why))).collect();
                (tried.iter().map(|(address, _)| plain(address)).collect(), reasons.join("; "))
            }
            DialError::LocalPeerId { address } | DialError::WrongPeerId { address, .. } => {
                (vec![plain(address)], causes(error))
            }
            DialError::NoAddresses | DialError::Aborted | DialError::Denied { .. } => {
                (Vec::new(), causes(error))
            }
        };
        let peer = peer.as_ref().and_then(peer_key);
        self.tell(Event::DialFailed { peer, addresses, error: reason });
    }
}

/// The error and what caused it, each said once: libp2p's errors often hide the cause.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
