//! What nodes want done, carried out in the simulated world: commits on the disk, frames and gossip on the network,
//! turns by scripted agents, exports into a map. Each becomes an event for later.

use starling_crdt::id::{AttemptId, DeviceKey, RecordId, StreamKey};
use starling_crdt::record::id_of;
use starling_crdt::signed::id_of_wire;
use starling_node::machine::input::{
    BatchSeq, Effect, GossipVerdict, Input, NetEffect, NetInput, TurnInput, TurnOrder,
};
use starling_node::machine::joining::Step;
use starling_node::machine::request::{Answer, Request, TurnCall};
use starling_node::machine::rows::{self, PeerRow};
use starling_node::store::{Batch, LocalRow, RecordRow, Space, StoreError};

use crate::agents::{Act, Running};
use crate::checks;
use crate::network::{ConnId, between};
use crate::node::{Heard, Life};
use crate::world::{Event, Packet, World, address, node_at};

/// Batches of one commit.
const GROUP_MAX: usize = 512;

impl World {
    /// Gives a node an input and carries out what it wants done.
    pub(crate) fn feed(&mut self, node: usize, input: Input) {
        let now = self.now;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let mut steps = Vec::new();
        let mut lies = Vec::new();
        let mut effects = Vec::new();
        match &mut sim.life {
            Life::Down => return,
            Life::Up(machine) => {
                sim.inputs += 1;
                effects = machine.handle(input, now);
            }
            Life::Joining(joining) => {
                let event = match input {
                    Input::Net(event) => Some(event),
                    _ => None,
                };
                steps = joining.handle(event, now);
            }
            Life::Liar(liar) => {
                let event = match input {
                    Input::Net(event) => Some(event),
                    _ => None,
                };
                let (said, wake) = liar.handle(event, now);
                lies = said;
                effects.extend(wake.map(Effect::WakeAt));
            }
        }
        self.perform(node, effects);
        for effect in lies {
            self.on_net_effect(node, effect);
        }
        self.take_steps(node, steps);
    }

