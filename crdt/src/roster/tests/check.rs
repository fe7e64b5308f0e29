//! What must hold of every history, in every order of arrival. An error tells what does not.

use std::collections::BTreeSet;

use super::oracle::{Ids, Oracle, is_removal};
use super::story::{RECOVERY, Story, device};
use crate::id::RecordId;
use crate::payload::Payload;
use crate::roster::{Roster, Standing};
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::testing::FOUNDER;

pub(super) type Outcome = Result<(), String>;

/// How much was checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) histories: usize,
    pub(super) orders: usize,
    pub(super) void: usize,
    pub(super) refused: usize,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}

/// A whole history: against the definition, and in all orders of arrival.
pub(super) fn history(story: &Story, counts: &mut Counts) -> Outcome {
    counts.histories += 1;
    counts.void += story.roster.standing().void.len();
    against_definition(story)?;
    safety(story)?;
    let mut arrivals = Arrivals { story, counts };
    arrivals.next(&story.start, &mut (0..story.records.len()).collect())?;
    backwards(story)
}

/// Last record first: everything waits, and is released at once.
pub(super) fn backwards(story: &Story) -> Outcome {
    let mut roster = story.start.clone();
    for record in story.records.iter().rev() {
        roster.offer(record.clone());
    }
    ensure(roster.standing() == story.roster.standing(), || {
        describe(story, "arrived backwards, another standing")
    })
}

struct Arrivals<'a> {
    story: &'a Story,
    counts: &'a mut Counts,
}

impl Arrivals<'_> {
    fn next(&mut self, roster: &Roster, left: &mut Vec<usize>) -> Outcome {
        for n in 0..left.len() {
            let record = &self.story.records[left[n]];
            if !record.record().deps.iter().all(|dep| roster.contains(dep)) {
                continue;
            }
            let mut grown = roster.clone();
            let taken = matches!(grown.offer(record.clone()), Offer::Admitted(_));
            ensure(taken, || describe(self.story, "refused in another order"))?;
            let at = left.remove(n);
            if left.is_empty() {
                self.counts.orders += 1;
                let same = grown.standing() == self.story.roster.standing();
                ensure(same, || describe(self.story, "another standing in another order"))?;
                last(self.story, roster.standing(), record)?;
            } else {
                self.next(&grown, left)?;
            }
            left.insert(n, at);
        }
        Ok(())
    }
}

/// What the last record to arrive did: nothing at all if a removal hits it, and nothing void unless it takes away.
fn last(story: &Story, before: &Standing, record: &Signed<Verified>) -> Outcome {
    let (after, id) = (story.roster.standing(), record.id());
    let hits = |r: &Signed<Verified>| !after.is_void(&r.id()) && story.oracle.unsays(&r.id(), &id);
    if story.records.iter().any(hits) {
        let mut without = Standing::clone(after);
        let void = without.void.remove(&id);
        ensure(void && without == *before, || describe(story, "what was unsaid has an effect"))?;
    }
    let made_void = after.void.difference(&before.void).any(|void| *void != id);
    ensure(is_removal(record) || !made_void, || describe(story, "an addition made something void"))
}

/// The fold says what the definition says.
pub(super) fn against_definition(story: &Story) -> Outcome {
    let (standing, world) = (story.roster.standing(), story.oracle.world(&story.all()));
    let say = |what: &str| describe(story, what);
    ensure(standing.void == world.void, || say("other records are void"))?;
    let members = world.members.iter().map(|(id, (role, _))| (*id, *role, world.removed.contains(id)));
    ensure(standing.members().map(|(id, m)| (*id, m.role, m.removed)).eq(members), || say("other members"))?;
    let devices = world.devices.iter().map(|(k, d)| (*k, d.member, d.added, world.revoked.contains(k)));
    let is = standing.devices().map(|(key, d)| (*key, d.member, d.record, d.revoked));
    ensure(is.eq(devices), || say("other devices"))?;
    let agents = world.agents.iter().map(|(id, (h, epoch, _))| (*id, *h, *epoch, world.retired.contains(id)));
    let is = standing.agents().map(|(id, agent)| (*id, agent.host, agent.epoch, agent.retired));
    ensure(is.eq(agents), || say("other agents"))?;
    ensure(standing.handovers().map(|(id, _)| *id).eq(world.open), || say("other handovers"))?;
    ensure(standing.revoked == world.revoked, || say("other keys are revoked"))?;
    let cuts: BTreeSet<_> = standing
        .cuts
        .iter()
        .flat_map(|(device, kept)| {
            kept.iter().flat_map(move |(stream, ids)| ids.iter().map(move |id| (*device, *stream, *id)))
        })
        .collect();
    ensure(cuts == world.cuts, || say("other cuts"))?;
    let mut seniors: Vec<_> = standing.members().collect();
    seniors.sort_by_key(|(_, member)| &member.seniority);
    let mut by_definition: Vec<_> = world.members.iter().collect();
    by_definition.sort_by_key(|(_, (_, senior))| senior);
    ensure(seniors.iter().map(|m| m.0).eq(by_definition.iter().map(|m| m.0)), || say("another seniority"))
}

