//! Writes the export of a workspace with many sessions, each record really signed, and made by the machine itself, so that
//! `restore` and `verify` can be timed: `cargo run --release -p starling-node --example export_of_many FOLDER [sessions
//! [lines]]` makes `FOLDER/export.git`; by default 10,000 sessions of 10 lines. Figures for people: nothing is checked here.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{AgentId, AttemptId, MemberId, RecordId, SessionId, StreamKey, WorkspaceId};
use starling_crdt::payload::{Header, Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::signed::{Signed, device_key};
use starling_crdt::text::{Body, Label, RequestId, Title};
use starling_node::git::{Export, Plan};
use starling_node::machine::export_plan::ExportPlan;
use starling_node::machine::info::ExportState;
use starling_node::machine::input::{Effect, Input};
use starling_node::machine::rows::Stored;
use starling_node::machine::{Boot, Node};

type Outcome<T> = Result<T, Box<dyn Error>>;

const AT_MS: u64 = 1_780_000_000_000;
/// What a session says, some 100 bytes a line.
const WORDS: &str =
    "the build of the release branch fails since this morning, please look at the log and say what it is";

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: export_of_many FOLDER [sessions [lines]]")?);
    let sessions = arguments.next().map_or(Ok(10_000), |text| text.parse())?;
    let lines = arguments.next().map_or(Ok(10), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    let began = Instant::now();
    let (workspace, streams) = workspace(sessions, lines)?;
    let count: usize = streams.values().map(Vec::len).sum();
    println!(
        "{sessions} sessions of {lines} lines, {count} signed records: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let state = export(workspace, &streams, &folder.join("export.git"))?;
    println!("exported in {:.1} s; tree {}", began.elapsed().as_secs_f64(), state.tree.unwrap_or_default());
    Ok(())
}

/// All records of a workspace, in an order in which they can be taken.
type Streams = BTreeMap<StreamKey, Vec<Vec<u8>>>;

/// One person with one device that hosts one agent.
struct Founder {
    key: SigningKey,
    workspace: WorkspaceId,
    member: MemberId,
    agent: AgentId,
    heads: Vec<RecordId>,
}

fn workspace(sessions: u64, lines: u64) -> Outcome<(WorkspaceId, Streams)> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let zero = WorkspaceId::from_bytes([0; 32]);
    let mut founder = Founder { key, workspace: zero, member: id(), agent: id(), heads: Vec::new() };
    let payload = Payload::Found { handle: "alice".parse()?, label: Label::new("laptop")?, recovery: None };
    let found = founder.sign(zero.roster(), &[], payload)?;
    (founder.member, founder.workspace) = (found.0, WorkspaceId::founded_by(found.0));
    let roster = founder.workspace.roster();
    let host = Payload::HostAgent { handle: "coder".parse()?, device: device_key(&founder.key) };
    let hosted = founder.sign(roster, &[found.0], host)?;
    (founder.agent, founder.heads) = (hosted.0, vec![hosted.0]);
    let mut streams = Streams::from([(roster, vec![found.1, hosted.1])]);
    for n in 0..sessions {
        let (stream, records) = founder.session(n, lines)?;
        streams.insert(stream, records);
    }
    Ok((founder.workspace, streams))
}

const fn id() -> RecordId {
    RecordId::from_bytes([0; 32])
}

impl Founder {
    fn sign(&self, stream: StreamKey, deps: &[RecordId], payload: Payload) -> Outcome<(RecordId, Vec<u8>)> {
        let (author, roster) = (device_key(&self.key), self.heads.clone());
        let record = Record {
            workspace: self.workspace,
            stream,
            author,
            roster,
            deps: deps.to_vec(),
            at_ms: AT_MS,
            payload,
        };
        let signed = Signed::sign(record, &self.key)?;
        Ok((signed.id(), signed.wire().to_vec()))
    }

    /// A question, a title, an answer, a question, an answer, and so on.
    fn session(&self, n: u64, lines: u64) -> Outcome<(StreamKey, Vec<Vec<u8>>)> {
        let session = SessionId::from_parts(AT_MS + n, u128::from(n));
        let header = Header { session, creator: self.member, agent: self.agent };
        let stream = header.key(&self.workspace);
        let (mut records, mut last, mut prev) = (Vec::new(), Vec::new(), None);
        let mut put = |payload: Payload| -> Outcome<RecordId> {
            let (id, wire) = self.sign(stream, &last, payload)?;
            records.push(wire);
            last = vec![id];
            Ok(id)
        };
        for line in 0..lines {
            let body = Body::new(format!("{n}, {line}: {WORDS}"))?;
            let request_id = RequestId::new(format!("r{line}"))?;
            if line % 2 == 1 {
                let attempt = AttemptId::from_parts(AT_MS + n, u128::from(line));
                prev = Some(put(Payload::Claim { turn: Turn { attempt, prev } })?);
                prev = Some(put(Payload::Reply { turn: Turn { attempt, prev }, body })?);
            } else if line > 0 {
                put(Payload::Message { body, request_id, reply_to: None })?;
            } else {
                put(Payload::Open { header: header.clone(), body, request_id })?;
                put(Payload::Title { title: Title::new(format!("Build {n}"))?, turn: None })?;
            }
        }
        Ok((stream, records))
    }
}

/// Starts a node of nobody's on the records, and lets it export them.
fn export(workspace: WorkspaceId, streams: &Streams, path: &Path) -> Outcome<ExportState> {
    let roster = streams.get(&workspace.roster()).cloned().unwrap_or_default();
    let sessions = streams.iter().filter(|(key, _)| **key != workspace.roster());
    let keys = sessions.map(|(key, records)| (*key, records.len() as u64));
    let stored = Stored { roster, streams: keys.collect(), restored: true, ..Stored::default() };
    let (key, mut state) = (SigningKey::from_bytes(&[2; 32]), ExportState::default());
    let boot = Boot {
        key,
        workspace,
        seed: [0; 32],
        now_ms: 0,
        stored,
        export: state.clone(),
        strays: Vec::new(),
        push: None,
    };
    let (mut node, effects) = Node::start(boot)?;
    let mut repository = Export::open(path)?;
    let (mut queue, mut wake, mut now_ms) = (VecDeque::from(effects), None, 0);
    loop {
        let input = match queue.pop_front() {
            Some(Effect::WakeAt(at)) => {
                wake = Some(at);
                continue;
            }
            Some(Effect::Commit { seq, .. }) => Input::Committed(seq),
            Some(Effect::Load { stream }) => {
                Input::Loaded { stream, records: Ok(streams.get(&stream).cloned().unwrap_or_default()) }
            }
            Some(Effect::LoadAside { .. }) => Input::AsideLoaded(Ok(Vec::new())),
            Some(Effect::Export(plan)) => {
                let done = repository.apply(&plan_of(plan))?;
                state = ExportState { commit: Some(done.commit), tree: Some(done.tree), error: None };
                Input::Exported(Ok(state.clone()))
            }
            Some(_) => continue,
            None => match wake.take().filter(|at| *at <= 60_000) {
                None => return Ok(state),
                Some(at) => {
                    now_ms = at.max(now_ms);
                    Input::Tick
                }
            },
        };
        queue.extend(node.handle(input, now_ms));
    }
}

fn plan_of(plan: ExportPlan) -> Plan {
    let ExportPlan { writes, removes, subject, author, time_ms } = plan;
    Plan { writes, removes, subject, author, time_ms }
}
