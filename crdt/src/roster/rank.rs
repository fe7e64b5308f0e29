//! Seniority: who outranks whom when two roster records contradict each other. The recovery key comes first, then the
//! founder, then admins ordered by (their promoter's seniority, lamport, id of the promotion), then members and guests
//! in the same way; within a member, devices by the record that added them. So nobody outranks who promoted them, or
//! anybody whom that one does not outrank.
//!
//! A record's rank is its author's in the record's own past. It never changes afterwards, whatever arrives later.

use crate::facts::Stamp;
use crate::fault::{Fault, planted};
use crate::id::RecordId;
use crate::payload::MemberRole;

/// The seniority of a member: less is more senior.
///
/// `path` has the stamps of the promotions from the founder down. Comparing promoters first and then stamps is
/// comparing lengths first and then paths: a promoter's path is one shorter than that of whom they promoted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seniority {
    class: Class,
    depth: usize,
    path: Vec<Stamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Recovery,
    Founder,
    Admin,
    Member,
    Guest,
}

impl Seniority {
    /// The recovery key's.
    pub(super) const fn recovery() -> Self {
        Self { class: Class::Recovery, depth: 0, path: Vec::new() }
    }

    /// The founder's.
    pub(super) const fn founder() -> Self {
        Self { class: Class::Founder, depth: 0, path: Vec::new() }
    }

    /// How many promotions there are between the founder and this.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Of who got `role` by a record of `by`.
    pub(super) fn granted(role: MemberRole, by: &Self, grant: Stamp) -> Self {
        let class = match role {
            MemberRole::Guest => Class::Guest,
            MemberRole::Member => Class::Member,
            MemberRole::Admin => Class::Admin,
            MemberRole::Founder => Class::Founder,
        };
        let grant = if planted(Fault::SeniorityById) { (0, grant.1) } else { grant };
        let path: Vec<Stamp> = by.path.iter().copied().chain([grant]).collect();
        Self { class, depth: path.len(), path }
    }
}

/// The seniority of a device: its member's, then the record that added it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    of: Seniority,
    added: Stamp,
}

impl Rank {
    pub(super) const fn new(of: Seniority, added: Stamp) -> Self {
        Self { of, added }
    }

    /// The founder's first device and the recovery key have no record before them.
    pub(super) const fn first(of: Seniority) -> Self {
        Self { of, added: (0, RecordId::from_bytes([0; 32])) }
    }

    /// The member's part.
    pub(super) const fn seniority(&self) -> &Seniority {
        &self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(lamport: u64) -> Stamp {
        (lamport, RecordId::from_bytes([0; 32]))
    }

    fn admin(by: &Seniority, lamport: u64) -> Seniority {
        Seniority::granted(MemberRole::Admin, by, stamp(lamport))
    }

    #[test]
    fn promoters_come_before_stamps() {
        let founder = Seniority::founder();
        let (early, late) = (admin(&founder, 5), admin(&founder, 9));
        let of_early = admin(&early, 6);
        let of_late = admin(&late, 10);
        let order = [Seniority::recovery(), founder.clone(), early, late, of_early, of_late.clone()];
        assert!(order.is_sorted());
        let member = Seniority::granted(MemberRole::Member, &founder, stamp(2));
        assert!(of_late < member && member < Seniority::granted(MemberRole::Guest, &founder, stamp(1)));
    }
}
