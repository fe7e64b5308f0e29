//! What nodes want done, carried out in the simulated world: commits on the disk, exports into a map, joins; the network's
//! part is in `wires`, that of agents in `turns`. Each becomes an event for later.

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::signed::id_of_wire;
use starling_node::boot;
use starling_node::machine::Place;
use starling_node::machine::info::Notice;
use starling_node::machine::input::{BatchSeq, Effect, Input, Ticket, TurnInput};
use starling_node::machine::joining::Step;
use starling_node::machine::request::Answer;
use starling_node::machine::rows::{self, PeerRow};
use starling_node::store::{Batch, LocalRow, RecordRow, Space, StoreError};

use crate::network::between;
use crate::node::{Life, Wake};
use crate::panics::{caught, quiet};
use crate::world::{Event, World, address};

/// Batches of one commit.
const GROUP_MAX: usize = 512;

impl World {
    /// Gives a node an input and carries out what it wants done.
    /// Gives a node an input, as its shell would: for what the world itself never says.
    pub fn give(&mut self, node: usize, input: Input) {
        self.feed(node, input);
    }

    pub(crate) fn feed(&mut self, node: usize, input: Input) {
        let world = self.now;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        if let Some(nap) = &mut sim.nap {
            return nap.keep(node, sim.epoch, Event::Given(Box::new(input)));
        }
        let now = sim.clock.now(world);
        let mut steps = Vec::new();
        let mut lies = Vec::new();
        let mut effects = Vec::new();
        match &mut sim.life {
            Life::Down | Life::Ruined => return,
            Life::Up(machine) => {
                sim.inputs += 1;
                match caught(|| machine.handle(input, now)) {
                    Ok(wanted) => effects = wanted,
                    Err(what) => return self.panicked(node, &what),
                }
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
        self.wake_early(node);
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
            self.ask_checkers(|checker, world| checker.on_effect(world, node, &effect));
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
            Effect::LoadAside { places } => {
                let at = self.now + between(&mut self.rng, (0, 3));
                self.at(at, node, Event::LoadAside(places));
            }
            Effect::Search { ticket, streams, text } => {
                let at = self.now + between(&mut self.rng, (0, 3));
                self.at(at, node, Event::Search(ticket, streams, text));
            }
            Effect::Answer { ticket, answer } => {
                match &answer {
                    Ok(Answer::Written { message_id, .. }) => self.acked.push((node, *message_id)),
                    Ok(Answer::Created { view, .. }) => {
                        self.acked.extend(view.lines.iter().map(|line| (node, line.message_id)));
                    }
                    _ => {}
                }
                if let Some((host, attempt)) = self.calls.remove(&ticket) {
                    self.refusals.extend(answer.err());
                    let at = self.now + between(&mut self.rng, (1, 20));
                    return self.at(at, host, Event::Act(attempt));
                }
                if !self.peeks.remove(&ticket) {
                    self.answers.insert(ticket, answer);
                }
            }
            Effect::Net(effect) => self.on_net_effect(node, effect),
            Effect::RunTurn(order) => self.on_run(node, order),
            Effect::AskForTitle { attempt } => self.on_ask_for_title(node, attempt),
            // The world's agents forget a turn by themselves when it ends.
            Effect::CloseTurn { attempt } => self.metrics.turn_ended(&attempt, self.now),
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
                let (now, sim) = (self.now, self.nodes.get_mut(node));
                if let Some(sim) = sim.filter(|sim| sim.wake.is_none_or(|wake| wake.at_ms != at)) {
                    let due = sim.clock.when(at, now);
                    sim.wake = Some(Wake { at_ms: at, due_ms: due });
                    self.at(due, node, Event::Wake);
                }
            }
            Effect::Stopped | Effect::Permit { .. } | Effect::Notify(_) => self.keep_word(node, effect),
            Effect::Fatal(_) => self.exit(node),
            // No remote is set here, and nobody moves to another workspace.
            Effect::Host { .. } | Effect::Push { .. } | Effect::Rejoin { .. } => {}
        }
    }

