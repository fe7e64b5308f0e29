//! What `up` says once the node answers: where it is, and what to try next.

use std::io::IsTerminal;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use super::setup::FIRST_AGENT;
use crate::cli::UpOptions;
use crate::config::Home;
use crate::http::Ask;
use crate::machine::request::{Answer, Request};
use crate::spawner::Spawner;

/// SIGINT and SIGTERM stop the node cleanly; a second one ends it at once.
pub(super) fn stop_on_signals(spawner: &Spawner, stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    spawner.spawn("signals", async move {
        let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for _ in 0..2 {
            tokio::select! {
                biased;
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
}

/// Dials the peers of the settings, says where the node is, and opens the page if that was asked for.
pub(super) async fn greet(ask: Ask, options: UpOptions, http: SocketAddr, founded: bool, peers: Vec<String>) {
    for address in peers {
        match starling_net::transport::parse_address(&address) {
            Ok((peer, address)) => {
                let device = peer.map(|peer| starling_crdt::id::DeviceKey::from_bytes(peer.0));
                let _full = ask.ask(Request::AddPeer { address, device }).await;
            }
            Err(error) => tracing::warn!(%error, "an address in config.toml is left out"),
        }
    }
    if let Ok(Answer::Status(status)) = ask.ask(Request::Status).await {
        let greeting = Greeting { status: &status, http, home: &options.home };
        let text = if options.json { greeting.json() } else { greeting.text(founded) };
        if !options.quiet || options.json {
            let _closed = crate::cli::print(&text);
        }
    }
    if options.open || (founded && is_watched(&options)) {
        open_page(&options.home).await;
    }
}

/// Whether a person sits here, at a terminal of a desktop: then the first start shows the page by itself.
fn is_watched(options: &UpOptions) -> bool {
    let desktop = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    desktop && !options.quiet && !options.json && std::io::stdout().is_terminal()
}

/// Opens the page as `starling open` does, by our own binary, so that there is one way to do it.
async fn open_page(home: &Home) {
    let Ok(exe) = std::env::current_exe() else { return };
    let mut open = tokio::process::Command::new(exe);
    open.arg("--home").arg(home.dir()).arg("open").stdin(std::process::Stdio::null());
    if let Err(error) = open.status().await {
        tracing::warn!(%error, "the page was not opened; `starling open` tries again");
    }
}

struct Greeting<'a> {
    status: &'a crate::machine::info::NodeStatus,
    http: SocketAddr,
    home: &'a Home,
}

impl Greeting<'_> {
    fn json(&self) -> String {
        let document = serde_json::json!({
            "device": self.status.device.to_string(),
            "workspace": self.status.workspace.to_string(),
            "handle": self.status.handle.as_str(),
            "http": format!("http://{}", self.http),
            "listen": self.status.listen,
        });
        format!("{document}\n")
    }

    fn text(&self, founded: bool) -> String {
        let home = self.home.dir().display();
        let found_anyway = std::env::var_os("STARLING_HOME").is_some() || is_default(self.home);
        let named = if found_anyway { String::new() } else { format!(" --home {home}") };
        let mut text = format!("starling is up: @{} on {}\n", self.status.handle, self.status.label);
        for address in &self.status.listen {
            text.push_str(&format!("  listens on  {address}\n"));
        }
        text.push_str(&format!("  web         http://{}\n  home        {home}\n\n", self.http));
        if founded {
            text.push_str(&format!(
                "Open the page, signed in; or try, in another terminal:\n  starling{named} open\n  starling{named} session new --agent {FIRST_AGENT} --follow -m \"Hello!\"\n"
            ));
            text.push_str(&format!("Add another device:\n  starling{named} invite create\n"));
            let recovery = self.home.recovery_key();
            text.push_str(&format!("Keep a copy of {} in a safe place elsewhere.\n", recovery.display()));
        } else {
            text.push_str(&format!("See what it does:\n  starling{named} status\n"));
        }
        text
    }
}

/// Whether commands find this home without being told.
fn is_default(home: &Home) -> bool {
    Home::resolve(None).is_ok_and(|default| default == *home)
}
