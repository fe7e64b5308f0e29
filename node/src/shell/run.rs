//! The loop: one task that feeds the machine and carries out its effects, in order. Everything that takes time happens
//! elsewhere and comes back over a bounded channel; the loop itself never waits for the disk, the network or a client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::disk::{Disk, Exporting};
use super::network::{Network, Start};
use super::setup::{self, Ready};
use super::turns::{Places, Turns};
use super::{failed, now_ms, random_32, spawner};
use crate::cli::{Failure, UpOptions};
use crate::config::{Endpoint, Home, Settings};
use crate::http::{self, Ask, Context, Events, HttpConfig, Question};
use crate::machine::Node;
use crate::machine::input::{AgentKind, AgentProfile, Effect, Input, Ticket};
use crate::machine::request::{Answer, Rejection, Request};
use crate::spawner::Spawner;

/// Reports that may wait for the loop.
const INPUTS_MAX: usize = 1_024;
/// How long turns and commits may take to end at a stop.
const STOP_TIME: Duration = Duration::from_secs(15);
/// The agent that a new workspace begins with.
const FIRST_AGENT: &str = "scribe";

/// Runs the node until it is stopped.
pub(super) async fn up(options: UpOptions) -> Result<(), Failure> {
    let mut ready = setup::prepare(&options)?;
    let http = setup::bind_http(&options, &mut ready.settings)?;
    let socket = options.home.prepare_socket()?;
    let unix = setup::bind_socket(&socket)?;
    let (node, first) =
        Node::start(setup::boot(&ready)?).map_err(|error| failed("boot_failed", error.to_string()))?;

    let stop = CancellationToken::new();
    let (ask, questions) = Ask::channel();
    let http = tokio::net::TcpListener::from_std(http).map_err(|error| failed("io", error.to_string()))?;
    let bound = http
        .local_addr()
        .map_err(|error| failed("io", error.to_string()))?;
    let token = Zeroizing::new(data_encoding::HEXLOWER.encode(&random_32()?));
    let events = Events::new(now_ms());
    let served = Served {
        http: bound,
        socket,
        token,
        ask: ask.clone(),
        events: events.clone(),
        stop: stop.clone(),
    };

    let founded = ready.founded && options.demo_agent;
    let peers = ready.settings.peers.clone();
    let mut shell = Shell::start(node, ready, &options, &served, questions)?;
    let closing = shell.serve(http, unix, &served);
    options.home.write_token(&served.token)?;
    let endpoint = Endpoint {
        http: format!("http://{bound}"),
        socket: served.socket.clone(),
        pid: std::process::id(),
    };
    options.home.write_endpoint(&endpoint)?;
    shell
        .spawner
        .spawn("greeting", greet(ask, options.clone(), bound, founded, peers));
    stop_on_signals(&shell.spawner, stop.clone());

    shell.carry_out_all(first);
    let ended = shell.run(stop).await;
    shell.close().await;
    closing.cancel();
    options.home.clear_endpoint();
    ended
}

struct Served {
    http: SocketAddr,
    socket: PathBuf,
    token: Zeroizing<String>,
    ask: Ask,
    events: Events,
    stop: CancellationToken,
}

struct Shell {
    node: Node,
    spawner: Spawner,
    inputs: mpsc::Receiver<Input>,
    questions: mpsc::Receiver<Question>,
    asked: BTreeMap<Ticket, oneshot::Sender<Result<Answer, Rejection>>>,
    next_ticket: Ticket,
    disk: Disk,
    exporting: Exporting,
    network: Option<Network>,
    turns: Turns,
    events: Events,
    wake_ms: Option<u64>,
    stopped: bool,
    fatal: Option<String>,
}

