//! The handshake with one peer: who may pass, in both directions. Until both sides have let each other in, nothing is
//! read but a hello, an invite's secret and a bounded proof, and nothing is said that would help a stranger: an unknown
//! caller hears nothing until it has shown that it knows the workspace, and gets our proof only once we have let it in.
//! Between two nodes that do not know each other, the caller proves itself first.

use super::door::{check_door, join, refusal, refuse, send_welcome};
use super::io::{DropReason, Output, Verdict};
use super::limits::{
    HANDSHAKE_FRAMES_MAX, HANDSHAKE_MS, PROTO_VERSION, PROTO_VERSION_MIN, WELCOME_BYTES_MAX,
};
use super::local::Local;
use super::message::{Message, RefusalCode, tag};
use super::out::{Out, Step, broken};

/// How far the peer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its first frame is awaited.
    Greeting,
    /// It knows the workspace; its proof is awaited.
    Proving,
    /// Our owner judges its proof.
    Judging,
    /// Our owner judges its invite.
    JudgingJoin,
    /// We sent an invite's secret; the roster is awaited.
    Joining,
    /// Our owner judges the roster that came.
    JudgingWelcome,
    /// We have let it in.
    In,
}

/// An invite that we redeem at this peer.
#[derive(Debug, Clone)]
pub(super) struct Invite {
    pub(super) secret: [u8; 32],
    pub(super) label: String,
}

/// The handshake with one peer.
#[derive(Debug)]
pub(super) struct Gate {
    stage: Stage,
    outbound: bool,
    allowed: bool,
    said_hello: bool,
    said_proof: bool,
    /// It has us on its roster, by its hello.
    knows_us: bool,
    let_us_in: bool,
    frames: u32,
    /// The version that it speaks, by its first frame.
    version: u16,
    deadline_ms: u64,
    welcome: Vec<Vec<u8>>,
    welcome_bytes: usize,
}

impl Gate {
    /// Opens the conversation on a new link.
    pub(super) fn open(
        outbound: bool,
        invite: Option<&Invite>,
        local: &Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Self {
        let mut gate = Self {
            stage: Stage::Greeting,
            outbound,
            allowed: local.allowed.contains(&out.peer),
            said_hello: false,
            said_proof: false,
            knows_us: false,
            let_us_in: false,
            frames: 0,
            version: PROTO_VERSION_MIN,
            deadline_ms: now_ms.saturating_add(HANDSHAKE_MS),
            welcome: Vec::new(),
            welcome_bytes: 0,
        };
        if let Some(invite) = invite {
            gate.stage = Stage::Joining;
            out.send(&join(invite, local, &out.peer));
        } else if gate.allowed || outbound {
            gate.say_hello(local, out);
        }
        gate
    }

    /// Whether both sides have let each other in.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::In) && self.let_us_in
    }

    /// The version that it speaks; the oldest one while it has not said so.
    pub(super) const fn version(&self) -> u16 {
        self.version
    }

    /// Whether nothing has been said yet, so that an invite can still be the first word.
    pub(super) const fn is_silent(&self) -> bool {
        matches!(self.stage, Stage::Greeting) && !self.said_hello
    }

    /// When the peer must be through, in ms.
    pub(super) const fn deadline_ms(&self) -> Option<u64> {
        if self.is_open() { None } else { Some(self.deadline_ms) }
    }