    pub(crate) fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        let now = self.now;
        if let Some(sim) = self.nodes.get_mut(node) {
            for effect in &effects {
                if let Effect::Commit { seq, batch } = effect {
                    sim.pending.insert(*seq, batch.clone());
                }
            }
        }
        for effect in effects {
            self.trace.effect(now, node, &effect);
            let early = self
                .nodes
                .get(node)
                .and_then(|sim| checks::reveals_too_early(sim, &effect));
            if let Some(what) = early {
                self.breach(format!("INV-3: #{node} {what}"));
            }
            self.on_effect(node, effect);
        }
    }

    fn on_effect(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Commit { .. } => self.write(node),
            Effect::Load { stream } => {
                let at = self.now + between(&mut self.rng, (0, 3));
                self.at(at, node, Event::Load(stream));
            }
            Effect::Answer { ticket, answer } => {
                match &answer {
                    Ok(Answer::Written { message_id, .. }) => self.acked.push((node, *message_id)),
                    Ok(Answer::Created { view, .. }) => {
                        self.acked
                            .extend(view.lines.iter().map(|line| (node, line.message_id)));
                    }
                    _ => {}
                }
                if let Some((host, attempt)) = self.calls.remove(&ticket) {
                    self.refusals.extend(answer.err());
                    let at = self.now + between(&mut self.rng, (1, 20));
                    return self.at(at, host, Event::Act(attempt));
                }
                self.answers.insert(ticket, answer);
            }
            Effect::Net(effect) => self.on_net_effect(node, effect),
            Effect::RunTurn(order) => self.on_run(node, order),
            Effect::AskForTitle { attempt } => self.on_ask_for_title(node, attempt),
            // The world's agents forget a turn by themselves when it ends.
            Effect::CloseTurn { .. } => {}
            Effect::CancelTurn { attempt } => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.turns.remove(&attempt);
                }
                let at = self.now + between(&mut self.rng, (1, 50));
                self.at(at, node, Event::Turn(attempt, TurnInput::Cancelled));
            }
            Effect::Export(plan) => {
                let Some(sim) = self.nodes.get_mut(node) else {
                    return;
                };
                sim.export = sim.tree.apply(&plan);
                let done = Event::Exported(Ok(sim.export.clone()));
                let at = self.now + between(&mut self.rng, (2, 30));
                self.at(at, node, done);
            }
            Effect::WakeAt(at) => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    if sim.wake_ms != Some(at) {
                        sim.wake_ms = Some(at);
                        self.at(at, node, Event::Wake);
                    }
                }
            }
            Effect::Stopped => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.stopped = true;
                }
            }
            Effect::Fatal(_) => {
                self.crash(node);
                self.start(node);
            }
            Effect::Host { .. } | Effect::Notify(_) => {}
        }
    }

    /// Starts a commit of all that is queued, unless one runs.
    fn write(&mut self, node: usize) {
        let time = between(&mut self.rng, self.disk_ms);
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| sim.writing.is_none()) else {
            return;
        };
        let Some(last) = sim.pending.keys().take(GROUP_MAX).last().copied() else {
            return;
        };
        sim.writing = Some(last);
        let at = self.now + time;
        self.at(at, node, Event::DiskDone(last));
    }

    pub(crate) fn on_disk_done(&mut self, node: usize, last: BatchSeq) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        sim.writing = None;
        let later = sim.pending.split_off(&(last + 1));
        let group = std::mem::replace(&mut sim.pending, later);
        let batches: Vec<Batch> = group.into_values().collect();
        let done = match &sim.store {
            Some(store) => store.commit(&batches),
            None => Err(StoreError::Closed),
        };
        let input = match done {
            Ok(()) => Input::Committed(last),
            Err(error) => match self.reopen(node, last, &error) {
                Some(input) => input,
                None => return,
            },
        };
        self.feed(node, input);
        if self.nodes.get(node).is_some_and(|sim| !sim.pending.is_empty()) {
            self.write(node);
        }
    }

    /// What the shell does when the disk has failed: all that was queued failed too, and the store is opened again.
    fn reopen(&mut self, node: usize, last: BatchSeq, error: &StoreError) -> Option<Input> {
        let sim = self.nodes.get_mut(node)?;
        if !error.must_reopen() {
            let error = error.to_string();
            self.breach(format!("#{node}: a batch was refused: {error}"));
            return Some(Input::CommitFailed {
                batches: vec![last],
                error,
            });
        }
        let queued = std::mem::take(&mut sim.pending);
        let batches = (1..=last).chain(queued.into_keys()).collect();
        sim.store = None;
        sim.disk.mend();
        if let Err(error) = sim.open().map(drop) {
            let error = error.to_string();
            self.breach(format!("#{node} cannot open its store again: {error}"));
            return None;
        }
        Some(Input::CommitFailed {
            batches,
            error: error.to_string(),
        })
    }

    pub(crate) fn on_load(&mut self, node: usize, stream: StreamKey) {
        let Some(sim) = self.nodes.get(node) else { return };
        let loaded = match &sim.store {
            Some(store) => store.load_stream(*stream.as_bytes()),
            None => Err(StoreError::Closed),
        };
        let records = loaded
            .map(|rows| rows.into_iter().map(|(_, wire)| wire).collect())
            .map_err(|error| error.to_string());
        self.feed(node, Input::Loaded { stream, records });
    }

    fn key_of(&self, node: usize) -> Option<DeviceKey> {
        self.nodes.get(node).map(|sim| sim.me)
    }

    fn node_of(&self, key: &DeviceKey) -> Option<usize> {
        self.nodes.iter().position(|sim| sim.me == *key)
    }

    pub(crate) fn on_net_effect(&mut self, node: usize, effect: NetEffect) {
        match effect {
            NetEffect::Send { peer, frame } => {
                let Some(to) = self.node_of(&peer) else { return };
                if let Some(conn) = self.net.between(node, to) {
                    self.send(conn, node, to, Packet::Frame(frame));
                }
            }
            NetEffect::Publish { id, data } => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.heard.insert(id);
                }
                self.spread(node, None, id, &data);
            }
            NetEffect::Verdict { token, verdict } => {
                let heard = self.nodes.get_mut(node).and_then(|sim| sim.judged.remove(&token));
                if let (Some(heard), GossipVerdict::Accept) = (heard, verdict) {
                    self.spread(node, Some(heard.from), heard.id, &heard.bytes);
                }
            }
            NetEffect::Allow { peers } => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.allow = peers;
                }
            }
            NetEffect::Dial { peer, addresses } => {
                let at = self.net.arrival(&mut self.rng, self.now);
                self.at(at, node, Event::Dial(peer, addresses));
            }
            NetEffect::Disconnect { peer } => self.hang_up(node, &peer),
        }
    }

    fn send(&mut self, conn: ConnId, from: usize, to: usize, packet: Packet) {
        if let Some(at) = self.net.send(&mut self.rng, conn, to, self.now) {
            self.at(at, to, Event::Packet(conn, from, packet));
        }
    }

    /// Gossip goes to the neighbours that are let in, in no order.
    fn spread(&mut self, node: usize, but: Option<usize>, id: RecordId, data: &[u8]) {
        if !self.net.gossip {
            return;
        }
        for (conn, to) in self.net.neighbours(node) {
            let allowed = self
                .nodes
                .get(node)
                .zip(self.key_of(to))
                .is_some_and(|(sim, key)| sim.allow.contains(&key));
            let lost = between(&mut self.rng, (0, 99)) < self.net.gossip_loss_percent;
            if Some(to) != but && allowed && !lost {
                let at = self.net.arrival(&mut self.rng, self.now);
                self.at(
                    at,
                    to,
                    Event::Packet(conn, node, Packet::Gossip(id, data.to_vec())),
                );
            }
        }
    }

    /// Gossips any bytes, as a liar does.
    pub fn gossip_from(&mut self, node: usize, data: &[u8]) {
        let id = id_of_wire(data).unwrap_or_else(|| id_of(data));
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.heard.insert(id);
        }
        for (conn, to) in self.net.neighbours(node) {
            let at = self.net.arrival(&mut self.rng, self.now);
            self.at(
                at,
                to,
                Event::Packet(conn, node, Packet::Gossip(id, data.to_vec())),
            );
        }
    }

    /// Does something on the network in a node's name, as a liar does.
    pub fn liar_says(&mut self, node: usize, effect: NetEffect) {
        self.on_net_effect(node, effect);
    }

    fn hang_up(&mut self, node: usize, peer: &DeviceKey) {
        let Some(to) = self.node_of(peer) else { return };
        while let Some(conn) = self.net.between(node, to) {
            self.send(conn, node, to, Packet::Close);
            self.net.let_go(conn, node);
            let now = self.now;
            self.at(now, node, Event::Net(NetInput::Disconnected { peer: *peer }));
        }
    }

    pub(crate) fn on_packet(&mut self, node: usize, conn: ConnId, from: usize, packet: Packet) {
        let Some(peer) = self.key_of(from) else { return };
        match packet {
            Packet::Close => {
                if self.net.let_go(conn, node) && self.net.between(node, from).is_none() {
                    self.feed(node, Input::Net(NetInput::Disconnected { peer }));
                }
            }
            Packet::Frame(bytes) if self.net.arrives(conn, node) => {
                self.trace.note(self.now, node, "frame", &bytes);
                self.feed(node, Input::Net(NetInput::Frame { peer, bytes }));
            }
            Packet::Gossip(id, bytes) if self.net.arrives(conn, node) => {
                let Some(sim) = self.nodes.get_mut(node) else {
                    return;
                };
                if !sim.allow.contains(&peer) || !sim.heard.insert(id) {
                    return;
                }
                let token = sim.judged.last_key_value().map_or(1, |(last, _)| last + 1);
                let token = token.max(sim.heard.len() as u64);
                sim.judged.insert(
                    token,
                    Heard {
                        id,
                        bytes: bytes.clone(),
                        from,
                    },
                );
                self.feed(
                    node,
                    Input::Net(NetInput::Gossip {
                        from: peer,
                        token,
                        bytes,
                    }),
                );
            }
            Packet::Frame(_) | Packet::Gossip(..) => {}
        }
    }

    pub(crate) fn on_dial(&mut self, node: usize, peer: Option<DeviceKey>, addresses: &[String]) {
        let reachable = |to: &usize| {
            let sim = self.nodes.get(*to);
            let is_wanted = sim.is_some_and(|sim| sim.is_up() && peer.is_none_or(|peer| peer == sim.me));
            *to != node && is_wanted && self.net.is_open(node, *to)
        };
        let found = addresses
            .iter()
            .filter_map(|address| node_at(address))
            .find(reachable);
        let Some(to) = found else {
            let error = "nobody answers there".to_owned();
            return self.feed(node, Input::Net(NetInput::DialFailed { peer, error }));
        };
        let (Some(me), Some(them)) = (self.key_of(node), self.key_of(to)) else {
            return;
        };
        // What either end still believes in is older than this connection.
        let stale: Vec<_> = [(node, to, them), (to, node, me)]
            .into_iter()
            .filter_map(|(end, other, key)| Some((self.net.between(end, other)?, end, key)))
            .collect();
        if self.net.connect(node, to).is_none() {
            return;
        }
        for (conn, end, key) in stale {
            self.net.let_go(conn, end);
            self.feed(end, Input::Net(NetInput::Disconnected { peer: key }));
        }
        for (end, peer, other, outbound) in [(to, me, node, false), (node, them, to, true)] {
            let address = address(other);
            let event = NetInput::Connected {
                peer,
                address,
                outbound,
            };
            self.feed(end, Input::Net(event));
        }
    }

    fn on_run(&mut self, node: usize, order: TurnOrder) {
        let attempt = order.attempt;
        if self.started.insert(attempt, node).is_some() {
            self.breach(format!("INV-7: {attempt} ran twice"));
        }
        let busy = self.nodes.iter().flat_map(|sim| sim.turns.values());
        if busy
            .filter(|turn| turn.order.agent == order.agent && !turn.ended)
            .count()
            > 0
        {
            self.breach(format!("INV-7: @{} runs two turns at once", order.agent));
        }
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let acts = sim.behaviour.acts(&order, false);
        sim.turns.insert(
            attempt,
            Running {
                order,
                acts,
                ended: false,
            },
        );
        let at = self.now + between(&mut self.rng, (1, 30));
        self.at(at, node, Event::Act(attempt));
    }

    fn on_ask_for_title(&mut self, node: usize, attempt: AttemptId) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let behaviour = sim.behaviour;
        if let Some(turn) = sim.turns.get_mut(&attempt) {
            turn.acts = behaviour.acts(&turn.order, true);
            turn.ended = false;
        }
        let at = self.now + between(&mut self.rng, (1, 30));
        self.at(at, node, Event::Act(attempt));
    }

    /// The next step of a turn.
    pub(crate) fn act(&mut self, node: usize, attempt: AttemptId) {
        let turn = self
            .nodes
            .get_mut(node)
            .and_then(|sim| sim.turns.get_mut(&attempt))
            .filter(|turn| !turn.ended);
        let Some(turn) = turn else { return };
        let secret = turn.order.secret.clone();
        let call = match turn.acts.pop_front() {
            None => return,
            Some(Act::Wait(ms)) => {
                let at = self.now + ms;
                return self.at(at, node, Event::Act(attempt));
            }
            Some(Act::End(text)) => {
                turn.ended = true;
                let event = TurnInput::Finished { text };
                return self.feed(node, Input::Turn { attempt, event });
            }
            Some(Act::Die) => {
                turn.ended = true;
                let reason = "the agent's process died".to_owned();
                let event = TurnInput::Failed { reason };
                return self.feed(node, Input::Turn { attempt, event });
            }
            Some(Act::Title(title)) => starling_crdt::text::Title::new(title).map(TurnCall::Title),
            Some(Act::Reply(body)) => starling_crdt::text::Body::new(body).map(TurnCall::Reply),
        };
        match call {
            Ok(call) => self.call(node, attempt, secret, call),
            Err(error) => self.breach(format!("a script says what no agent can: {error}")),
        }
    }

    fn call(&mut self, node: usize, attempt: AttemptId, secret: String, call: TurnCall) {
        let request = Request::Turn {
            attempt,
            secret,
            call,
        };
        let ticket = self.draw_ticket();
        self.calls.insert(ticket, (node, attempt));
        self.feed(node, Input::Request { ticket, request });
    }

    fn take_steps(&mut self, node: usize, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Net(effect) => self.on_net_effect(node, effect),
                Step::WakeAt(at) => self.on_effect(node, Effect::WakeAt(at)),
                Step::Joined(records) => return self.on_joined(node, &records),
                Step::Refused { code, detail } => {
                    if let Some(sim) = self.nodes.get_mut(node) {
                        sim.crash();
                    }
                    return self.refused_joins.push((node, code, detail));
                }
            }
        }
    }

    /// The roster is stored, the joiner's connection closed, and the node started.
    fn on_joined(&mut self, node: usize, records: &[Vec<u8>]) {
        let inviter = self.net.neighbours(node).first().map(|(_, other)| *other);
        if let Some(peer) = inviter.and_then(|other| self.key_of(other)) {
            self.hang_up(node, &peer);
        }
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.crash();
        }
        self.store_roster(node, records, inviter);
        self.start(node);
    }

    /// Writes a roster into a new store, and where the inviter can be found.
    pub(crate) fn store_roster(&mut self, node: usize, records: &[Vec<u8>], inviter: Option<usize>) {
        let inviter = inviter.and_then(|other| Some((self.key_of(other)?, address(other))));
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let Some(workspace) = sim.workspace else { return };
        let mut batch = Batch::default();
        for (position, wire) in (0..).zip(records) {
            batch.records.extend(id_of_wire(wire).map(|id| RecordRow {
                stream: *workspace.roster().as_bytes(),
                position,
                id: *id.as_bytes(),
                wire: wire.clone(),
                outbox: false,
            }));
        }
        batch.local.extend(inviter.map(|(key, address)| LocalRow {
            space: Space::Peer,
            key: key.as_bytes().to_vec(),
            value: Some(rows::encode(&PeerRow {
                addresses: vec![address],
                last_seen_ms: None,
            })),
        }));
        let stored = sim.open().and_then(|store| store.commit(&[batch]));
        sim.store = None;
        if let Err(error) = stored {
            self.breach(format!("#{node} cannot store its roster: {error}"));
        }
    }
}
