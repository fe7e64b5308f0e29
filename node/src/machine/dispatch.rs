//! Turns: which session is the agent's next, and what becomes of a turn. One turn at a time for an agent, first in first
//! out across its sessions. A turn is claimed by a durable record before its process starts (INV-7), and ends by a reply
//! or a failure, never silently: a claim that nobody runs is failed as interrupted at the next start.

use starling_crdt::command::Command;
use starling_crdt::id::{AgentId, AttemptId, DeviceKey, Handle, StreamKey};
use starling_crdt::limits::BODY_BYTES_MAX;
use starling_crdt::reference::Reference;
use starling_crdt::text::{Body, Reason};
use starling_crdt::view::View;

use super::Node;
use super::depth;
use super::hosting::{Host, Turn};
use super::input::{AgentProfile, Effect, Ticket, TurnContext, TurnInput, TurnOrder};
use super::request::{Code, Rejection, TurnCall};
use super::rows::{self, IndexRow};
use super::task::Task;
use super::writing::{Done, not_found};
use crate::fault::{Fault, planted};

/// Bytes of transcript that an agent is given: the newest lines that fit.
const TRANSCRIPT_BYTES_MAX: usize = 256 * 1024;

impl Node {
    /// Whether this device hosts an agent now. One that lost its standing hosts nobody (INV-5).
    pub(super) fn hosts(&self, agent: &AgentId) -> bool {
        let standing = self.standing();
        let here = standing.agent(agent).is_some_and(|found| found.host == self.me && !found.retired);
        here && standing.stands(&self.me)
    }

    /// Whether its host has let an agent go, to a device that can still take it: until it does, nothing new is begun.
    pub(super) fn is_handed_over(&self, agent: &AgentId) -> bool {
        self.handed_to(agent).next().is_some()
    }

    /// The devices that were let have an agent and can still take it.
    pub(super) fn handed_to(&self, agent: &AgentId) -> impl Iterator<Item = DeviceKey> {
        let standing = self.standing();
        let offers = standing.handovers().map(|(_, offered)| offered);
        let theirs = offers.filter(|offered| offered.agent == *agent && standing.stands(&offered.to));
        theirs.map(|offered| offered.to)
    }

    /// Tells the shell which agents run here, after a start or a change of the roster.
    pub(super) fn host_agents(&mut self) {
        for (agent, profile) in self.hosting.profiles.clone() {
            let hosted = self.hosts(&agent);
            let Some(handle) = self.standing().agent(&agent).map(|found| found.handle.clone()) else {
                continue;
            };
            let host = self.hosting.hosts.entry(agent).or_default();
            if host.announced != hosted {
                host.announced = hosted;
                self.effects.push(Effect::Host { agent: handle, profile: hosted.then_some(profile) });
            }
        }
    }

    /// A session's committed row changed: is there something to answer, to end, or to stop?
    pub(super) fn watch_row(&mut self, key: StreamKey, row: &IndexRow) {
        self.drop_asks(&key, row);
        self.watch_for_calls(key, row);
        if !self.hosts(&row.agent) {
            return;
        }
        let host = self.hosting.hosts.entry(row.agent).or_default();
        let forgotten = planted(Fault::QueueForgotten) && host.running.is_some();
        if row.is_actionable() && !row.held && !host.queue.contains(&key) && !forgotten {
            host.queue.push_back(key);
        }
        if row.open > 0 && self.hosting.turns.values().all(|turn| turn.key != key) {
            self.with_session(key, Task::Recover);
        }
        if row.stop || !row.is_shown() {
            for (attempt, turn) in self.hosting.turns.iter_mut().filter(|(_, turn)| turn.key == key) {
                if !turn.cancelled {
                    turn.cancelled = true;
                    self.effects.push(Effect::CancelTurn { attempt: *attempt });
                }
            }
        }
    }

