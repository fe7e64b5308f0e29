//! Section 6 of the data model, sentence by sentence: whose word stands, and what it makes void. Each story is told in
//! every order of arrival.

use super::story::{A, B, K, M, RECOVERY, Story, device};
use super::{change, remove};
use crate::id::RecordId;
use crate::payload::MemberRole::{Admin, Guest, Member};
use crate::payload::{Cut, MemberRole, Payload};
use crate::roster::tests::check::{self, Counts};
use crate::testing::{FOUNDER, add_device, add_member, host_agent};

/// A story whose records are named by what they are built on.
pub(super) struct Told(pub(super) Story);

impl Told {
    pub(super) fn new(promotes_b: u8) -> Self {
        Self(Story::new(promotes_b))
    }

    /// Writes on these records (on the start, if there are none); it must be admitted.
    pub(super) fn on(&mut self, past: &[RecordId], seed: u8, payload: Payload) -> RecordId {
        let (id, admitted) = self.attempt(past, seed, payload);
        assert!(admitted, "{}", check::describe(&self.0, "refused"));
        id
    }

    pub(super) fn refused(&mut self, past: &[RecordId], seed: u8, payload: Payload) -> bool {
        !self.attempt(past, seed, payload).1
    }

    fn attempt(&mut self, past: &[RecordId], seed: u8, payload: Payload) -> (RecordId, bool) {
        let record = self.0.signed(seed, &past.iter().copied().collect(), payload);
        (record.id(), self.0.push(record).unwrap())
    }

    pub(super) fn member(&self, seed: u8) -> RecordId {
        self.0.members[&seed]
    }

    /// All checks in all orders; then which of these are void.
    pub(super) fn void(&self, of: &[RecordId]) -> Vec<bool> {
        check::history(&self.0, &mut Counts::default()).unwrap();
        of.iter().map(|id| self.0.roster.standing().is_void(id)).collect()
    }

    pub(super) fn is_removed(&self, seed: u8) -> bool {
        self.0.roster.standing().member(&self.member(seed)).unwrap().removed
    }

    pub(super) fn stands(&self, seed: u8) -> bool {
        self.0.roster.standing().stands(&device(seed))
    }

    pub(super) fn role(&self, seed: u8) -> MemberRole {
        self.0.roster.standing().member(&self.member(seed)).unwrap().role
    }
}

pub(super) fn revoke_with(seed: u8, kept: &[u8]) -> Payload {
    let ids = kept.iter().map(|n| RecordId::from_bytes([*n; 32])).collect();
    let stream = crate::id::StreamKey::from_bytes([1; 32]);
    let kept = if kept.is_empty() { Vec::new() } else { vec![(stream, ids)] };
    Payload::RevokeDevice { cut: Cut { device: device(seed), kept } }
}

#[test]
fn of_two_who_remove_each_other_the_senior_ones_word_stands() {
    for promotes_b in [FOUNDER, A] {
        let mut told = Told::new(promotes_b);
        let (a, b) = (told.member(A), told.member(B));
        let by_a = told.on(&[], A, remove(b));
        let by_b = told.on(&[], B, remove(a));
        assert_eq!(told.void(&[by_a, by_b]), [false, true]);
        assert!(told.is_removed(B) && !told.is_removed(A));
    }
}

#[test]
fn a_junior_removes_a_senior_who_does_not_object() {
    let mut told = Told::new(A);
    let a = told.member(A);
    let kept = told.on(&[], A, add_member("carl", Guest));
    let removal = told.on(&[kept], B, remove(a));
    // What the senior one wrote without having seen it stands, though they are gone.
    let unseen = told.on(&[kept], A, add_member("dora", Guest));
    assert_eq!(told.void(&[kept, removal, unseen]), [false; 3]);
    assert!(told.is_removed(A));
    assert!(told.refused(&[removal, unseen], A, add_member("emil", Guest)));
    // Until the senior one objects.
    let b = told.member(B);
    let objection = told.on(&[unseen], A, remove(b));
    assert_eq!(told.void(&[removal, objection]), [true, false]);
    assert!(told.is_removed(B) && !told.is_removed(A));
}

