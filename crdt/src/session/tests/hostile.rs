//! What one hostile session may cost those who hold it: an author who writes many histories at once.

use std::time::{Duration, Instant};

use crate::id::{AttemptId, RecordId};
use crate::limits::DEPS_MAX;
use crate::testing::{FOUNDER, HOST, Replica, claim, failure, message, title, turn};

/// Far more than it takes, far less than a walk for each question would.
const LONG: Duration = Duration::from_secs(5);

/// Messages beside each other that no claim covers, then `n` turns that do not see them.
fn turns_beside(n: u8) -> Replica {
    let mut replica = Replica::opened();
    let root = replica.heads();
    for i in 0..n {
        replica.put_on(FOUNDER, &root, message(&format!("beside {i}")));
    }
    let (mut on, mut tip) = (root, None);
    for i in 0..n {
        let asked = replica.put_on(FOUNDER, &on, message(&format!("asked {i}")));
        let mut turn = turn(1, tip);
        turn.attempt = AttemptId::from_parts(1, u128::from(i));
        let claimed = replica.put_on(HOST, &[asked], claim(turn.clone()));
        turn.prev = Some(claimed);
        let failed = replica.put_on(HOST, &[claimed], failure("no")(turn));
        (on, tip) = (vec![failed], Some(failed));
    }
    replica
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a bound on time is measured")]
fn a_view_does_not_walk_the_session_for_each_line_and_claim() {
    let replica = turns_beside(250);
    let start = Instant::now();
    let view = replica.view();
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert_eq!(view.lines.len(), 501);
    assert_eq!(view.lines.iter().filter(|line| line.sealed).count(), 251);
}

/// A chain with a title beside each of its records. Returns its end.
fn comb(n: usize) -> (Replica, RecordId) {
    let mut replica = Replica::opened();
    let mut last = replica.heads()[0];
    for i in 0..n {
        replica.put_on(FOUNDER, &[last], title(&format!("t{i}")));
        last = replica.put_on(FOUNDER, &[last], message(&format!("m{i}")));
    }
    (replica, last)
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn what_a_comb_costs() {
    for n in [250, 500, 1_000, 2_000] {
        let (mut replica, last) = comb(n);
        let start = Instant::now();
        replica.view();
        let view = start.elapsed();
        let mut deps: Vec<RecordId> = replica.heads().into_iter().filter(|head| *head != last).collect();
        deps.truncate(DEPS_MAX - 1);
        deps.push(last);
        let start = Instant::now();
        replica.put_on(FOUNDER, &deps, message("all"));
        println!("{n}: a view {view:?}, a record on {DEPS_MAX} heads {:?}", start.elapsed());
    }
}