/// What must hold in every state, whatever the definition says.
pub(super) fn safety(story: &Story) -> Outcome {
    let standing = story.roster.standing();
    let live = || story.records.iter().filter(|record| !standing.is_void(&record.id()));
    founder(story)?;
    for one in live().filter(|record| is_removal(record)) {
        // Of two who unsay each other exactly one stands; the oracle's ranks decide which in `against_definition`.
        let other = live().find(|other| mutual(&story.oracle, one, other));
        ensure(other.is_none(), || describe(story, "both of two who removed each other stand"))?;
    }
    for record in &story.records {
        past_allows(story, record)?;
        ranks(story, record)?;
    }
    Ok(())
}

fn mutual(oracle: &Oracle, one: &Signed<Verified>, other: &Signed<Verified>) -> bool {
    let whom = |record: &Signed<Verified>| match &record.record().payload {
        Payload::RemoveMember { member, .. } => Some(*member),
        _ => None,
    };
    let (a, b) = (&oracle.known[&one.id()], &oracle.known[&other.id()]);
    let concurrent = !a.past.contains(&other.id()) && !b.past.contains(&one.id());
    one.id() != other.id()
        && concurrent
        && whom(one).is_some()
        && whom(one) == b.member
        && whom(other) == a.member
}

fn founder(story: &Story) -> Outcome {
    let standing = story.roster.standing();
    let founder = story.members[&FOUNDER];
    let revoked = story.records.iter().any(|record| {
        let by = story.oracle.known[&record.id()].member;
        matches!(&record.record().payload, Payload::RevokeDevice { cut } if cut.device == device(FOUNDER))
            && (by == Some(founder) || record.record().author == device(RECOVERY))
    });
    ensure(revoked || standing.stands(&device(FOUNDER)), || describe(story, "the founder does not stand"))
}

/// Nobody without standing in the past is admitted; and the past is what a replica holds that has no more.
fn past_allows(story: &Story, record: &Signed<Verified>) -> Outcome {
    let author = record.record().author;
    let at = story.roster.at(&record.record().deps);
    let stands = at.is_some_and(|at| at.stands(&author) || author == device(RECOVERY));
    ensure(stands, || describe(story, "admitted without standing"))
}

/// Nobody outranks who promoted them, nor who added their device or the device that added it.
fn ranks(story: &Story, record: &Signed<Verified>) -> Outcome {
    let known = &story.oracle.known;
    let outranked = |by: &RecordId| story.roster.rank_of(by) < story.roster.rank_of(&record.id());
    let grounds = |id: &RecordId| known[id].member.map(|member| (member, &known[id].grounds));
    let Some((me, [device, _, roles, ..])) = grounds(&record.id()).map(|(me, grounds)| (me, &grounds[..]))
    else {
        return Ok(());
    };
    let is_grant = |id: &RecordId| known[id].member.is_some_and(|by| by != me);
    let promoted = roles.iter().filter(|id| roles.len() == 1 && is_grant(id)).all(outranked);
    ensure(promoted, || describe(story, "somebody outranks who promoted them"))?;
    let mut added = device.first().copied();
    while let Some(by) = added {
        let Some((adder, grounds)) = grounds(&by) else { break };
        ensure(adder == me || outranked(&by), || describe(story, "a device outranks who added it"))?;
        added = grounds.first().and_then(|ids| ids.first().copied()).filter(|_| adder == me);
    }
    Ok(())
}

/// What stood at each record is the standing of a fresh replica that holds no more than its past.
pub(super) fn heads_of_the_past(story: &Story, record: &Signed<Verified>) -> Outcome {
    let mut fresh = story.start.clone();
    let known = &story.oracle.known[&record.id()];
    for other in story.records.iter().filter(|other| known.past.contains(&other.id())) {
        fresh.offer(other.clone());
    }
    fresh.offer(record.clone());
    let at = story.roster.at(&[record.id()]);
    ensure(at.as_ref() == Some(fresh.standing()), || {
        describe(story, "the past is not what a replica held then")
    })
}

/// The history as text, for a failure.
pub(super) fn describe(story: &Story, what: &str) -> String {
    let name = |id: &RecordId| story.records.iter().position(|r| r.id() == *id).map(|n| format!("r{n}"));
    let seed = |record: &Signed<Verified>| (0..28).find(|seed| device(*seed) == record.record().author);
    let mut text = format!("{what}; members {:?}\n", story.members);
    for (n, record) in story.records.iter().enumerate() {
        let deps: Vec<_> = record.record().deps.iter().filter_map(name).collect();
        let void = if story.roster.standing().is_void(&record.id()) { " void" } else { "" };
        let by = seed(record);
        text += &format!("r{n} by {by:?} on {deps:?}{void}: {:?}\n", record.record().payload);
    }
    let ids: Ids = story.oracle.world(&story.all()).void;
    text + &format!("void by definition: {:?}", ids.iter().map(name).collect::<Vec<_>>())
}
