//! A few figures of the node in the Prometheus text format (0.0.4), made anew from its status for each scrape. Counters of
//! single requests are not kept: this is one person's node. What peers sent is counted from their last connection on.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::ask::Ask;
use super::problem::Problem;
use crate::machine::info::{AgentInfo, NodeStatus};
use crate::machine::request::{Answer, Request};

const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "device",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String), Problem),
)]
pub(super) async fn show(State(ask): State<Ask>) -> Result<Response, Problem> {
    let status = match ask.ask(Request::Status).await? {
        Answer::Status(status) => status,
        other => return Err(Problem::unexpected(&other)),
    };
    let agents = match ask.ask(Request::Agents).await? {
        Answer::Agents(agents) => agents,
        other => return Err(Problem::unexpected(&other)),
    };
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], render(&status, &agents)).into_response())
}

fn render(status: &NodeStatus, agents: &[AgentInfo]) -> String {
    let mut text = String::new();
    head(&mut text, "starling_build_info", "gauge", "The program's version.");
    let _infallible = writeln!(text, "starling_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    head(&mut text, "starling_sessions", "gauge", "Sessions by status.");
    for (name, count) in &status.sessions {
        let _infallible = writeln!(text, "starling_sessions{{status=\"{name}\"}} {count}");
    }
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    let in_step = status.peers.iter().filter(|peer| peer.connected && peer.in_step).count();
    let here = || agents.iter().filter(|agent| agent.here);
    for (name, help, value) in [
        ("starling_start_time_seconds", "When the node started, since 1970.", status.started_at_ms / 1_000),
        ("starling_peers", "Peers that are known.", number(status.peers.len())),
        ("starling_peers_connected", "Peers that are connected.", number(connected)),
        ("starling_peers_in_step", "Connected peers that have what this node has.", number(in_step)),
        ("starling_agents_hosted", "Agents that this device hosts.", number(here().count())),
        (
            "starling_agents_running",
            "Hosted agents with a turn under way.",
            number(here().filter(|agent| agent.running.is_some()).count()),
        ),
        (
            "starling_inputs_queued",
            "Inputs that wait for a hosted agent.",
            number(here().map(|agent| agent.queued).sum()),
        ),
        ("starling_sessions_waiting", "Sessions that wait for something.", number(status.waiting.len())),
        ("starling_sync_paused", "Whether the exchange with peers is cut.", u64::from(status.paused)),
        (
            "starling_export_failed",
            "Whether the last export failed.",
            u64::from(status.export.error.is_some()),
        ),
    ] {
        head(&mut text, name, "gauge", help);
        let _infallible = writeln!(text, "{name} {value}");
    }
    let (sent, received) = ("starling_records_sent_total", "starling_records_received_total");
    by_peer(&mut text, status, sent, "Records sent to a peer since it connected.", |records| records.0);
    by_peer(&mut text, status, received, "Records received of a peer since it connected.", |records| {
        records.1
    });
    text
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A counter for each connected peer, named by its device's key.
fn by_peer(text: &mut String, status: &NodeStatus, name: &str, help: &str, of: fn((u64, u64)) -> u64) {
    head(text, name, "counter", help);
    for peer in status.peers.iter().filter(|peer| peer.connected) {
        let _infallible = writeln!(text, "{name}{{device=\"{}\"}} {}", peer.device, of(peer.records));
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
