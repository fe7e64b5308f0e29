//! What a roster costs: the time of one admission, which is one fold, in histories of several sizes and shapes. Run with
//! `--ignored --nocapture` in release.

use std::time::Instant;

use super::story::{A, B, M, Story};
use super::{change, revoke};
use crate::id::RecordId;
use crate::payload::MemberRole::{Admin, Guest, Member};
use crate::payload::Payload;
use crate::signed::Signed;
use crate::testing::{FOUNDER, add_device, add_member, device, key, roster_record};

/// Grows a history to a size, with a removal each so many records.
type Shape = fn(&mut Grown, usize, usize);

struct Grown {
    story: Story,
    start: Vec<RecordId>,
    n: u64,
}

impl Grown {
    fn new() -> Self {
        let story = Story::new(FOUNDER);
        let start = story.start.heads().iter().copied().collect();
        Self { story, start, n: 0 }
    }

    /// Each record has a time of its own, so that no two are the same.
    fn put(&mut self, seed: u8, on: &[RecordId], payload: Payload) -> RecordId {
        self.n += 1;
        let roster = &mut self.story.roster;
        let record = roster_record(roster.workspace(), seed, &on.iter().copied().collect(), payload);
        let mut record = record.record().clone();
        record.at_ms += self.n;
        let signed = Signed::sign(record, &key(seed)).unwrap();
        let id = signed.id();
        roster.offer(signed);
        id
    }

    fn heads(&self) -> Vec<RecordId> {
        self.story.roster.heads().iter().copied().collect()
    }

    fn name(&self) -> String {
        format!("m{}", self.n)
    }
}

fn removal(n: usize, member: RecordId) -> Payload {
    if n.is_multiple_of(100) {
        change(member, Guest)
    } else {
        Payload::RemoveMember { member, cuts: Vec::new() }
    }
}

/// One after the other, now and then a removal.
fn line(grown: &mut Grown, size: usize, every: usize) {
    let mut last = None;
    for n in 0..size {
        let on = grown.heads();
        let (name, target) = (grown.name(), last.filter(|_| n % every == every - 1));
        let payload = target.map_or_else(|| add_member(&name, Member), |member| removal(n, member));
        last = Some(grown.put(if n % 3 == 0 { A } else { FOUNDER }, &on, payload));
    }
}

/// Three write side by side and meet now and then.
fn braid(grown: &mut Grown, size: usize, every: usize) {
    let mut tips = [grown.start.clone(), grown.start.clone(), grown.start.clone()];
    for n in 0..size {
        let (lane, seed) = (n % 3, [FOUNDER, A, B][n % 3]);
        if n % 30 < 3 {
            tips[lane] = grown.heads();
        }
        let name = grown.name();
        let on = tips[lane].clone();
        let members = grown.story.members.clone();
        let payload = if n % every == every - 1 { revoke(M) } else { add_member(&name, Member) };
        let payload = if n + 1 == size { change(members[&M], Admin) } else { payload };
        tips[lane] = vec![grown.put(seed, &on, payload)];
    }
}

/// All on the start, by a founder and an admin who equivocate; now and then the founder removes that admin again.
fn fan(grown: &mut Grown, size: usize, every: usize) {
    let a = grown.story.members[&A];
    let on = grown.start.clone();
    for n in 0..size {
        let name = grown.name();
        if n % every == every - 1 {
            let cut = crate::payload::Cut {
                device: device(B),
                kept: vec![(crate::id::StreamKey::from_bytes([1; 32]), vec![a])],
            };
            grown.put(FOUNDER, &on, Payload::RemoveMember { member: a, cuts: vec![cut] });
        } else {
            grown.put(A, &on, add_member(&name, Member));
        }
    }
}

/// An admin changes a role to and fro.
fn toggles(grown: &mut Grown, size: usize, _: usize) {
    let m = grown.story.members[&M];
    for n in 0..size {
        let on = grown.heads();
        grown.put(A, &on, change(m, if n % 2 == 0 { Guest } else { Member }));
    }
}

/// An admin asks for one name again and again, side by side.
fn names(grown: &mut Grown, size: usize, _: usize) {
    let on = grown.start.clone();
    for _ in 0..size {
        grown.put(A, &on, add_member("carl", Member));
    }
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn one_admission() {
    let shapes: [(&str, Shape); 5] =
        [("line", line), ("braid", braid), ("fan", fan), ("toggles", toggles), ("names", names)];
    for (name, shape) in shapes {
        for size in [100, 300, 1_000, 3_000] {
            let mut grown = Grown::new();
            let start = Instant::now();
            shape(&mut grown, size, (size / 50).max(2));
            let all = start.elapsed();
            let on = grown.heads().into_iter().take(1).collect::<Vec<_>>();
            let last = Instant::now();
            grown.put(FOUNDER, &on, add_device(grown.story.members[&FOUNDER], 30));
            let one = last.elapsed();
            let void = grown.story.roster.standing().void.len();
            println!(
                "{name} {size}: all {all:?}, one more {one:?}, {void} void of {}",
                grown.story.roster.records().count()
            );
        }
    }
}
