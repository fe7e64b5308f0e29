//! Seeds that found a bug, each with its story: they are run with every test, so that no bug comes back unseen. Add a line
//! when a seed of any scenario shows a bug of the product or of what watches it; the fix belongs to its cause, not here.

use starling_simulations::run::{Options, run};
use starling_simulations::scenarios;

/// Scenario, seed, and what it showed before it was mended.
const PINNED: [(&str, u64, &str); 18] = [
    (
        "agent-moves",
        9,
        "a host that had handed its agent over claimed one more session, beside the new host's turn",
    ),
    ("agent-moves", 47, "the same, between two other computers"),
    ("agent-moves", 100, "the same, with the other agent"),
    ("crash-storm", 98, "a disk that lied left a row of the list that nobody wrote, and it stayed for ever"),
    (
        "churn",
        1412,
        "a computer that knew only whom it joined through was alone for ever when that one was revoked",
    ),
    (
        "revocation",
        1076,
        "the same: all four that it knew were revoked, and nobody said where the others are",
    ),
    ("revocation", 1116, "the same, with other four"),
    (
        "crash-storm",
        50488,
        "a disk that lied lost records that nobody else had; the export went on showing them",
    ),
    ("crash-storm", 52292, "the same, with other records"),
    (
        "crash-storm",
        50765,
        "a disk that lied made zeros of a row; that was taken for a record that a node had stored unchecked",
    ),
    (
        "crash-storm",
        60231,
        "a disk that lied left a table in which the roster is found by its name alone; the checker did not find it",
    ),
    ("crash-storm", 50625, "a disk that lied left pages on which redb panicked when a store was dropped"),
    (
        "crash-storm",
        100603,
        "a disk that lied kept a row and lost records that it speaks of: peers were told that they are there, and brought none; \
         and what was asked of a computer whose damage showed only then was not asked of another one",
    ),
    (
        "crash-storm",
        101551,
        "a disk that lied left a page of a session on which redb panicked; the world took it that what starts can be read",
    ),
    (
        "crash-storm",
        206377,
        "a disk that lied left a page of another table in the list of sessions: rows of sessions that there are not, which \
         cannot be removed since they are out of order; the check of the store did not look at the list",
    ),
    (
        "agent-moves",
        203504,
        "a host handed its agent to a second device before it knew that the first one had taken it: both ran turns",
    ),
    (
        "revocation",
        50379,
        "a computer was let in, by one that was revoked, after everyone had become equal, and was compared before its turn",
    ),
    ("churn", 202778, "the same, and what it asked then was waited for, though nobody lets it in"),
];

#[test]
fn seeds_that_found_a_bug_find_none() {
    for (name, seed, story) in PINNED {
        let scenario = scenarios::by_name(name).unwrap();
        let outcome = run(&scenario, seed, Vec::new(), &Options::default());
        assert!(outcome.failures.is_empty(), "{name} {seed}, {story}: {:?}", outcome.failures);
    }
}