    /// Gives each idle agent its next session.
    pub(super) fn dispatch(&mut self) {
        if self.stopping || self.retry_ms.is_some() {
            return;
        }
        let free = |host: &Host| host.running.is_none() || planted(Fault::TwoTurnsAtOnce);
        let idle = |host: &Host| free(host) && host.claiming.is_none() && !host.queue.is_empty();
        let agents: Vec<_> =
            self.hosting.hosts.iter().filter(|(_, h)| idle(h)).map(|(agent, _)| *agent).collect();
        for agent in agents {
            if !self.hosts(&agent) || self.is_handed_over(&agent) || self.hosting.profile(&agent).is_none() {
                continue;
            }
            if let Some(at) = self.hosting.rested_at(&agent, self.now) {
                self.wake("turns", at);
                continue;
            }
            let Some(host) = self.hosting.hosts.get_mut(&agent) else {
                continue;
            };
            if let Some(key) = host.queue.pop_front() {
                host.claiming = Some(key);
                self.with_session(key, Task::Claim);
            }
        }
    }

    /// A claim was tried, whatever came of it: its agent may be given the next session.
    pub(super) fn claimed(&mut self, key: StreamKey) {
        for host in self.hosting.hosts.values_mut() {
            host.claiming.take_if(|claiming| *claiming == key);
        }
    }

    /// Claims a session's input, if there still is one and local policy lets its author start turns.
    pub(super) fn claim(&mut self, key: StreamKey) {
        self.claimed(key);
        let ready = self.view(&key).and_then(|view| {
            let held = rows::is_held(self.session(&key)?, self.standing());
            let ready = view.is_actionable() && !held && self.hosts(&view.agent) && self.may_start(&view);
            ready.then_some(view.agent)
        });
        let Some(agent) = ready.filter(|_| !self.stopping) else {
            return;
        };
        if self.is_handed_over(&agent) {
            // Should nobody take the agent in the end, this one comes first.
            self.hosting.hosts.entry(agent).or_default().queue.push_front(key);
            return;
        }
        let attempt = self.draw_attempt_id();
        if let Ok(Done::Wrote(_)) = self.command(key, Command::Claim(attempt)) {
            debug_assert!(
                self.hosting.hosts.get(&agent).is_none_or(|host| host.running.is_none()),
                "INV-7: one agent runs two turns"
            );
            self.begin_turn(key, agent, attempt);
        }
    }

    /// From now on the agent is at work; its process starts when the claim is durable.
    pub(super) fn begin_turn(&mut self, key: StreamKey, agent: AgentId, attempt: AttemptId) {
        let secret = data_encoding::HEXLOWER.encode(&self.random::<32>());
        let turn = Turn {
            key,
            agent,
            secret,
            generation: 0,
            depth: self.session(&key).map_or(0, depth::depth_of),
            asked_for_summary: false,
            asked_for_title: false,
            cancelled: false,
        };
        self.hosting.turns.insert(attempt, turn);
        let now = self.now;
        let host = self.hosting.hosts.entry(agent).or_default();
        host.running = Some(attempt);
        host.count_turn(now);
        if planted(Fault::TurnBeforeClaim) {
            return self.run_turn(key, attempt);
        }
        self.commits.start_turn(key, attempt);
    }

    /// Whether the agent's policy lets this session's creator start turns. Default: every member.
    pub(super) fn may_start(&self, view: &View) -> bool {
        let is_member = self.standing().member(&view.creator).is_some_and(|member| !member.removed);
        let allowed = |p: &AgentProfile| p.allow.is_empty() || p.allow.contains(&view.created_by);
        let deep = self.session(&view.key).map_or(0, depth::depth_of) > depth::DEPTH_MAX;
        is_member && !deep && self.hosting.profile(&view.agent).is_some_and(allowed)
    }

