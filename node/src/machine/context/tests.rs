//! Tokens, generations and what is nearly full.

use super::super::input::AgentKind;
use super::super::policy::AgentPolicy;
use super::*;

/// An agent that is run by one word.
pub(in crate::machine) fn profile(command: &str) -> AgentProfile {
    AgentProfile {
        kind: AgentKind::Acp { command: vec![command.to_owned()] },
        cwd: None,
        env: Vec::new(),
        allow: Vec::new(),
        policy: AgentPolicy::DEFAULT,
        mode: None,
    }
}

#[test]
fn a_context_is_full_at_four_fifths() {
    let full = |used, size| Usage { used, size }.is_full();
    assert!(full(80, 100) && full(100, 100) && full(u64::MAX, u64::MAX) && full(160_000, 200_000));
    assert!(!full(79, 100) && !full(0, 100) && !full(5, 0));
}

#[test]
fn a_token_is_of_the_program_that_gave_it() {
    let (one, other) = (profile("one"), profile("other"));
    let row = ContextRow { token: Some("t".to_owned()), program: program_of(&one), ..ContextRow::default() };
    assert_eq!(row.token_for(&one).as_deref(), Some("t"));
    assert_eq!(row.token_for(&other), None);
    let elsewhere = AgentProfile { cwd: Some("/srv".to_owned()), ..one };
    assert_eq!(row.token_for(&elsewhere), None);
}

#[test]
fn rows_that_cannot_be_read_are_fresh_contexts() {
    let key = |n| StreamKey::from_bytes([n; 32]);
    let row = ContextRow { generation: 7, ..ContextRow::default() };
    let rows = [
        (vec![1; 32], rows::encode(&row)),
        (vec![2; 32], vec![1, 0xff]),
        (vec![3; 31], rows::encode(&row)),
        (vec![4; 32], Vec::new()),
    ];
    let contexts = Contexts::load(&rows);
    assert_eq!(contexts.get(&key(1)), row);
    for n in 2..5 {
        assert_eq!(contexts.get(&key(n)), ContextRow::default());
    }
}

/// A profile of before there were policies reads as one with the usual policy.
#[test]
fn an_older_profile_has_the_usual_policy() {
    #[derive(Encode)]
    #[cbor(array)]
    struct Older(#[n(0)] AgentKind, #[n(1)] Option<String>, #[n(2)] Vec<String>, #[n(3)] Vec<String>);
    let older = rows::encode(&Older(profile("one").kind, None, Vec::new(), Vec::new()));
    assert_eq!(rows::decode::<AgentProfile>(&older), Some(profile("one")));
}