impl Shell {
    fn start(
        node: Node,
        ready: Ready,
        options: &UpOptions,
        served: &Served,
        questions: mpsc::Receiver<Question>,
    ) -> Result<Self, Failure> {
        let spawner = spawner();
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        let exe =
            std::env::current_exe().map_err(|error| failed("io", format!("where is our binary? {error}")))?;
        let places = Places {
            exe,
            socket: served.socket.clone(),
            scratch: options.home.dir().join("agents"),
        };
        let network = Start {
            seed: Zeroizing::new(*ready.key.seed()),
            workspace: ready.workspace,
            listen: [
                ready.settings.listen.quic.clone(),
                ready.settings.listen.tcp.clone(),
            ]
            .concat(),
            mdns: options.mdns && ready.settings.mdns,
            allow: BTreeSet::new(),
        };
        Ok(Self {
            node,
            inputs,
            questions,
            asked: BTreeMap::new(),
            next_ticket: 0,
            disk: Disk::start(ready.store, sender.clone())?,
            exporting: Exporting::start(ready.export, sender.clone())?,
            network: Some(Network::start(network, &spawner)),
            turns: Turns::new(places, spawner.clone(), sender, served.events.clone()),
            spawner,
            events: served.events.clone(),
            wake_ms: None,
            stopped: false,
            fatal: None,
        })
    }

    /// Serves clients until the returned token is cancelled.
    fn serve(
        &self,
        tcp: tokio::net::TcpListener,
        unix: tokio::net::UnixListener,
        served: &Served,
    ) -> CancellationToken {
        let closing = CancellationToken::new();
        let context = Context::new(HttpConfig {
            token: served.token.clone(),
            http: Some(served.http),
            ask: served.ask.clone(),
            events: served.events.clone(),
            spawner: self.spawner.clone(),
            entropy: Arc::new(|| random_32().unwrap_or_default()),
            stop: served.stop.clone(),
        });
        let (shared, end) = (context.clone(), closing.clone());
        self.spawner.spawn("http", async move {
            if let Err(error) = http::serve_tcp(tcp, shared, end).await {
                tracing::error!(%error, "the web interface has ended");
            }
        });
        let end = closing.clone();
        self.spawner.spawn(
            "http-unix",
            async move { http::serve_unix(unix, context, end).await },
        );
        closing
    }

    /// Feeds the machine until it is stopped, or something that it cannot do without has failed.
    async fn run(&mut self, stop: CancellationToken) -> Result<(), Failure> {
        let mut stopping = false;
        let mut deadline = None;
        while !self.stopped && self.fatal.is_none() {
            let wake = self
                .wake_ms
                .map(|at| Duration::from_millis(at.saturating_sub(now_ms())));
            let Some(network) = self.network.as_mut() else {
                break;
            };
            let input = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    deadline = Some(Box::pin(tokio::time::sleep(STOP_TIME)));
                    Input::Shutdown
                }
                Some(input) = self.inputs.recv() => input,
                Some((request, reply)) = self.questions.recv() => self.question(request, reply),
                event = network.next() => Input::Net(event?),
                () = sleep(wake) => {
                    self.wake_ms = None;
                    Input::Tick
                }
                () = expired(&mut deadline) => {
                    tracing::warn!("not everything ended in time");
                    break;
                }
            };
            self.feed(input);
        }
        match self.fatal.take() {
            Some(error) => Err(failed("store_failed", error)),
            None => Ok(()),
        }
    }

    fn question(&mut self, request: Request, reply: oneshot::Sender<Result<Answer, Rejection>>) -> Input {
        self.next_ticket += 1;
        self.asked.insert(self.next_ticket, reply);
        Input::Request {
            ticket: self.next_ticket,
            request,
        }
    }

    fn feed(&mut self, input: Input) {
        if matches!(input, Input::Committed(_) | Input::CommitFailed { .. }) {
            self.disk.drain();
        }
        let effects = self.node.handle(input, now_ms());
        self.carry_out_all(effects);
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { seq, batch } => self.disk.commit(seq, batch),
            Effect::Load { stream } => self.disk.load(stream, &self.spawner),
            Effect::Answer { ticket, answer } => {
                if let Some(reply) = self.asked.remove(&ticket) {
                    // Who hung up wants no answer.
                    let _gone = reply.send(answer);
                }
            }
            Effect::Net(effect) => {
                if let Some(network) = &mut self.network {
                    network.carry_out(effect);
                }
            }
            Effect::RunTurn(order) => self.turns.run(order),
            Effect::AskForTitle { attempt } => self.turns.ask_for_title(&attempt),
            Effect::CloseTurn { attempt } => self.turns.close(&attempt),
            Effect::CancelTurn { attempt } => self.turns.cancel(&attempt),
            Effect::Host { agent, profile } => self.turns.host(agent, profile),
            Effect::Export(plan) => self.exporting.apply(plan),
            Effect::Notify(notice) => self.events.notice(&notice),
            Effect::WakeAt(at) => self.wake_ms = Some(at),
            Effect::Stopped => self.stopped = true,
            Effect::Fatal(error) => self.fatal = Some(error),
        }
    }

    /// Ends agents, network, export and store, in this order.
    async fn close(&mut self) {
        self.turns.shutdown().await;
        if let Some(network) = self.network.take() {
            let _late = tokio::time::timeout(Duration::from_secs(5), network.close()).await;
        }
        // Nobody listens to reports any more; a full channel must not hold up the threads that send them.
        self.inputs.close();
        while self.inputs.try_recv().is_ok() {}
        self.exporting.close();
        self.disk.close();
    }
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