    /// The claim is durable: start the process.
    pub(super) fn run_turn(&mut self, key: StreamKey, attempt: AttemptId) {
        let order = self.view(&key).and_then(|view| self.order(&view, attempt));
        debug_assert!(
            order.as_ref().is_none_or(|order| self.hosting.turns.contains_key(&order.attempt)),
            "INV-7: a turn starts that this node has not claimed"
        );
        match order {
            Some(order) => self.effects.push(Effect::RunTurn(order)),
            None => self.forget_turn(attempt),
        }
    }

    fn order(&mut self, view: &View, attempt: AttemptId) -> Option<TurnOrder> {
        let profile = self.hosting.profile(&view.agent)?.clone();
        let begin = self.context_for(&view.key, &profile);
        let turn = self.hosting.turns.get_mut(&attempt)?;
        turn.generation = begin.generation;
        turn.asked_for_summary = begin.ask_summary;
        Some(TurnOrder {
            agent: view.agent_handle.clone(),
            profile,
            session: view.id,
            attempt,
            secret: turn.secret.clone(),
            resume: begin.resume,
            generation: begin.generation,
            context: TurnContext { ask_summary: begin.ask_summary, ..context_of(view) },
        })
    }

    /// The turn is no more: its agent is free.
    pub(super) fn forget_turn(&mut self, attempt: AttemptId) {
        let Some(turn) = self.hosting.turns.remove(&attempt) else {
            return;
        };
        self.effects.push(Effect::CloseTurn { attempt });
        if let Some(host) = self.hosting.hosts.get_mut(&turn.agent) {
            host.running.take_if(|running| *running == attempt);
        }
        // What arrived during the turn, and was not covered by its claim, is the next in line.
        let row = self.slots.get(&turn.key).and_then(|slot| slot.row.clone());
        if let Some(row) = row {
            self.watch_row(turn.key, &row);
        }
    }

    pub(super) fn on_turn(&mut self, attempt: AttemptId, event: TurnInput) {
        let Some(turn) = self.hosting.turns.get(&attempt) else {
            if let TurnInput::Asked { request, .. } = event {
                self.effects.push(Effect::Permit { request, allow: false });
            }
            return;
        };
        let (key, generation, agent) = (turn.key, turn.generation, turn.agent);
        let profile = self.hosting.profile(&agent).cloned();
        match (event, profile) {
            (TurnInput::Context { token, usage }, Some(profile)) => {
                self.keep_context(key, generation, &profile, token, usage);
            }
            (TurnInput::Context { .. }, None) => {}
            (TurnInput::Capable(capabilities), _) => {
                if self.hosting.set_capabilities(agent, capabilities) {
                    self.keep_profile(agent);
                }
            }
            (TurnInput::Doing(doing), _) => self.on_doing(attempt, doing),
            (TurnInput::Asked { request, title }, _) => self.on_asked(attempt, request, title),
            (TurnInput::Answered { request, allowed }, _) => self.on_answered(attempt, request, allowed),
            (event, _) => self.with_session(key, Task::Turn { attempt, event }),
        }
    }

    /// The agent summed the session up in this turn, durably or soon so.
    pub(super) fn summed_up(&mut self, key: StreamKey, attempt: AttemptId) {
        if self.hosting.turns.get(&attempt).is_some_and(|turn| turn.asked_for_summary) {
            self.renew_context(key);
        }
    }

