//! How a world is peopled: the first computer founds the workspace, the others join by invitation or find the roster on
//! their disks, the last ones host the agents, and everyone learns where its neighbours of the overlay are.

use starling_crdt::id::{Handle, RecordId, WorkspaceId};
use starling_crdt::payload::{MemberRole, Payload};
use starling_crdt::record::Record;
use starling_crdt::signed::{Signed, device_key};
use starling_crdt::text::Label;
use starling_node::machine::input::{Input, NetInput};
use starling_node::machine::rows::{self, ProfileRow};
use starling_node::store::{Batch, LocalRow, Space};

use crate::desk::agent_name;
use crate::people::profile;
use crate::scenario::{Nodes, Scenario};
use crate::world::{World, address};

/// How long the first meeting of all may take, ms.
const MEETING_MS: u64 = 120_000;

/// The handle of a person in a simulated world.
#[must_use]
pub fn person_name(person: usize) -> String {
    format!("person-{person}")
}

/// Peoples an empty world, and waits until everyone has the roster.
///
/// # Errors
/// What went wrong, in words.
pub fn settle(world: &mut World, scenario: &Scenario) -> Result<(), String> {
    world.set_lines(&scenario.network);
    world.disk_ms = scenario.disk.commit_ms;
    world.set_clocks(scenario.clocks.skew_ms);
    let nodes = &scenario.nodes;
    if nodes.given {
        give(world, nodes)?
    } else {
        join(world, nodes)?
    }
    introduce(world, nodes);
    world.become_equal(MEETING_MS)?;
    world.set_liars(nodes.liars());
    world.metrics = crate::metrics::Metrics::default();
    Ok(())
}

/// Each computer redeems an invitation: of its owner's first device, or of the founder.
fn join(world: &mut World, nodes: &Nodes) -> Result<(), String> {
    world.found(&person_name(0));
    for node in 1..nodes.count {
        let person = nodes.person(node);
        let handle = (node < nodes.people).then(|| person_name(person));
        let inviter = if node < nodes.people { 0 } else { person };
        world.invite(inviter, handle.as_deref()).map_err(|refusal| format!("#{node}: {refusal:?}"))?;
    }
    for (agent, host) in nodes.hosts().enumerate() {
        world.host(host, &agent_name(agent)).map_err(|refusal| format!("#{host}: {refusal:?}"))?;
    }
    Ok(())
}

/// The roster is written by the founder's device alone, and is on every disk.
fn give(world: &mut World, nodes: &Nodes) -> Result<(), String> {
    for _ in 0..nodes.count {
        world.add_computer();
    }
    let roster = written(world, nodes)?;
    let workspace = roster.first().map(|(record, _)| WorkspaceId::founded_by(record.id()));
    let wires: Vec<Vec<u8>> = roster.iter().map(|(record, _)| record.wire().to_vec()).collect();
    let first = 0;
    for node in 0..nodes.count {
        if let Some(sim) = world.nodes.get_mut(node) {
            sim.workspace = workspace;
        }
        if node == first {
            world.store_roster(node, &wires, None);
        } else {
            world.copy_disk(first, node);
        }
    }
    for (record, host) in &roster {
        if let Some(host) = host {
            world.store_local(*host, profile_row(record.id()));
        }
    }
    for node in 0..nodes.count {
        world.start(node);
    }
    Ok(())
}

fn profile_row(agent: RecordId) -> Batch {
    let value = Some(rows::encode(&ProfileRow { profile: profile(), capabilities: None }));
    let row = LocalRow { space: Space::Setting, key: agent.as_bytes().to_vec(), value };
    Batch { local: vec![row], ..Batch::default() }
}

type Written = Vec<(Signed<starling_crdt::signed::Verified>, Option<usize>)>;

/// The records of a whole roster, each upon the one before, with the host of those that host an agent.
fn written(world: &World, nodes: &Nodes) -> Result<Written, String> {
    let key = world.nodes.first().map(|sim| sim.key.clone()).ok_or("no computers")?;
    let label = |node: usize| Label::new(format!("computer {node}")).map_err(|error| error.to_string());
    let handle = |name: String| name.parse::<Handle>().map_err(|error| error.to_string());
    let (mut roster, mut members): (Written, Vec<RecordId>) = (Vec::new(), Vec::new());
    let mut say = |payload: Payload, host: Option<usize>| -> Result<RecordId, String> {
        let last = roster.last().map(|(record, _)| record.id());
        let first = roster.first().map(|(record, _)| record.id());
        let workspace = first.map_or(WorkspaceId::from_bytes([0; 32]), WorkspaceId::founded_by);
        let stream = match first {
            Some(_) => workspace.roster(),
            None => starling_crdt::id::StreamKey::from_bytes([0; 32]),
        };
        let record = Record {
            workspace,
            stream,
            author: device_key(&key),
            roster: Vec::new(),
            deps: last.into_iter().collect(),
            at_ms: world.now_ms(),
            payload,
        };
        let signed = Signed::sign(record, &key).map_err(|error| error.to_string())?;
        let id = signed.id();
        roster.push((signed, host));
        Ok(id)
    };
    let found = Payload::Found { handle: handle(person_name(0))?, label: label(0)?, recovery: None };
    members.push(say(found, None)?);
    for person in 1..nodes.people {
        let added = Payload::AddMember { handle: handle(person_name(person))?, role: MemberRole::Member };
        members.push(say(added, None)?);
    }
    for (node, sim) in world.nodes.iter().enumerate().skip(1) {
        let member = members.get(nodes.person(node)).copied().ok_or("a computer of nobody")?;
        say(Payload::AddDevice { member, device: sim.me, label: label(node)? }, None)?;
    }
    for (agent, host) in nodes.hosts().enumerate() {
        let device = world.nodes.get(host).map(|sim| sim.me).ok_or("an agent on no computer")?;
        say(Payload::HostAgent { handle: handle(agent_name(agent))?, device }, Some(host))?;
    }
    Ok(roster)
}

/// Everyone learns where its neighbours are: all others, or one of lower number and some by chance, so that the overlay
/// is in one piece and has about the degree that was asked for.
fn introduce(world: &mut World, nodes: &Nodes) {
    for node in 1..nodes.count {
        let others: Vec<usize> = if nodes.degree == 0 || nodes.degree >= nodes.count {
            (0..node).collect()
        } else {
            let links = nodes.degree.div_ceil(2).min(node);
            (0..links).map(|_| usize::try_from(world.draw(0, node as u64 - 1)).unwrap_or_default()).collect()
        };
        for other in others {
            if let Some(peer) = world.key_of(other) {
                let found = NetInput::Discovered { peer, addresses: vec![address(other)] };
                world.feed(node, Input::Net(found));
            }
        }
    }
}
