//! All histories of a few records by a few devices: each record on every past that its author could have had, in all
//! orders of arrival. The usual run takes seconds; `STARLING_ROSTER=full` asks for the large one (in release).

use super::check::{self, Counts, Outcome};
use super::oracle::Ids;
use super::story::{A, Act, B, K, M, RECOVERY, Story, device};
use crate::payload::MemberRole::{Admin, Guest, Member};
use crate::testing::FOUNDER;

/// What the devices try, and how much of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) promotes_b: u8,
    pub(super) acts: Vec<(u8, Vec<Act>)>,
    pub(super) records: usize,
    /// A device that does not build on what it wrote.
    pub(super) equivocates: Option<u8>,
}

impl Plan {
    /// Runs all of it; what was checked.
    pub(super) fn run(&self) -> Result<Counts, String> {
        let mut counts = Counts::default();
        self.extend(&Story::new(self.promotes_b), &mut counts).map_err(|e| format!("{}: {e}", self.name))?;
        Ok(counts)
    }

    fn extend(&self, story: &Story, counts: &mut Counts) -> Outcome {
        for past in pasts(story) {
            let standing = story.standing_at(&past);
            for (seed, acts) in &self.acts {
                let wrote =
                    |seed: u8| story.records.iter().filter(move |r| r.record().author == device(seed));
                if self.equivocates != Some(*seed) && !wrote(*seed).all(|own| past.contains(&own.id())) {
                    continue;
                }
                for act in acts {
                    for payload in story.payloads(&standing, *seed, *act) {
                        self.try_one(story, story.signed(*seed, &past, payload), counts)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Each set of records is made once: its last one has the greatest id of those that nothing follows.
    fn try_one(&self, story: &Story, record: super::Signed<super::Verified>, counts: &mut Counts) -> Outcome {
        let followed = |id| record.record().deps.contains(id);
        let heads = story.roster.heads().iter().filter(|id| !followed(id) && !story.start.contains(id));
        if heads.max().is_some_and(|head| *head >= record.id()) || story.roster.contains(&record.id()) {
            return Ok(());
        }
        let mut grown = story.clone();
        if !grown.push(record.clone())? {
            counts.refused += 1;
            return Ok(());
        }
        check::history(&grown, counts)?;
        check::heads_of_the_past(&grown, &record)?;
        if grown.records.len() < self.records { self.extend(&grown, counts) } else { Ok(()) }
    }
}

/// Every set of records of the story that holds the past of each of its members.
fn pasts(story: &Story) -> Vec<Ids> {
    let ids: Vec<_> = story.records.iter().map(super::Signed::id).collect();
    let pick =
        |bits: u32| -> Ids { (0..ids.len()).filter(|n| bits & (1 << n) != 0).map(|n| ids[n]).collect() };
    let closed = |set: &Ids| {
        set.iter()
            .all(|id| story.oracle.known[id].past.iter().all(|p| set.contains(p) || story.start.contains(p)))
    };
    (0..1 << ids.len()).map(pick).filter(closed).collect()
}

/// Everything that section 6 speaks of, four records deep; in the usual run the first acts of each, three deep.
fn wide(promotes_b: u8) -> Plan {
    let mut acts = vec![
        (
            FOUNDER,
            vec![
                Act::Remove(A),
                Act::Role(B, Member),
                Act::Role(M, Admin),
                Act::Device(FOUNDER, K),
                Act::Revoke(A, 1),
            ],
        ),
        (A, vec![Act::Remove(B), Act::Role(B, Guest), Act::Member(1, Admin), Act::Device(A, K), Act::Take]),
        (B, vec![Act::Remove(A), Act::Revoke(A, 2), Act::Role(M, Guest), Act::Device(M, K), Act::Take]),
        (K, vec![Act::Member(2, Member), Act::Remove(B)]),
    ];
    if !is_full() {
        acts.iter_mut().for_each(|(_, acts)| acts.truncate(acts.len() - 1));
    }
    Plan { name: "wide", promotes_b, acts, records: if is_full() { 4 } else { 3 }, equivocates: None }
}

/// Few acts each, four records deep.
pub(super) fn deep() -> Vec<Plan> {
    let plan = |name, acts| Plan { name, promotes_b: FOUNDER, acts, records: 4, equivocates: None };
    vec![
        plan(
            "mutual",
            vec![
                (FOUNDER, vec![Act::Role(B, Member)]),
                (A, vec![Act::Remove(B), Act::Device(A, K)]),
                (B, vec![Act::Remove(A), Act::Role(M, Admin)]),
            ],
        ),
        plan(
            "chains",
            vec![
                (FOUNDER, vec![Act::Remove(A)]),
                (A, vec![Act::Role(M, Admin), Act::Device(A, K)]),
                (M, vec![Act::Member(1, Guest), Act::Remove(B)]),
                (K, vec![Act::Member(2, Guest)]),
            ],
        ),
        plan(
            "a revoked key",
            vec![
                (FOUNDER, vec![Act::Remove(A), Act::Device(FOUNDER, K)]),
                (A, vec![Act::Device(A, K)]),
                (B, vec![Act::Revoke(K, 1)]),
            ],
        ),
        plan(
            "handovers",
            vec![(A, vec![Act::Hand(M), Act::Take]), (B, vec![Act::Take]), (M, vec![Act::Accept])],
        ),
        plan(
            "a void handover",
            vec![(FOUNDER, vec![Act::Remove(A)]), (A, vec![Act::Hand(M)]), (M, vec![Act::Accept, Act::Take])],
        ),
        plan(
            "recovery",
            vec![
                (RECOVERY, vec![Act::Device(RECOVERY, K), Act::Revoke(FOUNDER, 0)]),
                (FOUNDER, vec![Act::Revoke(K, 1), Act::Role(M, Admin)]),
                (K, vec![Act::Remove(A)]),
            ],
        ),
        Plan {
            promotes_b: A,
            ..plan(
                "settled",
                vec![
                    (M, vec![Act::Device(M, K)]),
                    (FOUNDER, vec![Act::Role(M, Admin)]),
                    (B, vec![Act::Remove(M)]),
                    (K, vec![Act::Remove(A), Act::Remove(B)]),
                ],
            )
        },
        plan(
            "cuts",
            vec![
                (FOUNDER, vec![Act::Revoke(A, 1)]),
                (A, vec![Act::Revoke(B, 2)]),
                (B, vec![Act::Revoke(A, 3)]),
            ],
        ),
        Plan {
            promotes_b: A,
            ..plan(
                "a device of a device",
                vec![
                    (B, vec![Act::Device(M, K), Act::Remove(M)]),
                    (FOUNDER, vec![Act::Role(M, Admin)]),
                    (K, vec![Act::Device(K, K + 1), Act::Member(1, Guest)]),
                    (K + 1, vec![Act::Remove(B)]),
                ],
            )
        },
        Plan {
            equivocates: Some(A),
            ..plan(
                "an equivocator",
                vec![
                    (A, vec![Act::Remove(B), Act::Role(M, Admin), Act::Role(M, Guest)]),
                    (B, vec![Act::Remove(A)]),
                ],
            )
        },
    ]
}

fn report(name: &str, counts: Counts) {
    let Counts { histories, orders, void, refused } = counts;
    println!("{name}: {histories} histories in {orders} orders, {void} void records, {refused} refused");
    assert!(histories > 10 && orders > histories);
}

fn is_full() -> bool {
    std::env::var("STARLING_ROSTER").is_ok_and(|size| size == "full")
}

#[test]
fn all_histories_of_two_admins_promoted_by_the_founder() {
    let plan = wide(FOUNDER);
    report(plan.name, plan.run().unwrap());
}

#[test]
fn all_histories_of_an_admin_and_whom_they_promoted() {
    let plan = wide(A);
    report(plan.name, plan.run().unwrap());
}

#[test]
fn all_histories_four_records_deep() {
    for plan in deep() {
        report(plan.name, plan.run().unwrap());
    }
}
