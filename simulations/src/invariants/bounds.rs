//! INV-8: every queue, map and frame that a peer can grow is bounded. From outside one sees frames, batches on their way
//! to the disk, gossip without a verdict, answers, and what is held aside; what is inside a machine (its slots, tasks and
//! windows) shows only where an answer tells of it, and is bounded by constants with tests of their own.

use starling_crdt::limits::WIRE_BYTES_MAX;
use starling_net::proto::limits::{FRAME_BYTES_MAX, PEERS_MAX};
use starling_node::machine::info::{PeerInfo, WaitingInfo};
use starling_node::machine::input::{Effect, NetEffect};
use starling_node::machine::request::Answer;

use crate::checker::{Checker, Found};
use crate::node::SimNode;
use crate::world::World;

/// Batches on their way to the disk. What makes them (a peer's window, a client's requests) waits for their commit, so a
/// node has a few for each peer.
const PENDING_MAX: usize = 64 * PEERS_MAX;
/// Gossip that waits for its verdict: the same.
const JUDGED_MAX: usize = 64 * PEERS_MAX;
/// Records of later versions that are held (`machine::aside`).
const HELD_MAX: usize = 10_000;
/// Addresses that are kept of a peer (`machine::peers`).
const ADDRESSES_MAX: usize = 8;
/// Waiting sessions that a status names (`machine::report`).
const WAITING_MAX: usize = 100;
/// Rows of a page of the list (`machine::requests`).
const PAGE_MAX: usize = 1_000;
/// Bytes of lines that an agent is given (`machine::dispatch`).
const TRANSCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Files of one export plan: two for each of 256 sessions, and one for each member, agent and device.
const PLAN_FILES_MAX: usize = 2 * 256 + 65_536;

/// Counts and measures.
#[derive(Debug)]
pub struct Bounds;

fn over(what: &str, is: usize, most: usize) -> Found {
    (is > most).then(|| format!("{is} {what}, and {most} are the most"))
}

fn of_answer(answer: &Answer) -> Found {
    let told = |peers: &[PeerInfo], waiting: &[WaitingInfo]| {
        let addresses = peers.iter().map(|peer| peer.addresses.len()).max().unwrap_or_default();
        over("addresses of one peer", addresses, ADDRESSES_MAX)
            .or_else(|| over("waiting sessions in an answer", waiting.len(), WAITING_MAX))
    };
    match answer {
        Answer::Status(status) => told(&status.peers, &status.waiting),
        Answer::Sync(info) => told(&info.peers, &info.waiting),
        Answer::Peers(peers) => told(peers, &[]),
        Answer::Sessions { items, .. } => over("rows on a page", items.len(), PAGE_MAX),
        _ => None,
    }
}

fn of_node(sim: &SimNode) -> Found {
    let held = sim.store.as_ref().and_then(|store| store.aside_places().ok()).unwrap_or_default();
    over("batches are on their way to the disk", sim.pending.len(), PENDING_MAX)
        .or_else(|| over("gossiped records wait for a verdict", sim.judged.len(), JUDGED_MAX))
        .or_else(|| over("records of later versions are held", held.len(), HELD_MAX))
}

fn of_all(world: &World) -> Found {
    let nodes = world.nodes.iter().enumerate();
    let mut found = nodes.filter_map(|(node, sim)| of_node(sim).map(|what| format!("#{node}: {what}")));
    found.next()
}

impl Checker for Bounds {
    fn invariant(&self) -> &'static str {
        "INV-8"
    }

    fn on_effect(&mut self, _world: &World, node: usize, effect: &Effect) -> Found {
        let found = match effect {
            Effect::Net(NetEffect::Send { frame, .. }) => {
                over("bytes in a frame", frame.len(), FRAME_BYTES_MAX)
            }
            Effect::Net(NetEffect::Publish { data, .. }) => {
                over("bytes gossiped", data.len(), WIRE_BYTES_MAX)
            }
            Effect::Commit { batch, .. } => {
                let longest = batch.records.iter().map(|row| row.wire.len()).max().unwrap_or_default();
                over("bytes in a record", longest, WIRE_BYTES_MAX)
            }
            Effect::RunTurn(order) => {
                let bytes = order.context.transcript.iter().map(|(.., text)| text.len()).sum();
                over("bytes in a transcript", bytes, TRANSCRIPT_BYTES_MAX)
            }
            Effect::Export(plan) => over("files in one export", plan.writes.len(), PLAN_FILES_MAX),
            Effect::Answer { answer: Ok(answer), .. } => of_answer(answer),
            _ => None,
        };
        found.map(|what| format!("#{node}: {what}"))
    }

    fn on_look(&mut self, world: &World) -> Found {
        of_all(world)
    }

    fn at_end(&mut self, world: &World) -> Found {
        of_all(world)
    }
}
