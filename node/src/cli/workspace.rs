//! Verbs about who belongs to the workspace and where they are: `invite`, `member`, `peer`.

use std::time::Duration;

use serde_json::json;

use super::args::{InviteVerb, PeerVerb};
use super::client::{Answer, Call, paths};
use super::failure::Failure;
use super::model::{Invite, Invites, Members, Peers};
use super::render::{clean, until};
use super::{Context, render};
use starling_crdt::id::Handle;

/// `starling invite`.
pub(super) async fn invite(cx: &mut Context, verb: InviteVerb) -> Result<(), Failure> {
    match verb {
        InviteVerb::Create { handle, expires } => create_invite(cx, handle, expires).await,
        InviteVerb::List => {
            let answer = cx.client.ask(Call::get(paths::INVITES)).await?;
            show_invites(cx, &answer)
        }
        InviteVerb::Revoke { id } => {
            let answer = cx.client.ask(Call::delete(paths::invite(&id))).await?;
            show_invites(cx, &answer)
        }
    }
}

async fn create_invite(cx: &mut Context, handle: Option<Handle>, expires: Duration) -> Result<(), Failure> {
    let mut body = json!({ "expires_in_seconds": expires.as_secs().max(1) });
    if let Some(handle) = handle {
        body["handle"] = json!(handle.as_str());
    }
    let answer = cx.client.ask(Call::post(paths::INVITES, body)).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let invite: Invite = answer.parse()?;
    cx.out.data(&format!("{}\n", clean(&invite.ticket)))?;
    let left = until(&invite.expires_at, cx.now_ms()).unwrap_or_else(|| clean(&invite.expires_at));
    cx.out.note(&format!(
        "for a device of @{}, once, expires {left}; there: `starling join TICKET`",
        clean(&invite.handle),
    ));
    Ok(())
}

fn show_invites(cx: &mut Context, answer: &Answer) -> Result<(), Failure> {
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let invites = answer.parse::<Invites>()?.invites;
    if invites.is_empty() {
        cx.out.note("no invitations; `starling invite create` makes one");
    }
    let text = render::node::invites(&invites, cx.now_ms());
    cx.out.data(&text)
}

/// `starling member list`.
pub(super) async fn members(cx: &mut Context) -> Result<(), Failure> {
    let answer = cx.client.ask(Call::get(paths::MEMBERS)).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let text = render::node::members(&answer.parse::<Members>()?.members, cx.now_ms());
    cx.out.data(&text)
}

/// `starling peer`.
pub(super) async fn peer(cx: &mut Context, verb: PeerVerb) -> Result<(), Failure> {
    let call = match verb {
        PeerVerb::List => Call::get(paths::PEERS),
        PeerVerb::Add { multiaddr } => Call::post(paths::PEERS, json!({ "address": multiaddr })).repeatable(),
    };
    let answer = cx.client.ask(call).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let peers = answer.parse::<Peers>()?.peers;
    if peers.is_empty() {
        cx.out.note("no peers yet; `starling invite create` lets another device in");
    }
    let text = render::node::peers(&peers, cx.now_ms());
    cx.out.data(&text)
}