#[test]
fn what_the_removed_wrote_unseen_does_not_stand_nor_what_rests_on_it() {
    let mut told = Told::new(FOUNDER);
    let (a, m) = (told.member(A), told.member(M));
    let seen = told.on(&[], A, add_member("carl", Guest));
    let removal = told.on(&[seen], FOUNDER, remove(a));
    let promotion = told.on(&[seen], A, change(m, Admin));
    let phone = told.on(&[promotion], A, add_device(a, K));
    let agent = told.on(&[phone], A, host_agent("gpt", A));
    let by_phone = told.on(&[phone], K, add_member("dora", Guest));
    let by_promoted = told.on(&[promotion], M, add_member("emil", Guest));
    let by_itself = told.on(&[promotion], M, host_agent("mini", M));
    let void = told.void(&[seen, removal, promotion, phone, agent, by_phone, by_promoted, by_itself]);
    assert_eq!(void, [false, false, true, true, true, true, true, false]);
    assert_eq!(told.role(M), Member);
    assert!(!told.stands(K) && told.0.roster.standing().device(&device(K)).is_none());
}

#[test]
fn a_void_member_has_no_devices_whoever_adds_them() {
    let mut told = Told::new(FOUNDER);
    let a = told.member(A);
    told.on(&[], FOUNDER, remove(a));
    let carl = told.on(&[], A, add_member("carl", Member));
    let own = told.on(&[carl], B, add_device(carl, K));
    let by_carl = told.on(&[own], K, host_agent("gpt", K));
    assert_eq!(told.void(&[carl, own, by_carl]), [true, false, true]);
    assert!(!told.stands(K));
    // The key was never anybody's: it is free.
    let heads: Vec<RecordId> = told.0.roster.heads().iter().copied().collect();
    let b = told.member(B);
    told.on(&heads, B, add_device(b, K));
    assert!(told.stands(K));
}

#[test]
fn a_demotion_undoes_only_what_needed_the_lost_role() {
    let mut told = Told::new(FOUNDER);
    let a = told.member(A);
    let demotion = told.on(&[], FOUNDER, change(a, Member));
    let phone = told.on(&[], A, add_device(a, K));
    let agent = told.on(&[phone], K, host_agent("gpt", K));
    let member = told.on(&[phone], K, add_member("carl", Guest));
    assert_eq!(told.void(&[demotion, phone, agent, member]), [false, false, false, true]);
    assert!(told.stands(K));
    let mut told = Told::new(FOUNDER);
    told.on(&[], FOUNDER, change(a, Guest));
    let phone = told.on(&[], A, add_device(a, K));
    assert_eq!(told.void(&[phone]), [true]);
}

#[test]
fn of_two_devices_of_a_member_the_earlier_ones_word_stands() {
    let mut told = Told::new(FOUNDER);
    let a = told.member(A);
    let phone = told.on(&[], A, add_device(a, K));
    let by_phone = told.on(&[phone], K, revoke_with(A, &[]));
    let by_laptop = told.on(&[phone], A, revoke_with(K, &[]));
    assert_eq!(told.void(&[by_phone, by_laptop]), [true, false]);
    assert!(told.stands(A) && !told.stands(K));
    // Not contradicted, a stolen laptop falls too; what it wrote unseen is the senior device's and stands.
    let mut told = Told::new(FOUNDER);
    let phone = told.on(&[], A, add_device(a, K));
    let by_phone = told.on(&[phone], K, revoke_with(A, &[]));
    let unseen = told.on(&[phone], A, add_member("carl", Guest));
    assert_eq!(told.void(&[by_phone, unseen]), [false, false]);
    assert!(!told.stands(A));
}

#[test]
fn the_recovery_key_outranks_the_founder() {
    let mut told = Told::new(FOUNDER);
    let founder = told.member(FOUNDER);
    let back = told.on(&[], RECOVERY, add_device(founder, K));
    let revoked = told.on(&[back], RECOVERY, revoke_with(FOUNDER, &[]));
    let thief = told.on(&[back], FOUNDER, revoke_with(K, &[]));
    let purge = told.on(&[], FOUNDER, remove(told.member(A)));
    assert_eq!(told.void(&[back, revoked, thief, purge]), [false, false, true, true]);
    assert!(told.stands(K) && !told.stands(FOUNDER) && told.stands(A));
    assert!(told.refused(&[back], RECOVERY, remove(told.member(A))));
}

