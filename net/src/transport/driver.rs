//! The loop around the swarm: commands in, events out. Events wait in a bounded queue while the caller is busy, so that a
//! short stall does not stop pings; a long one first drops hints (gossip, discoveries, round-trip times) and then stops
//! the network itself. Frames have their own back-pressure, connection by connection (`frames::queue`).

mod dial;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance};
use libp2p::identity::Keypair;
use libp2p::swarm::{Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, mdns, ping};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::address::{keypair, peer_id, peer_key, plain, split};
use super::frames::FramesEvent;
use super::gossip::{self, GossipToken};
use super::limits::{EVENTS_BEFORE_HINTS_DROP, EVENTS_WAITING_MAX, SHUTDOWN};
use super::probe::Probed;
use super::swarm::{Behaviour, BehaviourEvent, build};
use super::{Carrier, Command, Config, Event, PeerKey, SendFailure, TransportError, Verdict};

pub(super) struct Driver {
    swarm: Swarm<Behaviour>,
    topic: IdentTopic,
    allowed: BTreeSet<PeerKey>,
    /// For the caller, in order; a frame's credit is given back when the caller has it.
    outbox: VecDeque<(Event, Option<OwnedSemaphorePermit>)>,
}

impl Driver {
    /// Makes the swarm and begins to listen.
    pub(super) fn start<C, E>(config: Config, carrier: C, executor: E) -> Result<Self, TransportError>
    where
        C: FnOnce(&Keypair) -> Result<Carrier, TransportError>,
        E: Fn(BoxFuture<'static, ()>) + Send + 'static,
    {
        let keypair = keypair(&config.key_seed)?;
        let topic = gossip::topic(&config.topic);
        let carrier = carrier(&keypair)?;
        let (swarm, mdns_error) = build(&config, &keypair, carrier, &topic, executor)?;
        let (allowed, outbox) = (BTreeSet::new(), VecDeque::new());
        let mut driver = Self { swarm, topic, allowed, outbox };
        if let Some(error) = mdns_error {
            driver.tell(Event::ListenFailed { address: "mdns".into(), error: error.to_string() });
        }
        driver.listen(&config.listen)?;
        driver.allow(config.allow);
        Ok(driver)
    }

    /// Until a shutdown is asked for, or the caller is gone.
    pub(super) async fn run(&mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<Event>) {
        loop {
            let room = self.outbox.len() < EVENTS_WAITING_MAX;
            tokio::select! {
                biased;
                permit = events.reserve(), if !self.outbox.is_empty() => {
                    let Ok(permit) = permit else { break };
                    if let Some((event, _credit)) = self.outbox.pop_front() {
                        permit.send(event);
                    }
                }
                command = commands.recv(), if room => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.handle_command(command),
                },
                event = self.swarm.select_next_some(), if room => self.handle_event(event),
            }
        }
        self.shutdown().await;
    }