async fn expired(deadline: &mut Option<std::pin::Pin<Box<tokio::time::Sleep>>>) {
    match deadline {
        Some(deadline) => deadline.as_mut().await,
        None => std::future::pending().await,
    }
}

/// SIGINT and SIGTERM stop the node cleanly; a second one ends it at once.
fn stop_on_signals(spawner: &Spawner, stop: CancellationToken) {
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

/// Hosts the first agent in a new workspace, dials the peers of the settings, and says where the node is.
async fn greet(ask: Ask, options: UpOptions, http: SocketAddr, founded: bool, peers: Vec<String>) {
    if founded && let Ok(handle) = FIRST_AGENT.parse() {
        let profile = AgentProfile {
            kind: AgentKind::Demo { script: None },
            cwd: None,
            env: Vec::new(),
            allow: Vec::new(),
        };
        if let Err(error) = ask.ask(Request::AddAgent { handle, profile }).await {
            tracing::warn!(detail = error.detail, "no demo agent");
        }
    }
    for address in peers {
        match starling_net::transport::parse_address(&address) {
            Ok((peer, address)) => {
                let device = peer.map(|peer| starling_crdt::id::DeviceKey::from_bytes(peer.0));
                let _full = ask.ask(Request::AddPeer { address, device }).await;
            }
            Err(error) => tracing::warn!(%error, "an address in config.toml is left out"),
        }
    }
    // The transport tells its addresses within moments; a greeting without them would be of little use.
    tokio::time::sleep(Duration::from_millis(150)).await;
    if let Ok(Answer::Status(status)) = ask.ask(Request::Status).await {
        let greeting = Greeting {
            status: &status,
            http,
            home: &options.home,
        };
        let text = if options.json {
            greeting.json()
        } else {
            greeting.text(founded)
        };
        if !options.quiet || options.json {
            let _closed = crate::cli::print(&text);
        }
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
        let named = if std::env::var_os("STARLING_HOME").is_some() {
            String::new()
        } else {
            format!(" --home {home}")
        };
        let named = if is_default(self.home) {
            String::new()
        } else {
            named
        };
        let mut text = format!(
            "starling is up: @{} on {}\n",
            self.status.handle, self.status.label
        );
        for address in &self.status.listen {
            text.push_str(&format!("  listens on  {address}\n"));
        }
        text.push_str(&format!(
            "  web         http://{}\n  home        {home}\n\n",
            self.http
        ));
        if founded {
            text.push_str(&format!(
                "Try, in another terminal:\n  starling{named} session new --agent {FIRST_AGENT} --follow -m \"Hello!\"\n"
            ));
            text.push_str(&format!("Add another device:\n  starling{named} invite create\n"));
            let recovery = self.home.recovery_key();
            text.push_str(&format!(
                "Keep a copy of {} in a safe place elsewhere.\n",
                recovery.display()
            ));
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

/// The settings of a home, for who only reads them.
pub(super) fn settings(home: &Home) -> Result<Settings, Failure> {
    Ok(Settings::load(home)?)
}
