//! Whoever wishes a session ill: they hold a key, know everything that was written, and write whatever can be encoded.
//! One kind of history for each thing that they do, so that it can be told what was tried how often.

use super::dice::Dice;
use super::pool::{Set, is_claim, places};
use super::world::{DEVICES, World};
use crate::id::{RecordId, WorkspaceId};
use crate::payload::Payload;
use crate::record::Record;
use crate::testing::{
    add_member, agent_title, answer_to, attempt, claim, device, failure, message, message_as, reply, summary,
    title, turn,
};

/// What goes wrong in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing: all are honest, and the roster stays.
    Honest,
    /// All are honest; devices are revoked, members removed, roles changed.
    Revoker,
    /// All are honest; the agent is handed over, taken by force and retired.
    Mover,
    /// Writes on any antichain of old records.
    OldDeps,
    /// Writes several records on the same deps.
    Equivocator,
    /// Writes in a role that it has not, and roots of sessions that are not its own.
    Forger,
    /// Goes on writing after its revocation, as if it had not heard of it.
    BackDater,
    /// Answers and sums up without a title.
    GateBreaker,
    /// Claims without need, ends what is not open, names a wrong `prev`.
    TurnBreaker,
    /// Names deps, roster heads, sessions and workspaces that do not belong together.
    Misplacer,
    /// Brings the same request over several devices, and the same session twice.
    Repeater,
    /// Any of these.
    Any,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Honest,
        Self::Revoker,
        Self::Mover,
        Self::OldDeps,
        Self::Equivocator,
        Self::Forger,
        Self::BackDater,
        Self::GateBreaker,
        Self::TurnBreaker,
        Self::Misplacer,
        Self::Repeater,
        Self::Any,
    ];

    /// Of a hundred steps, how many are an adversary's and how many change the roster.
    pub(super) const fn shares(self) -> (usize, usize) {
        match self {
            Self::Honest => (0, 0),
            Self::Revoker | Self::Mover => (0, 12),
            Self::BackDater => (15, 12),
            Self::Forger | Self::Misplacer | Self::Any => (25, 5),
            Self::OldDeps | Self::Equivocator | Self::GateBreaker | Self::TurnBreaker | Self::Repeater => {
                (25, 2)
            }
        }
    }

    /// Whether everybody keeps to the protocol.
    pub(super) const fn is_honest(self) -> bool {
        matches!(self, Self::Honest | Self::Revoker | Self::Mover)
    }
}

/// What the adversary writes now.
pub(super) fn act(world: &World, dice: &mut Dice) -> Vec<Record> {
    if world.pool.records.is_empty() {
        return Vec::new();
    }
    let kind = if world.kind == Kind::Any {
        dice.pick(&Kind::ALL[3..Kind::ALL.len() - 1]).unwrap_or(world.kind)
    } else {
        world.kind
    };
    match kind {
        Kind::Honest | Kind::Revoker | Kind::Mover => Vec::new(),
        Kind::OldDeps | Kind::Any => vec![on_old(world, dice)],
        Kind::Equivocator => equivocate(world, dice),
        Kind::Forger => vec![forge(world, dice)],
        Kind::BackDater => vec![back_date(world, dice)],
        Kind::GateBreaker => vec![break_gate(world, dice)],
        Kind::TurnBreaker => vec![break_turn(world, dice)],
        Kind::Misplacer => vec![misplace(world, dice)],
        Kind::Repeater => repeat(world, dice),
    }
}

/// A few records that were admitted, none in another's past; lately written ones more often.
fn antichain(world: &World, dice: &mut Dice) -> Vec<RecordId> {
    let known: Vec<RecordId> = world.all.session.admitted().map(|entry| entry.signed.id()).collect();
    let from = if dice.one_in(2) { known.len().saturating_sub(6) } else { 0 };
    let picks: Vec<RecordId> = (0..=dice.below(3)).filter_map(|_| dice.pick(&known[from..])).collect();
    let set = world.pool.set(picks);
    world.pool.ids(world.pool.maximal(set)).into_iter().collect()
}

/// The least roster heads that dominate those of the deps.
fn roster_of(world: &World, deps: &[RecordId]) -> Vec<RecordId> {
    let entries = deps.iter().filter_map(|dep| world.all.session.entry(dep));
    let heads: Vec<RecordId> = entries.flat_map(|entry| entry.signed.record().roster.clone()).collect();
    let roster = &world.all.roster;
    let covered = |head: &RecordId| heads.iter().any(|by| by != head && roster.dominates(&[*by], &[*head]));
    heads.iter().copied().filter(|head| !covered(head)).collect()
}

fn roster_now_or_then(world: &World, deps: &[RecordId], dice: &mut Dice) -> Vec<RecordId> {
    if dice.one_in(2) { roster_of(world, deps) } else { world.all.roster_heads() }
}