    fn listen(&mut self, addresses: &[String]) -> Result<(), TransportError> {
        let mut failures = Vec::new();
        for address in addresses {
            let listening = split(address).map_err(|error| error.to_string()).and_then(|(_, parsed)| {
                self.swarm.listen_on(parsed).map_err(|error| format!("cannot listen on {address}: {error}"))
            });
            if let Err(error) = listening {
                failures.push(error.clone());
                self.tell(Event::ListenFailed { address: address.clone(), error });
            }
        }
        if !failures.is_empty() && failures.len() == addresses.len() {
            return Err(TransportError::NoListener(failures.join("; ")));
        }
        Ok(())
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Dial { peer, addresses } => self.dial(peer, &addresses),
            Command::Send { peer, conversation, frame } => self.send(peer, conversation, frame),
            Command::Publish { id, data } => self.publish(id, data),
            Command::Verdict { token, verdict } => self.judge(&token, verdict),
            Command::Allow { peers } => self.allow(peers),
            Command::Ping { peer } => self.ping(peer),
            Command::Disconnect { peer } => {
                if let Some(id) = peer_id(peer) {
                    self.swarm.behaviour_mut().frames.disconnect(&id);
                }
            }
            Command::Shutdown => {} // Taken by the loop.
        }
    }

    fn send(&mut self, peer: PeerKey, conversation: u64, frame: Vec<u8>) {
        let frames = &mut self.swarm.behaviour_mut().frames;
        let sent =
            peer_id(peer).map_or(Err(SendFailure::NotConnected), |id| frames.send(&id, conversation, frame));
        if let Err(reason) = sent {
            self.tell(Event::SendFailed { peer, reason });
        }
    }

    fn ping(&mut self, peer: PeerKey) {
        let behaviour = self.swarm.behaviour_mut();
        let found = peer_id(peer).and_then(|id| Some((id, behaviour.frames.talking(&id)?)));
        match found {
            Some((id, connection)) => behaviour.probe.ping(id, connection),
            None => self.tell(Event::Pong { peer, result: Err("it is not connected".to_owned()) }),
        }
    }

    fn publish(&mut self, id: [u8; 32], data: Vec<u8>) {
        let topic = self.topic.hash();
        let published = self.swarm.behaviour_mut().gossip.inner_mut().publish(topic, data);
        if let Some(reason) = published.err().as_ref().and_then(gossip::not_published) {
            self.tell(Event::NotPublished { id, reason });
        }
    }

    fn judge(&mut self, token: &GossipToken, verdict: Verdict) {
        let acceptance = gossip::acceptance(verdict);
        let gossip = self.swarm.behaviour_mut().gossip.inner_mut();
        if !gossip.report_message_validation_result(&token.message, &token.from, acceptance) {
            tracing::debug!(message = %token.message, ?verdict, "a verdict came too late for gossip");
        }
    }

    fn allow(&mut self, peers: BTreeSet<PeerKey>) {
        let ids: BTreeSet<PeerId> = peers.iter().copied().filter_map(peer_id).collect();
        let old = std::mem::replace(&mut self.allowed, peers);
        let removed: Vec<PeerId> = old.difference(&self.allowed).copied().filter_map(peer_id).collect();
        let behaviour = self.swarm.behaviour_mut();
        for id in &removed {
            behaviour.limits.remove_peer_id(id);
            behaviour.frames.disconnect(id);
        }
        for id in &ids {
            behaviour.limits.bypass_peer_id(id);
        }
        behaviour.identify.allow(&ids);
        behaviour.gossip.allow(&ids);
    }

    fn handle_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Frames(event)) => self.on_frames(event),
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.on_ping(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Probe(Probed { peer, result })) => {
                self.tell(Event::Pong { peer, result });
            }
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => {
                self.on_discovered(found);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.tell(Event::Listening { address: plain(&address) });
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.tell(Event::NotListening { address: plain(&address) });
            }
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                for address in addresses {
                    self.tell(Event::ListenFailed { address: plain(&address), error: error.to_string() });
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                self.on_dial_error(peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(from = %send_back_addr, %error, "an incoming connection failed");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener has trouble"),
            // Foreign and open-ended: the rest only repeats what the behaviours tell.
            _ => {}
        }
    }

    fn on_frames(&mut self, event: FramesEvent) {
        match event {
            FramesEvent::Connected { peer, conversation, address, outbound } => {
                let allowed = self.allowed.contains(&peer);
                self.tell(Event::Connected { peer, conversation, address, outbound, allowed });
            }
            FramesEvent::Disconnected { peer, reason } => self.tell(Event::Disconnected { peer, reason }),
            FramesEvent::Frame { peer, inbound } => {
                let event = Event::Frame { peer, frame: inbound.frame };
                self.outbox.push_back((event, Some(inbound.credit)));
            }
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        let gossipsub::Event::Message { propagation_source, message_id, message } = event else {
            return;
        };
        let from = peer_key(&propagation_source).filter(|_| self.takes_hints());
        let Some(from) = from else {
            let gossip = self.swarm.behaviour_mut().gossip.inner_mut();
            gossip.report_message_validation_result(
                &message_id,
                &propagation_source,
                MessageAcceptance::Ignore,
            );
            return;
        };
        let token = GossipToken { message: message_id, from: propagation_source };
        self.tell(Event::Gossip { from, token, data: message.data });
    }

    fn on_ping(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(rtt) => {
                let talking = self.swarm.behaviour().frames.is_talking(&event.peer, event.connection);
                if let Some(peer) = peer_key(&event.peer).filter(|_| talking && self.takes_hints()) {
                    let micros = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
                    self.tell(Event::Rtt { peer, micros });
                }
            }
            Err(failure) => {
                tracing::debug!(peer = %event.peer, %failure, "no answer to ping, closing the connection");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    fn on_discovered(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        let mut peers: BTreeMap<PeerKey, Vec<String>> = BTreeMap::new();
        for (id, address) in found {
            if let Some(peer) = peer_key(&id) {
                peers.entry(peer).or_default().push(plain(&address));
            }
        }
        for (peer, addresses) in peers {
            if self.takes_hints() {
                self.tell(Event::Discovered { peer, addresses });
            }
        }
    }

    fn takes_hints(&self) -> bool {
        self.outbox.len() < EVENTS_BEFORE_HINTS_DROP
    }

    fn tell(&mut self, event: Event) {
        self.outbox.push_back((event, None));
    }

    /// Closes what is open, so that the peers know at once.
    async fn shutdown(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let swarm = &mut self.swarm;
        let closed = async {
            while swarm.network_info().connection_counters().num_established() > 0 {
                swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN, closed).await.is_err() {
            tracing::debug!("some connections did not close in time");
        }
    }
}