#[test]
fn nobody_adds_a_device_to_a_more_senior_member() {
    let mut told = Told::new(A);
    let (founder, a, b) = (told.member(FOUNDER), told.member(A), told.member(B));
    assert!(told.refused(&[], A, add_device(founder, K)));
    assert!(told.refused(&[], B, add_device(a, K)));
    let phone = told.on(&[], A, add_device(b, K));
    assert_eq!(told.void(&[phone]), [false]);
}

#[test]
fn a_device_never_outranks_who_added_it_nor_does_one_that_it_adds() {
    let mut told = Told::new(A);
    let (b, m) = (told.member(B), told.member(M));
    // B puts devices of its own on a member who then rises above B.
    let planted = told.on(&[], B, add_device(m, K));
    let rises = told.on(&[planted], FOUNDER, change(m, Admin));
    let second = told.on(&[rises], K, add_device(m, K + 1));
    let third = told.on(&[second], K + 1, add_device(m, K + 2));
    let own = told.on(&[rises], M, add_device(m, K + 3));
    let removal = told.on(&[third, own], K + 2, remove(b));
    let objection = told.on(&[third, own], B, revoke_with(K + 2, &[]));
    assert_eq!(told.void(&[removal, objection]), [true, false], "of B's rank at most");
    let by_m = told.on(&[third, own], K + 3, remove(b));
    assert_eq!(told.void(&[removal, objection, by_m]), [false, true, false]);
    // Nor does it add one to a member whom it does not outrank, though its member does.
    assert!(told.refused(&[third], K + 2, add_device(b, K + 4)));
    assert!(!told.refused(&[third, own], K + 3, add_device(b, K + 4)));
}

#[test]
fn the_causally_last_word_on_a_role_stands_and_of_concurrent_ones_the_senior() {
    let mut told = Told::new(FOUNDER);
    let m = told.member(M);
    let up = told.on(&[], B, change(m, Admin));
    told.on(&[], A, change(m, Guest));
    told.void(&[]);
    assert_eq!(told.role(M), Guest, "A is more senior than B");
    told.on(&[up], FOUNDER, change(m, Member));
    told.void(&[]);
    assert_eq!(told.role(M), Member, "the founder is more senior than A");
    let heads: Vec<RecordId> = told.0.roster.heads().iter().copied().collect();
    told.on(&heads, B, change(m, Admin));
    told.void(&[]);
    assert_eq!(told.role(M), Admin, "B had seen it all");
}

/// "Admin stays admin" by a junior would put a senior below them, and nobody would notice.
#[test]
fn a_role_that_is_no_change_is_refused() {
    let mut told = Told::new(A);
    let a = told.member(A);
    assert!(told.refused(&[], B, change(a, Admin)));
    let down = told.on(&[], B, change(a, Member));
    let up = told.on(&[down], B, change(a, Admin));
    assert!(told.refused(&[up], FOUNDER, change(a, Admin)));
}

/// A demotion that is void took nothing: a later record rests on the promotion all the same.
#[test]
fn a_void_demotion_does_not_lift_a_ground() {
    let mut told = Told::new(FOUNDER);
    let (a, b, m) = (told.member(A), told.member(B), told.member(M));
    let up = told.on(&[], A, change(m, Admin));
    let down = told.on(&[up], B, change(m, Member));
    let out = told.on(&[up], A, remove(b));
    let by_m = told.on(&[down, out], M, add_member("carl", Guest));
    assert_eq!(told.void(&[up, down, by_m]), [false, true, false]);
    // The promotion falls, and with it what M wrote as an admin.
    let gone = told.on(&[], FOUNDER, remove(a));
    assert_eq!(told.void(&[gone, up, out, by_m]), [false, true, true, true]);
}

#[test]
fn of_two_who_add_one_key_the_senior_ones_word_stands() {
    let mut told = Told::new(FOUNDER);
    let (a, m) = (told.member(A), told.member(M));
    let by_m = told.on(&[], M, add_device(m, K));
    let used = told.on(&[by_m], K, host_agent("gpt", K));
    let by_a = told.on(&[], A, add_device(a, K));
    assert_eq!(told.void(&[by_m, used, by_a]), [false; 3]);
    assert_eq!(told.0.roster.standing().device(&device(K)).unwrap().member, a);
}

