//! What has to hold at the end of every history, each check by itself: a violation comes back in words.

use std::collections::BTreeSet;

use super::adversary::Kind;
use super::naive::Naive;
use super::naive_view::Essentials;
use super::node::{Node, Violation};
use super::pool::{Pool, Set, check_facts, equal, has, places};
use super::world::World;
use crate::id::RecordId;
use crate::payload::Payload;
use crate::session::Session;
use crate::signed::{Signed, Verified};

/// One replica that was given everything, against the definitions.
pub(super) fn whole(world: &World, node: &Node) -> Result<(), Violation> {
    let naive = Naive::judge(&world.pool, &node.roster, &world.header);
    verdicts(&naive, admitted(world, node), node)?;
    check_facts(&node.session)?;
    meaning(&naive, node)
}

/// One replica in the middle of things: it admitted nothing that is not to be, and what it has means what it should.
pub(super) fn partial(world: &World, node: &Node) -> Result<(), Violation> {
    let mut naive = Naive::judge(&world.pool, &node.roster, &world.header);
    let admitted = admitted(world, node);
    equal("admitted and not to be", &world.pool.ids(admitted & !naive.admitted), &BTreeSet::new())?;
    naive.admitted = admitted;
    meaning(&naive, node)
}

fn admitted(world: &World, node: &Node) -> Set {
    world.pool.set(node.session.admitted().map(|entry| entry.signed.id()))
}

/// What counts, the view and the mirror, from what is admitted.
fn meaning(naive: &Naive<'_>, node: &Node) -> Result<(), Violation> {
    let counted = naive.pool.set(node.session.entries().map(|entry| entry.signed.id()));
    counts(naive, counted, node)?;
    if let Some(view) = node.view() {
        equal("the view", &Essentials::of(&view), &naive.essentials(node.roster.standing()))?;
    } else if counted != 0 {
        return Err("records count and nothing is seen".to_owned());
    }
    let aside = (naive.admitted & !counted).count_ones() as usize;
    equal("aside", &node.session.aside(), &aside)?;
    mirror(naive.pool, counted, node)
}

fn verdicts(naive: &Naive<'_>, admitted: Set, node: &Node) -> Result<(), Violation> {
    let Some(at) = places(admitted ^ naive.admitted).next() else {
        return Ok(());
    };
    let (record, is) = (naive.pool.record(at), if has(admitted, at) { "is" } else { "is not" });
    let refusal = node.refused.get(&naive.pool.id(at));
    Err(format!(
        "the verdict: {:?} {is} admitted ({refusal:?}, missing {:?})",
        record.payload,
        node.session.waiting()
    ))
}

/// INV-5: the closure by brute force, and that each maximal record counts by itself.
fn counts(naive: &Naive<'_>, counted: Set, node: &Node) -> Result<(), Violation> {
    let today = node.roster.standing();
    equal("INV-5: what counts", &naive.pool.ids(counted), &naive.pool.ids(naive.counted(today)))?;
    let closure = node.session.closure_of_standing(today);
    equal("INV-5: the closure", &closure, &naive.pool.ids(counted))?;
    let lent = |at: &usize| !naive.counts_alone(*at, today);
    match places(naive.pool.maximal(counted)).find(lent) {
        Some(at) => Err(format!("INV-5: {:?} counts by nobody's word", naive.pool.id(at))),
        None => Ok(()),
    }
}

/// Automerge, asked at the place of each record, knows the titles of its past and nothing else.
fn mirror(pool: &Pool, counted: Set, node: &Node) -> Result<(), Violation> {
    let Some(document) = node.session.document().filter(|_| counted != 0) else {
        return if counted == 0 { Ok(()) } else { Err("records count and there is no document".to_owned()) };
    };
    let title = |at: usize| match pool.payload(at) {
        Payload::Title { title, .. } => title.as_str().to_owned(),
        other => format!("{other:?}"),
    };
    let newest = |set| pool.newest(set, |payload| matches!(payload, Payload::Title { .. })).map(title);
    for at in places(counted) {
        let deps = &pool.record(at).deps;
        let below = pool.below(deps);
        if !deps.is_empty() {
            equal("automerge's title at the deps", &document.title_at(deps), &Some(newest(below)))?;
        }
        let titled = pool.is_titled(pool.past(at));
        let facts = node.session.entry(&pool.id(at)).map(|entry| entry.facts.titled);
        equal("titled", &facts, &Some(titled))?;
    }
    equal("automerge's title", &document.title(), &newest(counted))?;
    equal("automerge's heads", &document.heads().len(), &node.session.heads().len())?;
    let lines = pool.of_kind(counted, crate::rules::is_line);
    equal("automerge's thread", &document.thread_len(), &(lines.count_ones() as usize))
}

/// INV-2: two replicas with the same records and roster.
pub(super) fn same(left: &Node, right: &Node) -> Result<(), Violation> {
    again(left, right)?;
    equal("INV-2: waiting", &left.session.waiting(), &right.session.waiting())
}

/// INV-10: two replicas with the same admitted records and roster.
pub(super) fn again(left: &Node, right: &Node) -> Result<(), Violation> {
    alike(left, right)?;
    equal("author counts", &left.session.author_counts(), &right.session.author_counts())?;
    equal("aside", &left.session.aside(), &right.session.aside())
}

/// INV-2 for what counts alone: one of the two may hold records aside that the other never saw.
pub(super) fn alike(left: &Node, right: &Node) -> Result<(), Violation> {
    equal("INV-2: heads", left.session.heads(), right.session.heads())?;
    let counted = |node: &Node| -> BTreeSet<RecordId> {
        node.session.entries().map(|entry| entry.signed.id()).collect()
    };
    equal("INV-2: what counts", &counted(left), &counted(right))?;
    let seen = |node: &Node| node.view().map(|view| crate::view::View { aside: 0, ..view });
    equal("INV-2: views", &seen(left), &seen(right))?;
    let mirror = |node: &Node| node.session.document().map(crate::document::Document::heads);
    equal("INV-2: automerge heads", &mirror(left), &mirror(right))?;
    equal("INV-2: facts", &left.session.facts(), &right.session.facts())
}

/// What one replica says that another lacks: each after its deps or with them known there, nothing that is below the
/// heads, and, where nobody forked, all that is lacking.
pub(super) fn missing(
    from: &Session,
    to: &Session,
    lacking: &[&Signed<Verified>],
    kind: Kind,
    pool: &Pool,
) -> Result<(), Violation> {
    let counted = |session: &Session| pool.set(session.entries().map(|entry| entry.signed.id()));
    let (here, there) = (counted(from), counted(to));
    let told = pool.set(lacking.iter().map(|record| record.id()));
    let known = pool.ids(pool.maximal(there)).into_iter().filter(|head| from.entry(head).is_some());
    let known: Vec<RecordId> = known.collect();
    if told & pool.below(&known) != 0 || told & !here != 0 {
        return Err("missing_for: names what is known there, or does not count here".to_owned());
    }
    let order: Vec<Option<usize>> = lacking.iter().map(|record| pool.place(&record.id())).collect();
    for (at, place) in order.iter().enumerate() {
        let past = place.map_or(0, |place| pool.past(place));
        if order[at + 1..].iter().flatten().any(|later| has(past, *later)) {
            return Err("missing_for: a record comes before one of its past".to_owned());
        }
    }
    let forgotten = here & !there & !told;
    if kind == Kind::Honest && forgotten != 0 {
        return Err(format!("missing_for: forgets {:?}", pool.ids(forgotten)));
    }
    Ok(())
}
