//! Honest writers: people and the agent's host, who do what `command::decide` lets them do, on the heads and the roster
//! that their own replica has.

use super::dice::Dice;
use super::node::{Node, Violation};
use super::world::World;
use crate::command::{Command, Decision, decide};
use crate::id::AttemptId;
use crate::payload::MemberRole;
use crate::record::Record;
use crate::signed::Signed;
use crate::testing::{body, device, key, request};
use crate::text::{Reason, Summary, Title};
use crate::view::View;

/// Whoever sits at replica `at` writes something that they may.
pub(super) fn write(world: &mut World, at: usize, dice: &mut Dice) -> Result<(), Violation> {
    let node = &world.nodes[at];
    let seed = node.seed;
    let Some(record) = (0..4).find_map(|_| next(world, node, dice)) else {
        return Ok(());
    };
    let what = format!("{:?}", record.payload);
    let signed = Signed::sign(record, &key(seed)).map_err(|error| error.to_string())?;
    world.publish(&signed)?;
    let node = &mut world.nodes[at];
    if node.take(&signed, &world.pool)? {
        return Ok(());
    }
    let refusal = node.refused.get(&signed.id());
    Err(format!("what `decide` said to write was not admitted: {what}: {refusal:?}"))
}

/// What they write, if what they try is allowed.
fn next(world: &World, node: &Node, dice: &mut Dice) -> Option<Record> {
    let (me, member) = node.roster.standing().member_of(&device(node.seed))?;
    let creates = me == world.header.creator && member.role >= MemberRole::Member;
    let Some(view) = node.view() else {
        let wants = creates && !is_retired(world, node) && (world.pool.records.is_empty() || dice.one_in(8));
        return wants.then(|| world.open(node.seed, &node.roster_heads()));
    };
    let command = command(world, node, creates, &view, dice)?;
    match decide(&node.session, &view, me, command) {
        Ok(Decision::Write(payload)) => {
            let deps = node.session.write_deps(view.tip);
            Some(world.record(node.seed, &node.roster_heads(), &deps, payload))
        }
        Ok(Decision::Already(_)) | Err(_) => None,
    }
}

fn is_retired(world: &World, node: &Node) -> bool {
    node.roster.standing().agent(&world.header.agent).is_none_or(|agent| agent.retired)
}

fn command(world: &World, node: &Node, creates: bool, view: &View, dice: &mut Dice) -> Option<Command> {
    let text = format!("m{}", world.pool.records.len());
    let agent = node.roster.standing().agent(&world.header.agent)?;
    let hosts = agent.host == device(node.seed);
    if hosts && !(creates && dice.one_in(4)) {
        return Some(turn(world, node, agent.retired, view, &text, dice));
    }
    let message = |id: &str, text: &str, reply_to| Command::Message {
        body: body(text),
        request_id: request(id),
        reply_to,
    };
    creates.then(|| match dice.below(20) {
        0..=7 => message(&text, &text, None),
        8 => message(&text, &text, dice.pick(&view.lines.iter().map(|l| l.message_id).collect::<Vec<_>>())),
        9 | 10 => message("twice", "the same", None),
        11 | 12 => Command::Title(Title::new(text).unwrap()),
        13 => Command::Archive,
        14 | 15 => Command::Unarchive,
        16 => Command::Stop,
        17 => Command::Continue(world.start.header(9).key(&world.start.id())),
        _ => Command::Retry,
    })
}

/// The host's next step. A turn that it did not begin it ends.
fn turn(world: &World, node: &Node, retired: bool, view: &View, text: &str, dice: &mut Dice) -> Command {
    let fresh = AttemptId::from_parts(crate::testing::AT_MS, world.pool.records.len() as u128 + 1_000);
    let fail = |attempt| Command::Fail(attempt, Reason::cut("failed"));
    let Some(open) = view.open_attempts.first().copied() else {
        return if retired { fail(fresh) } else { Command::Claim(fresh) };
    };
    let claims = node.session.claims_of(&open);
    let own = claims.iter().filter_map(|claim| node.session.entry(claim));
    let inherited = own.map(|entry| entry.signed.record().author).all(|author| author != device(node.seed));
    if inherited || retired || view.open_attempts.len() > 1 {
        return fail(open);
    }
    match dice.below(8) {
        0..=2 => Command::SetTitle(open, Title::new(text.to_owned()).unwrap()),
        3..=5 => Command::Reply(open, body(text)),
        6 => Command::Summarize(open, Summary::new(text.to_owned()).unwrap()),
        _ => fail(open),
    }
}
