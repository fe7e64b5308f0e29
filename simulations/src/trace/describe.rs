//! What a node wants done, in a word and a few more: for people who read a trace, and for the plots that are made of it.
//! Nothing here is hashed, so that wording can change without a change to any hash.

use std::collections::BTreeMap;
use std::fmt::Debug;

use starling_crdt::id::DeviceKey;
use starling_node::machine::input::{Effect, NetEffect};
use starling_node::store::Batch;

/// The word of a commit that has records.
pub const RECORDS: &str = "records";
/// The word of a turn's beginning.
pub const TURN_BEGINS: &str = "turn";
/// The word of a turn's end.
pub const TURN_ENDS: &str = "turn-end";

type Names = BTreeMap<DeviceKey, usize>;

pub(super) fn effect(effect: &Effect, names: &Names) -> (&'static str, String) {
    match effect {
        Effect::Commit { seq, batch } => commit(*seq, batch),
        Effect::Load { stream } => ("load", short(stream.as_bytes())),
        Effect::LoadAside { places } => ("load-aside", format!("{} records", places.len())),
        Effect::Search { ticket, streams, .. } => {
            ("search", format!("{} sessions for request {ticket}", streams.len()))
        }
        Effect::Answer { ticket, answer } => {
            let answer = match answer {
                Ok(answer) => first_word(answer),
                Err(refusal) => format!("refused, {}: {}", refusal.code.parts().1, refusal.detail),
            };
            ("answer", format!("to request {ticket}: {answer}"))
        }
        Effect::Net(effect) => net(effect, names),
        Effect::RunTurn(order) => (TURN_BEGINS, format!("{} of @{}", order.attempt, order.agent)),
        Effect::AskForTitle { attempt } => ("ask-title", attempt.to_string()),
        Effect::CloseTurn { attempt } => (TURN_ENDS, attempt.to_string()),
        Effect::CancelTurn { attempt } => ("turn-cancel", attempt.to_string()),
        Effect::Permit { request, allow } => ("permit", format!("{request}: {allow}")),
        Effect::Host { agent, profile } => {
            ("host", format!("@{agent}{}", if profile.is_some() { "" } else { " no more" }))
        }
        Effect::Export(plan) => ("export", format!("{}: {} files", plan.subject, plan.writes.len())),
        Effect::Push { commit } => ("push", commit.clone()),
        Effect::Notify(notice) => ("notify", first_word(notice)),
        Effect::WakeAt(at_ms) => ("wake-at", format!("{at_ms} ms by its clock")),
        Effect::Rejoin { invitation, .. } => {
            ("rejoin", format!("the workspace {}", short(invitation.workspace.as_bytes())))
        }
        Effect::Stopped => ("stopped", String::new()),
        Effect::Fatal(why) => ("fatal", why.clone()),
    }
}

fn commit(seq: u64, batch: &Batch) -> (&'static str, String) {
    if batch.records.is_empty() {
        let rows = batch.local.len() + batch.index.len() + batch.aside.len();
        return ("rows", format!("batch {seq}: {rows} rows"));
    }
    let ids: Vec<String> = batch.records.iter().map(|row| short(&row.id)).collect();
    (RECORDS, format!("batch {seq}: {} ({})", ids.len(), ids.join(" ")))
}

fn net(effect: &NetEffect, names: &Names) -> (&'static str, String) {
    let name =
        |peer: &DeviceKey| names.get(peer).map_or_else(|| short(peer.as_bytes()), |node| format!("#{node}"));
    match effect {
        NetEffect::Send { peer, frame } => ("send", format!("to {}: {} bytes", name(peer), frame.len())),
        NetEffect::Publish { id, data } => {
            ("publish", format!("{}: {} bytes", short(id.as_bytes()), data.len()))
        }
        NetEffect::Verdict { token, verdict } => ("verdict", format!("gossip {token}: {verdict:?}")),
        NetEffect::Allow { peers } => ("allow", format!("{} devices", peers.len())),
        NetEffect::Dial { peer, addresses } => {
            let peer = peer.as_ref().map_or_else(|| "anyone".to_owned(), name);
            ("dial", format!("{peer} at {}", addresses.join(" ")))
        }
        NetEffect::Ping { peer } => ("ping", name(peer)),
        NetEffect::Disconnect { peer } => ("disconnect", name(peer)),
    }
}

/// The first bytes of an id: enough to tell those of one run apart.
fn short(id: &[u8]) -> String {
    id.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a value's variant.
fn first_word(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}