/// Who may write `payload` under these roster heads.
fn author(world: &World, roster: &[RecordId], payload: &Payload, dice: &mut Dice) -> u8 {
    let creator = dice.pick(world.creators()).unwrap_or(DEVICES[0]);
    if payload.turn().is_none() {
        return creator;
    }
    let then = world.all.roster.at(roster);
    let host = then.and_then(|then| Some(then.agent(&world.header.agent)?.host));
    DEVICES.into_iter().find(|seed| Some(device(*seed)) == host).unwrap_or(creator)
}

fn on(world: &World, deps: &[RecordId], payload: Payload, dice: &mut Dice) -> Record {
    let roster = roster_now_or_then(world, deps, dice);
    let seed = author(world, &roster, &payload, dice);
    if deps.is_empty() {
        return world.open(seed, &world.all.roster_heads());
    }
    world.record(seed, &roster, deps, payload)
}

fn on_old(world: &World, dice: &mut Dice) -> Record {
    let deps = antichain(world, dice);
    let payload = plausible(world, &deps, dice);
    on(world, &deps, payload, dice)
}

/// What could well be written after `deps`.
fn plausible(world: &World, deps: &[RecordId], dice: &mut Dice) -> Payload {
    let pool = &world.pool;
    let below = pool.below(deps);
    let text = format!("x{}", pool.records.len());
    let tips = ids(world, pool.tips(below));
    let turns: Vec<_> = places(pool.open(below)).filter_map(|at| pool.payload(at).turn()).collect();
    let fresh = u8::try_from(pool.records.len()).unwrap();
    let mut inside = turn(fresh, dice.pick(&tips));
    let Some(open) = dice.pick(&turns) else {
        return match dice.below(12) {
            0..=5 if pool.inputs(below) != 0 => claim(inside),
            0 | 1 => title(&text),
            2 if pool.is_archived(below) => Payload::Unarchive {},
            2 => Payload::Archive {},
            3 | 4 => Payload::Retry { attempt: ended(world, below, dice) },
            5 => message_as("twice", "the same"),
            6 => answer_to(&text, dice.pick(&ids(world, below)).unwrap_or(world.start.founder)),
            _ => message(&text),
        };
    };
    inside.attempt = open.attempt;
    match dice.below(12) {
        0..=2 => agent_title(&text)(inside),
        3..=6 => reply(&text)(inside),
        7 => summary(&text)(inside),
        8 => failure(&text)(inside),
        9 => Payload::Stop { attempt: open.attempt },
        10 => title(&text),
        _ => message(&text),
    }
}

fn ids(world: &World, set: Set) -> Vec<RecordId> {
    world.pool.ids(set).into_iter().collect()
}

/// An attempt that failed in this past, or one that never was.
fn ended(world: &World, below: Set, dice: &mut Dice) -> crate::id::AttemptId {
    let failures = world.pool.of_kind(below, |payload| matches!(payload, Payload::Failure { .. }));
    let attempts: Vec<_> = places(failures).filter_map(|at| world.pool.payload(at).turn()).collect();
    dice.pick(&attempts).map_or_else(|| attempt(250), |turn| turn.attempt)
}

fn equivocate(world: &World, dice: &mut Dice) -> Vec<Record> {
    let deps = antichain(world, dice);
    let first = plausible(world, &deps, dice);
    let mut records = vec![on(world, &deps, first, dice)];
    for n in 1..=1 + dice.below(2) {
        let mut other = records[0].clone();
        other.at_ms += n as u64 * 1_000;
        if !deps.is_empty() && dice.one_in(2) {
            let payload = plausible(world, &deps, dice);
            if payload.role() == other.payload.role() {
                other.payload = payload;
            }
        }
        records.push(other);
    }
    records
}

fn forge(world: &World, dice: &mut Dice) -> Record {
    let seed = dice.pick(&DEVICES).unwrap_or(DEVICES[0]);
    if dice.one_in(6) {
        return world.open(seed, &world.all.roster_heads());
    }
    let mut record = on_old(world, dice);
    record.author = device(seed);
    record
}

/// A record of a device that lost its standing, under roster heads that do not know it.
fn back_date(world: &World, dice: &mut Dice) -> Record {
    let standing = world.all.roster.standing();
    let fallen: Vec<u8> = DEVICES
        .into_iter()
        .filter(|seed| standing.device(&device(*seed)).is_some() && !standing.stands(&device(*seed)))
        .collect();
    let deps = antichain(world, dice);
    let roster = roster_of(world, &deps);
    let Some(seed) = dice.pick(&fallen).filter(|_| !deps.is_empty()) else {
        return on_old(world, dice);
    };
    for _ in 0..6 {
        let payload = plausible(world, &deps, dice);
        if payload.turn().is_none() == world.creators().contains(&seed) {
            return world.record(seed, &roster, &deps, payload);
        }
    }
    world.record(seed, &roster, &deps, message("back"))
}

