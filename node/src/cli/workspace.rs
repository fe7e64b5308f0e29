//! Verbs about who belongs to the workspace and where they are: `invite`, `member`, `peer`.

use std::time::Duration;

use serde_json::json;

use super::args::{InviteVerb, MemberVerb, PeerVerb};
use super::client::{Answer, Call, paths};
use super::failure::Failure;
use super::model::{Invite, Invites, Members, Peers, Revoked};
use super::render::{clean, count, until};
use super::{Context, ping, render};
use crate::machine::request::Code;
use starling_crdt::id::Handle;

/// Characters of a device key: 32 bytes in hexadecimal.
const DEVICE_KEY_CHARS: usize = 64;

/// `starling invite`.
pub(super) async fn invite(cx: &mut Context, verb: InviteVerb) -> Result<(), Failure> {
    match verb {
        InviteVerb::Create { handle, expires, qr } => create_invite(cx, handle, expires, qr).await,
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

async fn create_invite(
    cx: &mut Context,
    handle: Option<Handle>,
    expires: Duration,
    qr: bool,
) -> Result<(), Failure> {
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
    match &invite.qr {
        Some(rows) if qr => cx.out.data(&format!("{}\n", render::qr::blocks(rows)))?,
        None if qr => {
            cx.out.note("this ticket is too long for a QR code: it has many addresses; copy it instead")
        }
        _ => {}
    }
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

/// `starling member`.
pub(super) async fn member(cx: &mut Context, verb: MemberVerb) -> Result<(), Failure> {
    match verb {
        MemberVerb::List => members(cx).await,
        MemberVerb::Revoke { device, keep_none } => {
            let path = paths::revoke_device(&find_device(cx, &device).await?);
            take_away(cx, path, keep_none).await
        }
        MemberVerb::Remove { handle, keep_none } => {
            take_away(cx, paths::remove_member(&handle), keep_none).await
        }
    }
}

/// The key that begins with `word`. A full key is taken as it is: a device that was revoked before is not listed.
pub(super) async fn find_device(cx: &Context, word: &str) -> Result<String, Failure> {
    if word.len() == DEVICE_KEY_CHARS {
        return Ok(word.to_owned());
    }
    let members: Members = cx.client.ask(Call::get(paths::MEMBERS)).await?.parse()?;
    let devices = members.members.into_iter().flat_map(|member| member.devices);
    let found: Vec<String> =
        devices.map(|device| device.device).filter(|key| key.starts_with(word)).collect();
    match found.as_slice() {
        [key] => Ok(key.clone()),
        [] => Err(Failure::of(Code::NotFound, format!("no device's key begins with {word}"))
            .hint("`starling member list` shows the devices")),
        several => {
            let detail = format!("{} devices' keys begin with {word}", several.len());
            Err(Failure::of(Code::InvalidField, detail).hint("give more of the key"))
        }
    }
}

async fn take_away(cx: &mut Context, path: String, keep_none: bool) -> Result<(), Failure> {
    let call = Call::post(path, json!({ "keep_none": keep_none })).repeatable();
    let answer = cx.client.ask(call).await?;
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let revoked: Revoked = answer.parse()?;
    for device in &revoked.devices {
        cx.out.data(&format!("revoked {}\n", clean(device)))?;
    }
    if revoked.already {
        cx.out.note("it was revoked before; nothing changed");
        return Ok(());
    }
    let sessions = count(revoked.kept_sessions, "session");
    cx.out.note(&if keep_none {
        "nothing of what it wrote stays, but what others built upon".to_owned()
    } else {
        format!("what it wrote stays in {sessions}, as far as this node has it")
    });
    cx.out.note("what it had stays readable on it: that cannot be recalled");
    for agent in &revoked.agents {
        cx.out.note(&format!("@{} was hosted there: nobody runs it now", clean(agent)));
    }
    Ok(())
}

async fn members(cx: &mut Context) -> Result<(), Failure> {
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
        PeerVerb::Ping { peer, count } => return ping::run(cx, &peer, count).await,
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
