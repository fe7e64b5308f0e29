//! How a new device joins: it dials the inviter, shows the ticket's secret, and takes the roster. Pure, driven like the
//! node itself; it holds no session and stores nothing. The result is the roster's records, checked to be the ticket's
//! workspace and to admit this very device.

use ed25519_dalek::SigningKey;
use starling_crdt::id::DeviceKey;
use starling_crdt::roster::Roster;
use starling_crdt::signed::{Received, Signed, Unverified, device_key};
use starling_net::proto::{self, Output, Proto};

use super::input::{NetEffect, NetInput};
use super::ticket::Ticket;

/// How often the inviter is dialled, ms.
const DIAL_MS: u64 = 2_000;

/// What is to be done for a join.
#[derive(Debug)]
pub enum Step {
    /// On the network.
    Net(NetEffect),
    /// Come back at this time, ms.
    WakeAt(u64),
    /// Admitted: the roster's records, in topological order.
    Joined(Vec<Vec<u8>>),
    /// Not admitted, and why; it makes no sense to try again.
    Refused {
        /// For programs.
        code: String,
        /// For people.
        detail: String,
    },
}

/// A device that is joining.
pub struct Joining {
    me: DeviceKey,
    ticket: Ticket,
    proto: Proto,
    connected: bool,
    next_dial_ms: u64,
}

impl Joining {
    /// Begins to redeem `ticket`. `seed` is any number.
    #[must_use]
    pub fn new(key: &SigningKey, ticket: Ticket, label: String, seed: u64, now_ms: u64) -> Self {
        let me = device_key(key);
        let mut proto = Proto::new(proto::Config::new(me, ticket.workspace, seed));
        let join = proto::Input::Join { peer: ticket.inviter, secret: ticket.secret, label };
        proto.handle(join, now_ms);
        Self { me, ticket, proto, connected: false, next_dial_ms: 0 }
    }

    /// Takes in what the network did; `None` is the passing of time.
    pub fn handle(&mut self, event: Option<NetInput>, now_ms: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        let input = self.translate(event);
        for output in self.proto.handle(input, now_ms) {
            self.carry(output, &mut steps);
        }
        if !self.connected && self.next_dial_ms <= now_ms {
            self.next_dial_ms = now_ms + DIAL_MS;
            let addresses = self.ticket.addresses.clone();
            steps.push(Step::Net(NetEffect::Dial { peer: Some(self.ticket.inviter), addresses }));
        }
        if !self.connected {
            steps.push(Step::WakeAt(self.next_dial_ms));
        }
        steps
    }

    fn translate(&mut self, event: Option<NetInput>) -> proto::Input {
        match event {
            Some(NetInput::Connected { peer, outbound, .. }) if peer == self.ticket.inviter => {
                self.connected = true;
                proto::Input::Connected { peer, outbound }
            }
            Some(NetInput::Disconnected { peer }) if peer == self.ticket.inviter => {
                self.connected = false;
                proto::Input::Disconnected { peer }
            }
            Some(NetInput::Frame { peer, bytes }) => proto::Input::Frame { peer, bytes },
            _ => proto::Input::Tick,
        }
    }

    fn carry(&self, output: Output, steps: &mut Vec<Step>) {
        match output {
            Output::Send { peer, bytes } => steps.push(Step::Net(NetEffect::Send { peer, frame: bytes })),
            Output::Welcome { records, .. } => steps.push(self.welcome(records)),
            Output::Refused { code, detail, .. } => {
                let detail = detail.chars().filter(|c| !c.is_control()).collect();
                steps.push(Step::Refused { code: code.to_string(), detail });
            }
            Output::Drop { peer, .. } => steps.push(Step::Net(NetEffect::Disconnect { peer })),
            Output::WakeAt(at) => steps.push(Step::WakeAt(at)),
            Output::Describe { .. }
            | Output::Collect { .. }
            | Output::Records { .. }
            | Output::Proof { .. }
            | Output::JoinRequest { .. }
            | Output::Accepted { .. }
            | Output::Seek { .. }
            | Output::Places { .. }
            | Output::Note { .. }
            | Output::InStep { .. } => {}
        }
    }

    /// The inviter's roster, believed only as far as it is signed and founds the ticket's workspace.
    fn welcome(&self, records: Vec<Vec<u8>>) -> Step {
        let mut roster = Roster::new(self.ticket.workspace);
        for wire in &records {
            if let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire)
                && let Ok(record) = record.verify()
            {
                roster.offer(record);
            }
        }
        if roster.standing().member_of(&self.me).is_none() {
            let detail = "the inviter sent a roster that does not admit this device";
            return Step::Refused { code: "bad_roster".to_owned(), detail: detail.to_owned() };
        }
        Step::Joined(roster.records().map(|record| record.wire().to_vec()).collect())
    }
}
