//! A few figures of the node in the Prometheus text format (0.0.4), made anew from its status for each scrape. Counters of
//! single requests are not kept: this is one person's node.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::ask::Ask;
use super::problem::Problem;
use crate::machine::info::NodeStatus;
use crate::machine::request::{Answer, Request};

const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "device",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String), Problem),
)]
pub(super) async fn show(State(ask): State<Ask>) -> Result<Response, Problem> {
    match ask.ask(Request::Status).await? {
        Answer::Status(status) => {
            Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], render(&status)).into_response())
        }
        other => Err(Problem::unexpected(&other)),
    }
}

fn render(status: &NodeStatus) -> String {
    let mut text = String::new();
    head(&mut text, "starling_sessions", "Sessions by status.");
    for (name, count) in &status.sessions {
        let _infallible = writeln!(text, "starling_sessions{{status=\"{name}\"}} {count}");
    }
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    let in_step = status.peers.iter().filter(|peer| peer.connected && peer.in_step).count();
    for (name, help, value) in [
        ("starling_peers", "Peers that are known.", status.peers.len()),
        ("starling_peers_connected", "Peers that are connected.", connected),
        ("starling_peers_in_step", "Connected peers that have what this node has.", in_step),
        ("starling_sessions_waiting", "Sessions that wait for something.", status.waiting.len()),
        ("starling_sync_paused", "Whether the exchange with peers is cut.", usize::from(status.paused)),
        (
            "starling_export_failed",
            "Whether the last export failed.",
            usize::from(status.export.error.is_some()),
        ),
    ] {
        head(&mut text, name, help);
        let _infallible = writeln!(text, "{name} {value}");
    }
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    let _infallible = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}
