//! The endpoints of this device: its peers, its status, its exchange with peers, its export, and its end.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use starling_crdt::id::DeviceKey;
use starling_net::transport::parse_address;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::ask::{Ask, shutting_down};
use super::dto;
use super::extract::{Input, NoInput, Params, PathText};
use super::parse;
use super::problem::Problem;
use crate::machine::request::{Answer, Code, Request};

/// Bytes of a multiaddr: a relay circuit with two peer ids has some 300.
const ADDRESS_BYTES_MAX: usize = 512;
/// How long a round trip may take: the transport gives up before.
const PING_TIME: Duration = Duration::from_secs(10);

/// Lists the peers that are known.
#[utoipa::path(get, path = "/peers", tag = "device", responses((status = 200, body = dto::Peers), Problem))]
pub(super) async fn peers(State(ask): State<Ask>) -> Result<Json<dto::Peers>, Problem> {
    peers_of(ask.ask(Request::Peers).await?)
}

/// A peer's address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPeer {
    #[schema(example = "/ip4/192.0.2.7/udp/4001/quic-v1")]
    address: String,
}

/// Remembers an address and dials it.
#[utoipa::path(
    post, path = "/peers", tag = "device", request_body = NewPeer,
    responses((status = 200, body = dto::Peers), Problem),
)]
pub(super) async fn add_peer(
    State(ask): State<Ask>,
    Input(new): Input<NewPeer>,
) -> Result<Json<dto::Peers>, Problem> {
    let address = parse::short_text("address", new.address, ADDRESS_BYTES_MAX)?;
    if !address.starts_with('/') {
        let reason = "write a multiaddr, as `/ip4/192.0.2.7/udp/4001/quic-v1`";
        return Err(parse::field("address", reason));
    }
    let (device, address) = split_peer(&address)?;
    peers_of(ask.ask(Request::AddPeer { address, device }).await?)
}

/// The device that an address names, and the address without it.
fn split_peer(address: &str) -> Result<(Option<DeviceKey>, String), Problem> {
    let (peer, address) =
        parse_address(address).map_err(|error| parse::field("address", error.to_string()))?;
    Ok((peer.map(|peer| DeviceKey::from_bytes(peer.0)), address))
}

fn peers_of(answer: Answer) -> Result<Json<dto::Peers>, Problem> {
    match answer {
        Answer::Peers(peers) => Ok(Json(peers.into())),
        other => Err(Problem::unexpected(&other)),
    }
}

/// Measures the round trip to a connected device now.
#[utoipa::path(
    post, path = "/peers/{device}/ping", tag = "device", params(("device" = String, Path)),
    responses((status = 200, body = dto::Pong), Problem),
)]
pub(super) async fn ping(
    State(ask): State<Ask>,
    PathText(text): PathText,
    _: NoInput,
) -> Result<Json<dto::Pong>, Problem> {
    let device = parse::device("device", &text)?;
    let answer = tokio::time::timeout(PING_TIME, ask.ask(Request::Ping { device })).await;
    match answer {
        Ok(Ok(Answer::Pong { device, rtt_micros })) => {
            Ok(Json(dto::Pong { device: device.to_string(), rtt_micros }))
        }
        Ok(Ok(other)) => Err(Problem::unexpected(&other)),
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(_) => Err(Problem::new(Code::PeerNotConnected, "it did not answer in time")),
    }
}

/// Shows the node.
#[utoipa::path(get, path = "/status", tag = "device", responses((status = 200, body = dto::Status), Problem))]
pub(super) async fn status(State(app): State<App>) -> Result<Json<dto::Status>, Problem> {
    let shared = app.shared();
    match shared.ask.ask(Request::Status).await? {
        Answer::Status(status) => {
            let sizes = shared.storage.sizes(Instant::now(), &shared.spawner).await;
            Ok(Json(
                dto::Status::new(*status, app.web_address(), sizes).after_join(shared.join_error.clone()),
            ))
        }
        other => Err(Problem::unexpected(&other)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SyncParams {
    /// Answer only when every connected peer has what this node has.
    #[serde(default)]
    #[param(required = false)]
    wait: bool,
}

/// Shows the exchange with peers, or waits until they have caught up. Who waits hangs up when it has waited enough.
#[utoipa::path(
    get, path = "/sync", tag = "device", params(SyncParams),
    responses((status = 200, body = dto::Sync), Problem),
)]
pub(super) async fn sync(
    State(app): State<App>,
    Params(SyncParams { wait }): Params<SyncParams>,
) -> Result<Json<dto::Sync>, Problem> {
    let answer = app.shared().ask.ask(Request::Sync { wait });
    if !wait {
        return sync_of(answer.await?);
    }
    tokio::select! {
        biased;
        () = app.closing.cancelled() => Err(shutting_down().into()),
        answer = answer => sync_of(answer?),
    }
}

/// Cuts the exchange with peers.
#[utoipa::path(post, path = "/sync/pause", tag = "device", responses((status = 200, body = dto::Sync), Problem))]
pub(super) async fn pause(State(ask): State<Ask>, _: NoInput) -> Result<Json<dto::Sync>, Problem> {
    sync_of(ask.ask(Request::Pause(true)).await?)
}

/// Takes the exchange with peers up again.
#[utoipa::path(post, path = "/sync/resume", tag = "device", responses((status = 200, body = dto::Sync), Problem))]
pub(super) async fn resume(State(ask): State<Ask>, _: NoInput) -> Result<Json<dto::Sync>, Problem> {
    sync_of(ask.ask(Request::Pause(false)).await?)
}

fn sync_of(answer: Answer) -> Result<Json<dto::Sync>, Problem> {
    match answer {
        Answer::Sync(sync) => Ok(Json(sync.into())),
        other => Err(Problem::unexpected(&other)),
    }
}

/// Brings the git export up to date now.
#[utoipa::path(post, path = "/export", tag = "device", responses((status = 200, body = dto::Exported), Problem))]
pub(super) async fn export(State(ask): State<Ask>, _: NoInput) -> Result<Json<dto::Exported>, Problem> {
    match ask.ask(Request::Export).await? {
        Answer::Exported(export) => Ok(Json(export.into())),
        other => Err(Problem::unexpected(&other)),
    }
}

/// That the node is well, or on its way out.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Stops the node: this is answered first, then turns are ended and what is open is stored.
#[utoipa::path(post, path = "/shutdown", tag = "device", responses((status = 202, body = Health), Problem))]
pub(super) async fn shutdown(State(app): State<App>, _: NoInput) -> (StatusCode, Json<Health>) {
    app.shared().stop.cancel();
    (StatusCode::ACCEPTED, Json(Health { status: "stopping" }))
}

/// Answers as long as requests are served. It needs no token and tells nothing else.
#[utoipa::path(get, path = "/healthz", tag = "device", security(()), responses((status = 200, body = Health), Problem))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