    /// What is awaited, for people.
    pub(super) const fn reason(&self) -> &'static str {
        match self.stage {
            Stage::Greeting => "waiting for its first words",
            Stage::Proving => "it is not on our roster; waiting for its proof",
            Stage::Judging | Stage::JudgingJoin => "its admission is being checked here",
            Stage::Joining => "waiting for its answer to our invite",
            Stage::JudgingWelcome => "its roster is being checked here",
            Stage::In => "waiting to be let in there",
        }
    }

    /// Takes in a frame of a peer that is not through yet.
    pub(super) fn handle_frame(
        &mut self,
        message: Message,
        local: &Local,
        now_ms: u64,
        out: &mut Out<'_>,
    ) -> Step {
        self.frames += 1;
        if self.frames > HANDSHAKE_FRAMES_MAX && self.stage != Stage::Joining {
            return Err(DropReason::Flooding("handshake frames"));
        }
        match message {
            Message::Hello { version, version_min, tag, prove } => {
                self.on_hello((version, version_min), tag, prove, local, out)
            }
            Message::Join { version, version_min, tag, secret, label } => {
                if self.stage != Stage::Greeting {
                    return broken("an invite in the middle of the handshake");
                }
                check_door((version, version_min), tag, local, out)?;
                self.version = version;
                self.stage = Stage::JudgingJoin;
                out.push(Output::JoinRequest { peer: out.peer, secret, label });
                Ok(())
            }
            Message::Proof { records } => self.on_proof(records, out),
            Message::Welcome { records, more } => self.on_welcome(records, more, now_ms, out),
            Message::Accepted => self.on_accepted(),
            Message::Refused { code, detail, records } => {
                out.push(Output::Refused { peer: out.peer, code, detail, records });
                Err(DropReason::RefusedUs(code))
            }
            Message::Bye { .. } => Err(DropReason::PeerPaused),
            Message::Summary(_)
            | Message::Index { .. }
            | Message::Later { .. }
            | Message::Have { .. }
            | Message::Records { .. }
            | Message::Seek
            | Message::Places { .. }
            | Message::Note { .. }
            | Message::Ack { .. } => broken("spoke of streams before it was let in"),
        }
    }

    /// Takes in the owner's verdict; one that nobody waits for any more changes nothing.
    pub(super) fn handle_verdict(&mut self, verdict: Verdict, local: &Local, out: &mut Out<'_>) -> Step {
        match self.stage {
            Stage::Judging | Stage::JudgingJoin | Stage::JudgingWelcome => {}
            Stage::Greeting | Stage::Proving | Stage::Joining | Stage::In => return Ok(()),
        }
        match verdict {
            Verdict::Refuse { code, detail, records } => refuse(code, detail, records, out),
            Verdict::Accept { records } => {
                if self.stage == Stage::JudgingJoin {
                    send_welcome(records, out)?;
                    self.knows_us = true;
                }
                self.let_in(local, out);
                Ok(())
            }
        }
    }

    /// Takes in a new roster. Who was let in and is not on it goes.
    pub(super) fn handle_roster(&mut self, local: &Local, out: &mut Out<'_>) -> Step {
        self.allowed = local.allowed.contains(&out.peer);
        match self.stage {
            Stage::In if !self.allowed => {
                let detail = "this device is no longer on the roster".to_owned();
                out.send(&refusal(RefusalCode::NotMember, detail, Vec::new()));
                Err(DropReason::NotAllowed)
            }
            Stage::Proving | Stage::Judging if self.allowed => {
                self.let_in(local, out);
                Ok(())
            }
            Stage::Greeting
            | Stage::Proving
            | Stage::Judging
            | Stage::JudgingJoin
            | Stage::Joining
            | Stage::JudgingWelcome
            | Stage::In => Ok(()),
        }
    }

    fn say_hello(&mut self, local: &Local, out: &mut Out<'_>) {
        self.said_hello = true;
        out.send(&Message::Hello {
            version: PROTO_VERSION,
            version_min: PROTO_VERSION_MIN,
            tag: tag(&local.workspace, &local.me, &out.peer),
            prove: !self.allowed,
        });
    }

    fn say_proof(&mut self, local: &Local, out: &mut Out<'_>) {
        if !self.said_proof {
            self.said_proof = true;
            out.send(&Message::Proof { records: local.proof.clone() });
        }
    }

    fn on_hello(
        &mut self,
        versions: (u16, u16),
        tag: [u8; 32],
        prove: bool,
        local: &Local,
        out: &mut Out<'_>,
    ) -> Step {
        match self.stage {
            Stage::Greeting => {}
            // It greets before it has read our invite; the answer to that is still to come.
            Stage::Joining => return Ok(()),
            Stage::Proving | Stage::Judging | Stage::JudgingJoin | Stage::JudgingWelcome | Stage::In => {
                return broken("a second hello");
            }
        }
        check_door(versions, tag, local, out)?;
        self.version = versions.0;
        if !self.said_hello {
            self.say_hello(local, out);
        }
        self.knows_us = !prove;
        self.stage = Stage::Proving;
        if self.allowed {
            self.let_in(local, out);
        } else if self.outbound && prove {
            self.say_proof(local, out);
        }
        Ok(())
    }

    fn on_proof(&mut self, records: Vec<Vec<u8>>, out: &mut Out<'_>) -> Step {
        match self.stage {
            Stage::Proving => {
                self.stage = Stage::Judging;
                out.push(Output::Proof { peer: out.peer, records });
                Ok(())
            }
            // It was let in or is being judged already: the proof crossed that.
            Stage::Judging | Stage::In => Ok(()),
            Stage::Greeting | Stage::JudgingJoin | Stage::Joining | Stage::JudgingWelcome => {
                broken("a proof before the hello")
            }
        }
    }

    fn on_welcome(&mut self, records: Vec<Vec<u8>>, more: bool, now_ms: u64, out: &mut Out<'_>) -> Step {
        if self.stage != Stage::Joining || (records.is_empty() && more) {
            return broken("a welcome that nobody asked for");
        }
        self.welcome_bytes += records.iter().map(Vec::len).sum::<usize>();
        if self.welcome_bytes > WELCOME_BYTES_MAX {
            return Err(DropReason::Flooding("roster records"));
        }
        self.deadline_ms = now_ms.saturating_add(HANDSHAKE_MS);
        self.welcome.extend(records);
        if !more {
            self.stage = Stage::JudgingWelcome;
            let records = std::mem::take(&mut self.welcome);
            out.push(Output::Welcome { peer: out.peer, records });
        }
        Ok(())
    }

    fn on_accepted(&mut self) -> Step {
        match self.stage {
            Stage::Proving | Stage::Judging | Stage::JudgingWelcome | Stage::In => {
                self.let_us_in = true;
                Ok(())
            }
            Stage::Greeting | Stage::JudgingJoin | Stage::Joining => broken("accepted before the hello"),
        }
    }

    fn let_in(&mut self, local: &Local, out: &mut Out<'_>) {
        let joined = self.stage == Stage::JudgingWelcome;
        self.stage = Stage::In;
        if !self.knows_us && !self.let_us_in && !joined {
            self.say_proof(local, out);
        }
        out.send(&Message::Accepted);
    }
}