/// An answer where no title is below, if there is such a place.
fn break_gate(world: &World, dice: &mut Dice) -> Record {
    let pool = &world.pool;
    let admitted = pool.set(world.all.session.admitted().map(|entry| entry.signed.id()));
    let bare = |at: &usize| pool.open(pool.past(*at)) != 0 && !pool.is_titled(pool.past(*at));
    let untitled: Vec<usize> = places(admitted).filter(bare).collect();
    let Some(at) = dice.pick(&untitled) else {
        return on_old(world, dice);
    };
    let mut deps = vec![pool.id(at)];
    if dice.one_in(3) {
        // A title beside it, which does count.
        let picks = antichain(world, dice);
        let set = pool.set(picks.into_iter().chain(deps));
        deps = ids(world, pool.maximal(set));
    }
    let below = pool.below(&deps);
    let open = places(pool.open(below)).next().and_then(|at| pool.payload(at).turn());
    let mut inside = turn(0, dice.pick(&ids(world, pool.tips(below))));
    inside.attempt = open.map_or_else(|| attempt(0), |open| open.attempt);
    let payload = if dice.one_in(4) { summary("gate")(inside) } else { reply("gate")(inside) };
    on(world, &deps, payload, dice)
}

fn break_turn(world: &World, dice: &mut Dice) -> Record {
    let pool = &world.pool;
    let admitted = pool.set(world.all.session.admitted().map(|entry| entry.signed.id()));
    let quiet = |at: &usize| pool.open(pool.past(*at)) == 0 && pool.inputs(pool.past(*at)) == 0;
    let answered: Vec<usize> = places(admitted).filter(quiet).collect();
    // Where nothing is left to answer, or anywhere.
    let quiet = dice.pick(&answered).filter(|_| dice.one_in(2));
    let deps = quiet.map_or_else(|| antichain(world, dice), |at| vec![pool.id(at)]);
    let below = pool.below(&deps);
    let agents = pool.of_kind(below, |payload| payload.turn().is_some());
    let tip = dice.pick(&ids(world, pool.tips(below)));
    let claims: Vec<_> =
        places(pool.of_kind(pool.all(), is_claim)).filter_map(|at| pool.payload(at).turn()).collect();
    let mut used = turn(251, tip);
    used.attempt = dice.pick(&claims).map_or(used.attempt, |turn| turn.attempt);
    let fresh = u8::try_from(pool.records.len()).unwrap();
    let payload = match dice.below(7) {
        0 | 1 => claim(turn(fresh, tip)),
        2 => claim(used),
        3 => reply("late")(used),
        4 => failure("late")(used),
        5 => Payload::Stop { attempt: used.attempt },
        _ => {
            // A wrong `prev`: any older record of the agent, any record, or none.
            let mut inside = plausible(world, &deps, dice).turn().cloned().unwrap_or(used);
            let older = ids(world, if dice.one_in(3) { below } else { agents });
            inside.prev = dice.pick(&older).filter(|_| !dice.one_in(4));
            if pool.open(below) == 0 { claim(inside) } else { agent_title("prev")(inside) }
        }
    };
    on(world, &deps, payload, dice)
}

fn misplace(world: &World, dice: &mut Dice) -> Record {
    let mut record = on_old(world, dice);
    if record.deps.is_empty() {
        return record;
    }
    let below = ids(world, world.pool.below(&record.deps));
    let refused: Vec<RecordId> = world.all.refused.keys().copied().collect();
    match dice.below(9) {
        0..=2 => record.deps.extend(dice.pick(&below)),
        3 | 4 => record.roster = world.moments[dice.below(world.moments.len())].clone(),
        5 => record.deps.extend(dice.pick(&refused)),
        6 => record.deps = vec![RecordId::from_bytes([u8::try_from(dice.below(255)).unwrap(); 32])],
        7 => record.stream = world.start.header(8).key(&world.start.id()),
        _ if dice.one_in(2) => {
            let workspace = WorkspaceId::from_bytes([8; 32]);
            (record.workspace, record.stream) = (workspace, world.key());
        }
        _ => {
            record.stream = world.start.id().roster();
            record.roster = Vec::new();
            record.payload = add_member("mallory", crate::payload::MemberRole::Admin);
        }
    }
    record.deps.sort_unstable();
    record.deps.dedup();
    record
}

fn repeat(world: &World, dice: &mut Dice) -> Vec<Record> {
    let roster = world.all.roster_heads();
    if dice.one_in(5) {
        return world.creators().iter().map(|seed| world.open(*seed, &roster)).collect();
    }
    let deps = antichain(world, dice);
    let other = antichain(world, dice);
    let name = dice.pick(&["first", "twice", "again"]).unwrap_or("first");
    let text = dice.pick(&["hello", "the same", "another"]).unwrap_or("hello");
    let both = [deps, other].into_iter().filter(|deps| !deps.is_empty());
    both.map(|deps| {
        let seed = dice.pick(world.creators()).unwrap_or(DEVICES[0]);
        world.record(seed, &roster, &deps, message_as(name, text))
    })
    .collect()
}