    /// What a node says of itself is kept beside it.
    fn keep_word(&mut self, node: usize, effect: Effect) {
        let Some(sim) = self.nodes.get_mut(node) else { return };
        match effect {
            Effect::Stopped => sim.stopped = true,
            Effect::Permit { request, allow } => sim.permitted.push((request, allow)),
            Effect::Notify(Notice::Activity(activity)) => sim.activity.push(activity),
            _ => {}
        }
    }

    /// Starts a commit of all that is queued, unless one runs.
    fn write(&mut self, node: usize) {
        let time = between(&mut self.rng, self.disk_ms);
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| sim.writing.is_none()) else {
            return;
        };
        let Some(last) = sim.pending.keys().take(GROUP_MAX).next_back().copied() else {
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
        let (numbers, batches): (Vec<BatchSeq>, Vec<Batch>) = group.into_iter().unzip();
        let done = match &sim.store {
            Some(store) => quiet(|| store.commit(&batches)),
            None => Err(StoreError::Closed),
        };
        let input = match done {
            Ok(()) => {
                self.measure(node, &batches);
                self.promise(node, &batches);
                self.ledger.note(node, &batches);
                self.ask_checkers(|checker, world| checker.on_durable(world, node, &batches));
                Input::Committed(last)
            }
            Err(error) => return self.commit_failed(node, numbers, &error),
        };
        self.feed(node, input);
        if self.nodes.get(node).is_some_and(|sim| !sim.pending.is_empty()) {
            self.write(node);
        }
    }

    fn measure(&mut self, node: usize, batches: &[Batch]) {
        self.metrics.commits += 1;
        let (now, nodes) = (self.now, self.nodes.len());
        for row in batches.iter().flat_map(|batch| &batch.records) {
            if let Some(sim) = self.nodes.get_mut(node) {
                sim.note_durable(&row.id);
            }
            self.metrics.durable(RecordId::from_bytes(row.id), now, nodes);
        }
    }

    /// Puts something on a disk whose node does not run.
    pub(crate) fn store_local(&mut self, node: usize, batch: Batch) {
        let Some(sim) = self.nodes.get_mut(node) else { return };
        let stored = sim.open().and_then(|store| store.commit(&[batch]));
        sim.store = None;
        if let Err(error) = stored {
            self.breach(format!("#{node} cannot store: {error}"));
        }
    }

    /// Gives a computer that never ran a copy of another one's disk.
    pub(crate) fn copy_disk(&mut self, from: usize, to: usize) {
        let copy = self.nodes.get(from).map(|sim| sim.disk.copy());
        if let (Some(disk), Some(sim)) = (copy, self.nodes.get_mut(to)) {
            sim.disk = disk;
        }
    }

    pub(crate) fn on_load(&mut self, node: usize, stream: StreamKey) {
        let Some(sim) = self.nodes.get(node) else { return };
        let loaded = match &sim.store {
            Some(store) => quiet(|| store.load_stream(*stream.as_bytes())),
            None => Err(StoreError::Closed),
        };
        let records = loaded
            .map(|rows| rows.into_iter().map(|(_, wire)| wire).collect())
            .map_err(|error| error.to_string());
        self.feed(node, Input::Loaded { stream, records });
    }

    pub(crate) fn on_load_aside(&mut self, node: usize, places: &[Place]) {
        let Some(sim) = self.nodes.get(node) else { return };
        let loaded = sim.store.as_ref().map_or(Err(StoreError::Closed), |store| boot::held(store, places));
        self.feed(node, Input::AsideLoaded(loaded.map_err(|error| error.to_string())));
    }

    pub(crate) fn on_search(&mut self, node: usize, ticket: Ticket, streams: &[StreamKey], text: &str) {
        let Some(sim) = self.nodes.get(node) else { return };
        let store = sim.store.as_ref();
        let looked = store.map_or(Err(StoreError::Closed), |store| boot::search(store, streams, text));
        self.feed(node, Input::Searched { ticket, looked: looked.map_err(|error| error.to_string()) });
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
                        (sim.invitation, sim.workspace) = (None, None);
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
            sim.invitation = None;
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
            value: Some(rows::encode(&PeerRow { addresses: vec![address], last_seen_ms: None })),
        }));
        let stored = sim.open().and_then(|store| store.commit(&[batch]));
        sim.store = None;
        if let Err(error) = stored {
            self.breach(format!("#{node} cannot store its roster: {error}"));
        }
    }
}