#[test]
fn a_revoked_key_never_comes_back() {
    let mut told = Told::new(FOUNDER);
    let (founder, a) = (told.member(FOUNDER), told.member(A));
    let removal = told.on(&[], FOUNDER, remove(a));
    let addition = told.on(&[], A, add_device(a, K));
    let revoked = told.on(&[addition], B, revoke_with(K, &[]));
    assert_eq!(told.void(&[removal, addition, revoked]), [false, true, false]);
    assert!(told.refused(&[removal, revoked], FOUNDER, add_device(founder, K)));
    // Concurrently it is added, and revoked all the same.
    told.on(&[removal], FOUNDER, add_device(founder, K));
    told.void(&[]);
    assert!(!told.stands(K));
}

#[test]
fn cuts_are_joined_and_those_of_void_revocations_do_not_count() {
    let mut told = Told::new(FOUNDER);
    let first = told.on(&[], FOUNDER, revoke_with(M, &[1]));
    told.on(&[], A, revoke_with(M, &[2]));
    told.on(&[first], B, revoke_with(M, &[3]));
    let out = told.on(&[], FOUNDER, remove(told.member(B)));
    let void = told.on(&[], B, revoke_with(M, &[4]));
    assert_eq!(told.void(&[out, void]), [false, true]);
    let stream = crate::id::StreamKey::from_bytes([1; 32]);
    let keeps = |n: u8| told.0.roster.standing().keeps(&device(M), &stream, &RecordId::from_bytes([n; 32]));
    // B's third was written without having seen the removal either.
    assert_eq!([1, 2, 3, 4, 5].map(keeps), [true, true, false, false, false]);
}

/// A thief has the founder's laptop, which is senior to the phone that revokes it: its own word on itself stands, and
/// keeps nothing.
#[test]
fn a_device_that_somebody_ended_keeps_nothing_of_itself() {
    let mut told = Told::new(FOUNDER);
    let stream = crate::id::StreamKey::from_bytes([1; 32]);
    let keeps = |told: &Told, n: u8| {
        told.0.roster.standing().keeps(&device(M), &stream, &RecordId::from_bytes([n; 32]))
    };
    told.on(&[], M, revoke_with(M, &[1]));
    assert!(keeps(&told, 1), "a device that ends itself keeps what it says");
    let ended = told.on(&[], A, revoke_with(M, &[2]));
    assert_eq!([1, 2].map(|n| keeps(&told, n)), [false, true]);
    // A removal speaks of its member's devices alone.
    let cuts = |payload: Payload| payload.cuts().to_vec();
    let member = told.member(B);
    told.on(&[ended], FOUNDER, Payload::RemoveMember { member, cuts: cuts(revoke_with(M, &[3])) });
    assert_eq!([2, 3].map(|n| keeps(&told, n)), [true, false]);
}

/// Two removed admins, one of whom back-dates: the senior one's void removal lets the junior one write on what it undoes
/// there. Once that removal is void, the junior one is removed again, and so is what it wrote.
#[test]
fn what_the_removed_wrote_where_their_removal_was_void_does_not_stand() {
    let mut told = Told::new(FOUNDER);
    let (a, b, m) = (told.member(A), told.member(B), told.member(M));
    let promoted = told.on(&[], FOUNDER, change(m, Admin));
    let of_a = told.on(&[promoted], FOUNDER, remove(a));
    let of_m = told.on(&[promoted], B, remove(m));
    let back_dated = told.on(&[promoted], A, remove(b));
    // Where M writes, B's word is void by A's.
    let zoe = told.on(&[of_m, back_dated], M, add_member("zoe", Admin));
    let phone = told.on(&[zoe], M, add_device(zoe, K));
    let void = told.void(&[of_a, of_m, back_dated, zoe, phone]);
    assert_eq!(void, [false, false, true, true, true]);
    assert!(told.is_removed(M) && !told.is_removed(B) && !told.stands(K));
}
