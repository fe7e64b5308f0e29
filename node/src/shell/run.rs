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

use super::clock::{Clock, expired, sleep};
use super::disk::{Disk, Exporting};
use super::greeting::greet;
use super::join;
use super::network::{Network, Start};
use super::pushing::{Pushing, Target};
use super::setup::{self, Ready};
use super::turns::{Places, Turns};
use super::{failed, measure, now_ms, random_32, spawner};
use crate::cli::{Failure, UpOptions};
use crate::config::{Endpoint, Home};
use crate::http::{self, AgentLogs, Ask, Context, Events, HttpConfig, Measure, Question};
use crate::logs::Logs;
use crate::machine::Node;
use crate::machine::input::{Effect, Input, NetInput, Ticket};
use crate::machine::request::{Answer, Code, Rejection, Request};
use crate::machine::ticket::Ticket as Invitation;
use crate::spawner::Spawner;

/// Reports that may wait for the loop.
const INPUTS_MAX: usize = 1_024;
/// How long turns and commits may take to end at a stop.
const STOP_TIME: Duration = Duration::from_secs(15);
/// How long the transport may take to tell its addresses before clients are served.
const LISTEN_TIME: Duration = Duration::from_secs(1);
/// How long requests under way may take to end at a stop.
const SERVE_TIME: Duration = Duration::from_secs(7);
/// Questions whose clients may have gone are looked through when there are this many.
const ASKED_MANY: usize = 64;

/// Why a node ended well.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// It is to join another workspace; the ticket is kept.
    ToJoin {
        /// Where it was served.
        http: SocketAddr,
    },
}

/// Runs the node until it is stopped. `join_error` says why a join before this run came to nothing.
pub(super) async fn up(
    options: UpOptions,
    log: Logs,
    join_error: Option<String>,
    stop: CancellationToken,
) -> Result<Ended, Failure> {
    let mut ready = setup::prepare(&options)?;
    let http = setup::bind_http(&options, &mut ready.settings)?;
    let socket = options.home.prepare_socket()?;
    let unix = setup::bind_socket(&socket)?;
    let bound = http.local_addr().map_err(|error| failed("io", error.to_string()))?;
    let (ask, questions) = Ask::channel();
    let served = Served {
        http: bound,
        socket,
        token: setup::token(&options.home)?,
        ask: ask.clone(),
        events: Events::new(now_ms()),
        logs: AgentLogs::default(),
        measure: {
            let home = options.home.clone();
            Arc::new(move || measure::sizes(&home))
        },
        log,
        home: options.home.clone(),
        join_error,
        stop,
    };
    let (founded, peers) = (ready.founded && options.demo_agent, ready.settings.peers.clone());
    let target = Target::of(&ready.settings, &options.home, &ready.key.device());
    let push = target.as_ref().map(Target::state);
    let (node, first) =
        Node::start(setup::boot(&ready, push)?).map_err(|error| failed("boot_failed", error.to_string()))?;
    let mut shell = Shell::start(node, ready, target, &options, &served, questions)?;
    options.home.close_to_others()?;
    shell.carry_out_all(first);
    shell.await_addresses().await?;

    let serving = shell.serve(http, unix, &served)?;
    options.home.write_token(&served.token)?;
    let endpoint =
        Endpoint { http: format!("http://{bound}"), socket: served.socket.clone(), pid: std::process::id() };
    options.home.write_endpoint(&endpoint)?;
    shell.spawner.spawn("greeting", greet(ask, options.clone(), bound, founded, peers));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), http = %bound, "the node is up");
    let ended = shell.run(served.stop.clone()).await;
    shell.close(serving).await;
    options.home.clear_endpoint();
    ended.map(|()| if shell.to_join { Ended::ToJoin { http: bound } } else { Ended::Stopped })
}

/// The listeners: cancelled to end, and gone when nobody holds the other end of `gone`.
struct Serving {
    closing: CancellationToken,
    gone: mpsc::Receiver<()>,
}

struct Served {
    http: SocketAddr,
    socket: PathBuf,
    token: Zeroizing<String>,
    ask: Ask,
    events: Events,
    logs: AgentLogs,
    measure: Measure,
    log: Logs,
    home: Home,
    join_error: Option<String>,
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
    pushing: Pushing,
    network: Option<Network>,
    turns: Turns,
    events: Events,
    wake_ms: Option<u64>,
    listeners: usize,
    clock: Clock,
    home: Home,
    to_join: bool,
    stopped: bool,
    fatal: Option<String>,
}