    /// The process ended, or wants the next prompt. Makes sure that the attempt ends with a record.
    pub(super) fn end_turn(&mut self, key: StreamKey, attempt: AttemptId, event: TurnInput) {
        let view = self.view(&key);
        let open = view.as_ref().is_some_and(|view| view.open_attempts.contains(&attempt));
        if open {
            let titled = view.is_some_and(|view| view.title.is_some());
            match event {
                TurnInput::Finished { text } if titled => self.finish_with_text(key, attempt, &text),
                TurnInput::Finished { .. } => {
                    let turn = self.hosting.turns.get_mut(&attempt).filter(|turn| !turn.asked_for_title);
                    if let Some(turn) = turn {
                        turn.asked_for_title = true;
                        return self.effects.push(Effect::AskForTitle { attempt });
                    }
                    self.fail(
                        key,
                        attempt,
                        "title_missing: the agent ended its turn without setting a title",
                    );
                }
                TurnInput::Failed { reason } => self.fail(key, attempt, &reason),
                // Its claim stays open: the next start takes it up again.
                TurnInput::Cancelled if self.stopping && self.takes_up_again(attempt) => {}
                TurnInput::Cancelled if self.stopping => {
                    self.fail(key, attempt, "interrupted: the node was stopped")
                }
                TurnInput::Cancelled => self.fail(key, attempt, "stopped"),
                // Taken in before it came here.
                TurnInput::Context { .. }
                | TurnInput::Capable(_)
                | TurnInput::Doing(_)
                | TurnInput::Asked { .. }
                | TurnInput::Answered { .. } => return,
            }
        }
        self.forget_turn(attempt);
    }

    /// A turn that ended without `reply`: what the agent said is the reply.
    fn finish_with_text(&mut self, key: StreamKey, attempt: AttemptId, text: &str) {
        let mut end = text.len().min(BODY_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let replied = Body::new(&text[..end])
            .ok()
            .and_then(|body| self.command(key, Command::Reply(attempt, body)).ok());
        if replied.is_none() {
            self.fail(key, attempt, "no_reply: the agent ended its turn without an answer");
        }
    }

    pub(super) fn fail(&mut self, key: StreamKey, attempt: AttemptId, reason: &str) {
        // A refusal means that the attempt ended otherwise meanwhile: then there is nothing to fail.
        let _ended_otherwise = self.command(key, Command::Fail(attempt, Reason::cut(reason)));
    }

    /// A tool call of a turn: only with the turn's secret, only while it runs.
    pub(super) fn on_turn_call(&mut self, ticket: Ticket, attempt: AttemptId, secret: &str, call: TurnCall) {
        let Some(turn) = self.hosting.turns.get(&attempt) else {
            let over = Rejection::new(
                Code::QuickSessionStaleAttempt,
                "this turn is over; nothing more can be written in it",
            );
            return self.answer(ticket, Err(over));
        };
        // Hashes are compared, so that the time taken says nothing about the secret.
        if blake3::hash(turn.secret.as_bytes()) != blake3::hash(secret.as_bytes()) {
            return self
                .answer(ticket, Err(Rejection::new(Code::Unauthorized, "the secret is not this turn's")));
        }
        match self.slots.get(&turn.key) {
            Some(_) => self.with_session(turn.key, Task::Call { ticket, attempt, call }),
            None => self.answer(ticket, Err(not_found())),
        }
    }

    pub(super) fn cancel_all_turns(&mut self) {
        for (attempt, turn) in &mut self.hosting.turns {
            if !turn.cancelled {
                turn.cancelled = true;
                self.effects.push(Effect::CancelTurn { attempt: *attempt });
            }
        }
    }
}

fn context_of(view: &View) -> TurnContext {
    let claimed = view.lines.iter().filter(|line| line.sealed);
    let answered = view.last_completed.as_ref().map_or(0, |done| done.line);
    let mut bytes = 0;
    let fits = |line: &&starling_crdt::view::Line| {
        bytes += line.body.as_str().len();
        bytes <= TRANSCRIPT_BYTES_MAX
    };
    let mut transcript: Vec<(u64, Handle, String)> = claimed
        .rev()
        .take_while(fits)
        .map(|line| (line.number, view.handle_of(line.author).clone(), line.body.to_string()))
        .collect();
    transcript.reverse();
    TurnContext {
        reference: Reference { session: view.id, line: None }.to_string(),
        creator: view.created_by.clone(),
        title: view.title.as_ref().map(ToString::to_string),
        summary: view.summary.as_ref().map(|(summary, _)| summary.to_string()),
        transcript,
        new_from: answered + 1,
        ask_summary: false,
    }
}
