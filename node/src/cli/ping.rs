//! `starling peer ping`: round trips to a connected peer, each measured anew.

use std::time::Duration;

use serde_json::json;

use super::Context;
use super::client::{Call, paths};
use super::failure::Failure;
use super::model::{Peer, Peers, Pong};
use super::render::{clean, one_line, style, styled};
use crate::machine::request::Code;

/// Between two round trips.
const PAUSE: Duration = Duration::from_secs(1);

/// Measures `count` round trips, a second apart.
///
/// # Errors
/// No such peer; [`Exit::NotYet`](super::Exit) when it is not connected.
pub(super) async fn run(cx: &mut Context, word: &str, count: u32) -> Result<(), Failure> {
    let peers: Peers = cx.client.ask(Call::get(paths::PEERS)).await?.parse()?;
    let peer = chosen(&peers.peers, word)?;
    let name = one_line(&format!("@{} {}", peer.handle.as_deref().unwrap_or("?"), peer.label), 40);
    let mut took = Vec::new();
    for turn in 0..count {
        if turn > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let answer = cx.client.ask(Call::post(paths::ping(&peer.device), json!({}))).await?;
        if cx.out.json {
            cx.out.document(&answer.body)?;
            continue;
        }
        let micros = answer.parse::<Pong>()?.rtt_micros;
        took.push(micros);
        cx.out.data(&format!("{name}  {}\n", styled(style::BOLD, &millis(micros))))?;
    }
    if took.len() > 1 {
        let least = took.iter().min().copied().unwrap_or_default();
        let most = took.iter().max().copied().unwrap_or_default();
        let mean = took.iter().sum::<u64>() / took.len() as u64;
        cx.out.note(&format!("least {}, mean {}, most {}", millis(least), millis(mean), millis(most)));
    }
    Ok(())
}

fn millis(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1_000.0)
}

/// The peer whose key begins so, or whose member is called so; of several devices of a member, the one that is connected.
fn chosen<'a>(peers: &'a [Peer], word: &str) -> Result<&'a Peer, Failure> {
    let handle = word.strip_prefix('@').unwrap_or(word);
    let of_member = |peer: &&Peer| peer.handle.as_deref() == Some(handle);
    let key = word.to_ascii_lowercase();
    let mut found: Vec<&Peer> = peers.iter().filter(of_member).collect();
    if found.is_empty() {
        found = peers.iter().filter(|peer| peer.device.starts_with(&key)).collect();
    }
    if found.len() > 1 && found.iter().any(|peer| peer.connected) {
        found.retain(|peer| peer.connected);
    }
    match found.as_slice() {
        [peer] => Ok(peer),
        [] => {
            Err(Failure::of(Code::NotFound, format!("no peer is called {word}, or has a key that begins so"))
                .hint("`starling peer list` shows the peers"))
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|peer| format!("{} ({})", start(&peer.device), clean(&peer.label)))
                .collect();
            let detail = format!("{word} may be {}", names.join(", "));
            Err(Failure::of(Code::InvalidField, detail).hint("give the beginning of a device's key"))
        }
    }
}

fn start(device: &str) -> String {
    clean(&device.chars().take(12).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(device: &str, handle: &str, connected: bool) -> Peer {
        let handle = Some(handle.to_owned());
        Peer { device: device.to_owned(), handle, connected, ..Peer::default() }
    }

    #[test]
    fn a_peer_is_named_by_handle_or_key() {
        let peers = [
            peer("aa01", "bob", false),
            peer("aa02", "bob", true),
            peer("bb01", "carol", false),
            peer("bb02", "dan", true),
        ];
        assert_eq!(chosen(&peers, "@bob").unwrap().device, "aa02");
        assert_eq!(chosen(&peers, "carol").unwrap().device, "bb01");
        assert_eq!(chosen(&peers, "AA01").unwrap().device, "aa01");
        assert_eq!(chosen(&peers, "zz").unwrap_err().code, "not_found");
        let two = [peer("aa01", "bob", true), peer("aa02", "bob", true)];
        assert!(chosen(&two, "bob").unwrap_err().detail.contains("aa01"));
    }
}