impl Shell {
    fn start(
        node: Node,
        ready: Ready,
        target: Option<Target>,
        options: &UpOptions,
        served: &Served,
        questions: mpsc::Receiver<Question>,
    ) -> Result<Self, Failure> {
        let spawner = spawner();
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        let exe =
            std::env::current_exe().map_err(|error| failed("io", format!("where is our binary? {error}")))?;
        let places = Places { exe, socket: served.socket.clone(), scratch: options.home.agents() };
        let network = Start {
            seed: Zeroizing::new(*ready.key.seed()),
            workspace: ready.workspace,
            listen: [ready.settings.listen.quic.clone(), ready.settings.listen.tcp.clone()].concat(),
            mdns: options.mdns && ready.settings.mdns,
            allow: BTreeSet::new(),
        };
        let listeners = network.listen.len();
        Ok(Self {
            node,
            inputs,
            questions,
            asked: BTreeMap::new(),
            next_ticket: 0,
            disk: Disk::start(ready.store, sender.clone())?,
            exporting: Exporting::start(ready.export, sender.clone())?,
            pushing: Pushing::new(target, spawner.clone(), sender.clone()),
            network: Some(Network::start(network, &spawner)),
            turns: Turns::new(places, spawner.clone(), sender, served.events.clone(), served.logs.clone()),
            spawner,
            events: served.events.clone(),
            wake_ms: None,
            listeners,
            clock: Clock::new(),
            home: options.home.clone(),
            to_join: false,
            stopped: false,
            fatal: None,
        })
    }

    /// Serves clients until told to end.
    fn serve(
        &self,
        tcp: std::net::TcpListener,
        unix: tokio::net::UnixListener,
        served: &Served,
    ) -> Result<Serving, Failure> {
        let tcp = tokio::net::TcpListener::from_std(tcp).map_err(|error| failed("io", error.to_string()))?;
        let closing = CancellationToken::new();
        let (holds, gone) = mpsc::channel(1);
        let context = Context::new(HttpConfig {
            token: served.token.clone(),
            http: Some(served.http),
            ask: served.ask.clone(),
            events: served.events.clone(),
            logs: served.logs.clone(),
            measure: served.measure.clone(),
            log: served.log.clone(),
            home: served.home.clone(),
            now_ms,
            join_error: served.join_error.clone(),
            spawner: self.spawner.clone(),
            entropy: Arc::new(|| random_32().unwrap_or_default()),
            stop: served.stop.clone(),
        });
        let (shared, end, hold) = (context.clone(), closing.clone(), holds.clone());
        self.spawner.spawn("http", async move {
            if let Err(error) = http::serve_tcp(tcp, shared, end).await {
                tracing::error!(%error, "the web interface has ended");
            }
            drop(hold);
        });
        let end = closing.clone();
        self.spawner.spawn("http-unix", async move {
            http::serve_unix(unix, context, end).await;
            drop(holds);
        });
        Ok(Serving { closing, gone })
    }

    /// Lets the transport tell its addresses before anybody is served: an invitation without them is of no use.
    async fn await_addresses(&mut self) -> Result<(), Failure> {
        let mut heard = 0;
        let deadline = tokio::time::sleep(LISTEN_TIME);
        tokio::pin!(deadline);
        while heard < self.listeners {
            let Some(network) = self.network.as_mut() else { break };
            let event = tokio::select! {
                biased;
                event = network.next() => event?,
                () = &mut deadline => break,
            };
            heard += usize::from(matches!(event, NetInput::Listening { .. }));
            self.feed(Input::Net(event));
        }
        Ok(())
    }

