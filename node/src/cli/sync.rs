//! `starling sync`: who has what, waiting for it, cutting it. Waiting is honest: it succeeds when a peer that
//! is connected has everything, or when there is no peer at all, and never because nobody is there just now.

use std::time::Duration;

use serde_json::json;

use super::args::SyncVerb;
use super::client::{Answer, Call, paths};
use super::failure::{Exit, Failure};
use super::model::Sync;
use super::{Context, render, session};

/// Between two looks while no peer is connected: then the node answers at once.
const NOBODY_PAUSE: Duration = Duration::from_millis(500);
/// Between two questions otherwise: the node holds each until something changes.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn run(cx: &mut Context, verb: SyncVerb) -> Result<(), Failure> {
    match verb {
        SyncVerb::Status { session: None } => {
            let answer = cx.client.ask(Call::get(paths::SYNC)).await?;
            show(cx, &answer)
        }
        SyncVerb::Status { session: Some(target) } => {
            let id = session::resolve(cx, &target).await?.to_string();
            let answer = cx.client.ask(Call::get(paths::SYNC)).await?;
            show_session(cx, &answer, &id)
        }
        SyncVerb::Wait => wait(cx).await,
        SyncVerb::Pause => set(cx, paths::SYNC_PAUSE).await,
        SyncVerb::Resume => set(cx, paths::SYNC_RESUME).await,
    }
}

fn show(cx: &mut Context, answer: &Answer) -> Result<(), Failure> {
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let text = render::node::sync(&answer.parse::<Sync>()?, cx.now_ms());
    cx.out.data(&text)
}

fn show_session(cx: &mut Context, answer: &Answer, id: &str) -> Result<(), Failure> {
    if cx.out.json {
        return cx.out.document(&answer.body);
    }
    let mut sync: Sync = answer.parse()?;
    sync.waiting.retain(|waiting| waiting.session == id);
    if sync.waiting.is_empty() {
        cx.out.note("the session waits for nothing");
    }
    let text = render::node::sync(&sync, cx.now_ms());
    cx.out.data(&text)
}

async fn set(cx: &mut Context, path: &str) -> Result<(), Failure> {
    let answer = cx.client.ask(Call::post(path, json!({})).repeatable()).await?;
    show(cx, &answer)
}

async fn wait(cx: &mut Context) -> Result<(), Failure> {
    let mut told = false;
    let mut answer = cx.client.ask(Call::get(paths::SYNC)).await?;
    loop {
        let sync: Sync = answer.parse()?;
        if sync.peers.is_empty() {
            cx.out.note("no peers: there is nothing to wait for");
            return show(cx, &answer);
        }
        if sync.paused {
            let failure = Failure::new(Exit::NotYet, "sync_paused", "the exchange with peers is paused");
            return Err(failure.hint("`starling sync resume`, then wait again"));
        }
        if sync.connected > 0 && sync.in_step >= sync.connected {
            return show(cx, &answer);
        }
        if !told {
            cx.out.note(if sync.connected == 0 {
                "no peer is connected: waiting for one"
            } else {
                "waiting for peers"
            });
            told = true;
        }
        tokio::time::sleep(if sync.connected == 0 { NOBODY_PAUSE } else { PAUSE }).await;
        answer = cx.client.ask(Call::get(paths::SYNC_WAIT)).await?;
    }
}
