//! Random histories: more devices and records than all histories could have, back-dated and equivocating.
//! `STARLING_CASES` asks for more of them.

use super::check::{self, Counts};
use super::oracle::Ids;
use super::story::{A, Act, B, K, M, RECOVERY, Story, device};
use crate::payload::MemberRole::{Admin, Guest, Member};
use crate::roster::Roster;
use crate::testing::FOUNDER;

const RECORDS: usize = 30;
const DEVICES: [u8; 9] = [FOUNDER, A, B, M, K, K + 1, K + 2, K + 3, RECOVERY];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn device(&mut self) -> u8 {
        DEVICES[self.below(DEVICES.len())]
    }

    fn act(&mut self, n: u16) -> Act {
        let (whom, role) = (self.device(), [Guest, Member, Admin, Admin][self.below(4)]);
        let new = K + u8::try_from(self.below(4)).unwrap();
        match self.below(16) {
            0 if !n.is_multiple_of(3) => Act::Remove(whom),
            1..=3 => Act::Role(whom, role),
            4 | 5 => Act::Revoke(whom, u8::try_from(self.below(4)).unwrap()),
            6 | 7 => Act::Member(n, role),
            8..=10 => Act::Device(whom, new),
            11 => Act::Host(n),
            12 | 13 => Act::Take,
            14 => Act::Hand(whom),
            15 if n.is_multiple_of(40) => Act::Retire,
            15 if n.is_multiple_of(4) => Act::Merge,
            _ => Act::Accept,
        }
    }
}

/// A few of the records and their past; all own ones unless the author equivocates.
fn past(story: &Story, seed: u8, dice: &mut Dice) -> Ids {
    let mut past = Ids::new();
    let recent = dice.below(5) < 2;
    let equivocates = dice.below(8) == 0;
    for (n, record) in story.records.iter().enumerate() {
        let own = record.record().author == device(seed) && !equivocates;
        if own || dice.below(6) == 0 || recent && n + 3 > story.records.len() {
            past.insert(record.id());
            past.extend(story.oracle.known[&record.id()].past.iter().filter(|id| !story.start.contains(id)));
        }
    }
    past
}

fn story(seed: u64) -> Result<Story, String> {
    let mut dice = Dice(seed);
    let mut story = Story::new(if seed.is_multiple_of(2) { FOUNDER } else { A });
    for n in 0..2_000 {
        if story.records.len() == RECORDS {
            break;
        }
        let seed = dice.device();
        let past = past(&story, seed, &mut dice);
        let act = dice.act(n);
        let standing = story.standing_at(&past);
        for payload in story.payloads(&standing, seed, act).into_iter().take(1) {
            let record = story.signed(seed, &past, payload);
            if record.record().deps.len() <= crate::limits::DEPS_MAX && !story.roster.contains(&record.id()) {
                story.push(record)?;
            }
        }
    }
    Ok(story)
}

/// Arrives in another order, chosen at random; some before their past.
fn shuffled(story: &Story, dice: &mut Dice) -> Roster {
    let mut roster = story.start.clone();
    let mut left = story.records.clone();
    while !left.is_empty() {
        roster.offer(left.swap_remove(dice.below(left.len())));
    }
    roster
}

/// Checks `cases` histories from `first` on.
pub(super) fn run(first: u64, cases: u64) -> Result<(Counts, usize), String> {
    let (mut counts, mut records) = (Counts::default(), 0);
    for seed in first..first + cases {
        let told = |e| format!("history {seed}: {e}");
        let story = story(seed).map_err(told)?;
        check::against_definition(&story).map_err(told)?;
        check::safety(&story).map_err(told)?;
        check::backwards(&story).map_err(told)?;
        for record in story.records.iter().rev().take(3) {
            check::heads_of_the_past(&story, record).map_err(told)?;
        }
        for order in 0..3 {
            let other = shuffled(&story, &mut Dice(seed ^ (order << 32)));
            if other.standing() != story.roster.standing() {
                return Err(told(check::describe(&story, "another standing in another order")));
            }
        }
        records += story.records.len();
        counts.histories += 1;
        counts.void += story.roster.standing().void.len();
    }
    Ok((counts, records))
}

#[test]
fn random_histories() {
    let cases = std::env::var("STARLING_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12);
    let (counts, records) = run(0, cases).unwrap();
    println!("{} histories, {records} records, {} of them void", counts.histories, counts.void);
    assert!(counts.void > counts.histories && records > 20 * counts.histories);
}