    /// Feeds the machine until it is stopped, or something that it cannot do without has failed.
    async fn run(&mut self, stop: CancellationToken) -> Result<(), Failure> {
        let mut stopping = false;
        let mut deadline = None;
        while !self.stopped && self.fatal.is_none() {
            let wake = self.wake_ms.map(|at| self.clock.until(at));
            let Some(network) = self.network.as_mut() else { break };
            let input = tokio::select! {
                biased;
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    deadline = Some(Box::pin(tokio::time::sleep(STOP_TIME)));
                    Input::Shutdown
                }
                () = expired(&mut deadline) => {
                    tracing::warn!("not everything ended in time");
                    break;
                }
                Some(input) = self.inputs.recv() => input,
                Some(error) = self.disk.failed() => {
                    self.fatal = Some(error);
                    break;
                }
                () = sleep(wake) => {
                    self.wake_ms = None;
                    self.forget_who_left();
                    Input::Tick
                }
                Some((request, reply)) = self.questions.recv() => self.question(request, reply),
                event = network.next() => Input::Net(event?),
            };
            self.feed(input);
        }
        match self.fatal.take() {
            Some(error) => Err(Failure::of(Code::StoreFailed, error)
                .hint("everything that was acknowledged is safe; make room or mend the disk, then start the node again")),
            None => Ok(()),
        }
    }

    /// Clients that went away want no answer; those among them that waited for peers free their place.
    fn forget_who_left(&mut self) {
        let left: Vec<_> =
            self.asked.iter().filter(|(_, reply)| reply.is_closed()).map(|(ticket, _)| *ticket).collect();
        for ticket in left {
            self.asked.remove(&ticket);
            self.feed(Input::Withdrawn(ticket));
        }
    }

    fn question(&mut self, request: Request, reply: oneshot::Sender<Result<Answer, Rejection>>) -> Input {
        if self.asked.len() >= ASKED_MANY {
            self.forget_who_left();
        }
        self.next_ticket += 1;
        self.asked.insert(self.next_ticket, reply);
        Input::Request { ticket: self.next_ticket, request }
    }

    fn feed(&mut self, input: Input) {
        if matches!(input, Input::Committed(_) | Input::CommitFailed { .. }) {
            self.disk.drain();
        }
        let effects = self.node.handle(input, self.clock.now());
        self.carry_out_all(effects);
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { seq, batch } => self.disk.commit(seq, batch),
            Effect::Load { stream } => self.disk.load(stream, &self.spawner),
            Effect::LoadAside { places } => self.disk.load_aside(places, &self.spawner),
            Effect::Search { ticket, streams, text } => {
                self.disk.search(ticket, streams, text, &self.spawner);
            }
            Effect::Answer { ticket, answer } => self.reply(ticket, answer),
            Effect::Net(effect) => {
                if let Some(network) = &mut self.network {
                    network.carry_out(effect);
                }
            }
            Effect::RunTurn(order) => self.turns.run(order),
            Effect::AskForTitle { attempt } => self.turns.ask_for_title(&attempt),
            Effect::CloseTurn { attempt } => self.turns.close(&attempt),
            Effect::CancelTurn { attempt } => self.turns.cancel(&attempt),
            Effect::Permit { request, allow } => self.turns.permit(request, allow),
            Effect::Host { agent, profile } => self.turns.host(agent, profile),
            Effect::Export(plan) => self.exporting.apply(plan),
            Effect::Push { commit } => self.pushing.push(commit),
            Effect::Notify(notice) => self.events.notice(&notice),
            Effect::WakeAt(at) => self.wake_ms = Some(at),
            Effect::Rejoin { ticket, invitation } => self.rejoin(ticket, &invitation),
            Effect::Stopped => self.stopped = true,
            Effect::Fatal(error) => self.fatal = Some(error),
        }
    }

    fn reply(&mut self, ticket: Ticket, answer: Result<Answer, Rejection>) {
        if let Some(reply) = self.asked.remove(&ticket) {
            // Who hung up wants no answer.
            let _gone = reply.send(answer);
        }
    }

    /// The node ends to join another workspace. The ticket is written here and now, before that is promised: the loop has
    /// nothing else to do any more.
    fn rejoin(&mut self, ticket: Ticket, invitation: &Invitation) {
        self.to_join = true;
        let kept = join::keep(&self.home, invitation);
        let refused = |failure: Failure| Rejection::new(Code::StoreFailed, failure.detail);
        self.reply(ticket, kept.map(|()| Answer::Joining).map_err(refused));
    }

    /// Ends what comes in first, then agents, network, export, and the store last.
    async fn close(&mut self, mut serving: Serving) {
        self.questions.close();
        let over = Rejection::new(Code::ShuttingDown, "the node is stopping");
        while let Ok((_, reply)) = self.questions.try_recv() {
            let _gone = reply.send(Err(over.clone()));
        }
        for (_, reply) in std::mem::take(&mut self.asked) {
            let _gone = reply.send(Err(over.clone()));
        }
        serving.closing.cancel();
        let _late = tokio::time::timeout(SERVE_TIME, serving.gone.recv()).await;
        self.pushing.close().await;
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
