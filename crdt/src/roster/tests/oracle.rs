//! Section 6 of the data model once more, by definition and without any code of the roster: sets of ids, recursion, no
//! order of arrival. Slow and plain; what it says is compared with the fold.

mod hearing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{DeviceKey, RecordId, StreamKey};
use crate::payload::{MemberRole, Payload};
use crate::record::Record;
use crate::signed::{Signed, Verified};
use hearing::Hearing;

pub(super) type Ids = BTreeSet<RecordId>;
type Stamp = (u64, RecordId);

/// Class, then the promoter's seniority, then the promotion: less is more senior.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Senior(u8, Option<Box<Senior>>, Option<Stamp>);

#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) signed: Signed<Verified>,
    pub(super) past: Ids,
    /// What of its past was void there.
    pub(super) overruled: Ids,
    height: u64,
    pub(super) rank: (Senior, Option<Stamp>),
    pub(super) member: Option<RecordId>,
    needs: MemberRole,
    /// The device's, the member's, the role's, and what made the author the host.
    pub(super) grounds: Vec<Ids>,
    bound: Option<Senior>,
    epoch: u32,
}

/// What a device is to the roster: its member, the record that added it, and whom it must not outrank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) member: RecordId,
    pub(super) added: RecordId,
    bound: Option<Senior>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) void: Ids,
    pub(super) members: BTreeMap<RecordId, (MemberRole, Senior)>,
    pub(super) removed: Ids,
    pub(super) devices: BTreeMap<DeviceKey, Machine>,
    pub(super) revoked: BTreeSet<DeviceKey>,
    /// Host, epoch and what made it the host.
    pub(super) agents: BTreeMap<RecordId, (DeviceKey, u32, RecordId)>,
    pub(super) retired: Ids,
    pub(super) open: Ids,
    pub(super) cuts: BTreeSet<(DeviceKey, StreamKey, RecordId)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Oracle {
    pub(super) known: BTreeMap<RecordId, Arc<Known>>,
}

impl Oracle {
    /// Takes a record whose deps it knows, if what stands in its past lets the author write it.
    pub(super) fn push(&mut self, signed: &Signed<Verified>) -> bool {
        let deps = &signed.record().deps;
        let past: Ids = deps.iter().flat_map(|dep| &self.known[dep].past).chain(deps).copied().collect();
        let height = 1 + deps.iter().map(|dep| self.known[dep].height).max().unwrap_or(0);
        let mut known = Known {
            signed: signed.clone(),
            past,
            overruled: Ids::new(),
            height,
            rank: (Senior(1, None, None), None),
            member: None,
            needs: MemberRole::Founder,
            grounds: Vec::new(),
            bound: None,
            epoch: 0,
        };
        let allowed =
            matches!(signed.record().payload, Payload::Found { .. }) || self.judge(&mut known).is_some();
        if allowed {
            self.known.insert(signed.id(), Arc::new(known));
        }
        allowed
    }

    fn judge(&self, known: &mut Known) -> Option<()> {
        let (record, world) = (known.signed.record(), self.world(&known.past));
        known.overruled.clone_from(&world.void);
        if let Payload::Handover { agent, .. } = &record.payload {
            known.epoch = world.agents.get(agent)?.1;
        }
        let Some(me) = world.owner(&record.author) else {
            let found = self.found(&known.past, |recovery| recovery == Some(record.author))?;
            known.rank = (Senior(0, None, None), None);
            known.grounds = vec![[found].into()];
            return world.lets_recover(record, found).then_some(());
        };
        let machine = &world.devices[&record.author];
        let (role, senior) = &world.members[&me];
        let senior = machine.bound.as_ref().map_or(senior, |bound| bound.max(senior)).clone();
        let (needs, rests) = self.asks(known, &world, me, &senior)?;
        if *role < needs {
            return None;
        }
        let live = || known.past.difference(&world.void).map(|id| (id, &self.known[id]));
        let grants = |id: &RecordId| grant(&self.known[id].signed, me);
        let lost = |id: RecordId| {
            live().any(|(l, k)| grants(l).is_some_and(|role| role < needs) && k.past.contains(&id))
        };
        let enough = live().map(|(id, _)| *id).filter(|id| grants(id).is_some_and(|role| role >= needs));
        let roles = enough.filter(|id| !lost(*id)).collect();
        known.grounds = [[machine.added].into(), [me].into(), roles].into();
        known.grounds.extend(rests.map(|rests| [rests].into()));
        (known.rank, known.member) = ((senior, Some(self.stamp(&machine.added))), Some(me));
        (known.needs, known.bound) = (needs, machine.bound.clone());
        Some(())
    }

    /// The role that a record by `me` asks for, and the record that made its host one; nothing if it is not allowed.
    fn asks(
        &self,
        known: &Known,
        world: &World,
        me: RecordId,
        senior: &Senior,
    ) -> Option<(MemberRole, Option<RecordId>)> {
        let record = known.signed.record();
        let own = |device: &DeviceKey| world.owner(device) == Some(me);
        let admin_unless = |own: bool| if own { MemberRole::Member } else { MemberRole::Admin };
        let below_founder =
            |member| world.members.get(member).is_some_and(|other| other.0 < MemberRole::Founder);
        let agent = |agent| world.agents.get(agent).filter(|_| !world.retired.contains(agent));
        let mut rests = None;
        let (needs, allowed) = match &record.payload {
            Payload::AddMember { handle, .. } => {
                (MemberRole::Admin, !self.is_named(known, world, handle.as_str()))
            }
            Payload::AddDevice { member, device, .. } => {
                let there = world.members.get(member).filter(|_| !world.removed.contains(member))?;
                let junior = *member == me || *senior < there.1;
                (
                    admin_unless(*member == me),
                    junior
                        && world.fresh(device)
                        && self.found(&known.past, |recovery| recovery == Some(*device)).is_none(),
                )
            }
            Payload::ChangeRole { member, role } => {
                let other = *member != me && below_founder(member);
                (MemberRole::Admin, other && world.members[member].0 != *role)
            }
            Payload::RemoveMember { member, .. } => {
                (MemberRole::Admin, *member != me && below_founder(member))
            }
            Payload::RevokeDevice { cut } => {
                let owner = world.devices.get(&cut.device)?.member;
                let needs = if owner == me { MemberRole::Guest } else { MemberRole::Admin };
                (needs, owner == me || below_founder(&owner))
            }
            Payload::HostAgent { handle, device } => (
                admin_unless(own(device)),
                world.owner(device).is_some() && !self.is_named(known, world, handle.as_str()),
            ),
            Payload::Handover { agent: name, to, .. } => {
                rests = Some(agent(name)?.2);
                (MemberRole::Member, agent(name)?.0 == record.author && world.owner(to).is_some())
            }
            Payload::MoveAgent { agent: name, device, epoch, handover: Some(handover) } => {
                let offer = self.known.get(handover).filter(|_| world.open.contains(handover))?;
                let fits = matches!(offer.signed.record().payload,
                    Payload::Handover { agent, to, .. } if agent == *name && to == *device);
                rests = Some(*handover);
                (MemberRole::Member, fits && own(device) && *epoch == agent(name)?.1 + 1)
            }
            Payload::MoveAgent { agent: name, device, epoch, handover: None } => {
                let (host, now, since) = agent(name)?;
                rests = own(host).then_some(*since);
                (admin_unless(own(host)), own(device) && *epoch == now + 1)
            }
            Payload::Merge {} => (MemberRole::Guest, true),
            Payload::RetireAgent { agent: name } => {
                let (host, _, since) = agent(name)?;
                rests = own(host).then_some(*since);
                (admin_unless(own(host)), true)
            }
            _ => return None,
        };
        allowed.then_some((needs, rests))
    }

    fn found(&self, past: &Ids, is: impl Fn(Option<DeviceKey>) -> bool) -> Option<RecordId> {
        past.iter().copied().find(|id| match self.known[id].signed.record().payload {
            Payload::Found { recovery, .. } => is(recovery),
            _ => false,
        })
    }

    fn is_named(&self, known: &Known, world: &World, wanted: &str) -> bool {
        let live = known.past.difference(&world.void);
        live.map(|id| (id, &self.known[id].signed.record().payload)).any(|(id, payload)| match payload {
            Payload::Found { handle, .. } | Payload::AddMember { handle, .. } => {
                handle.as_str() == wanted && !world.removed.contains(id)
            }
            Payload::HostAgent { handle, .. } => handle.as_str() == wanted && !world.retired.contains(id),
            _ => false,
        })
    }

    pub(super) fn stamp(&self, id: &RecordId) -> Stamp {
        (self.known[id].height, *id)
    }

    /// Whether `removal` takes away what `other` needed, is the more senior, and neither had seen the other stand.
    pub(super) fn unsays(&self, removal: &RecordId, other: &RecordId) -> bool {
        let (r, o) = (&self.known[removal], &self.known[other]);
        let takes = match &r.signed.record().payload {
            Payload::RevokeDevice { cut } => o.signed.record().author == cut.device,
            Payload::RemoveMember { member, .. } => o.member == Some(*member),
            Payload::ChangeRole { member, role } => o.member == Some(*member) && o.needs > *role,
            _ => false,
        };
        let heeded = o.past.contains(removal) && !o.overruled.contains(removal);
        takes && removal != other && !r.past.contains(other) && !heeded && r.rank < o.rank
    }

    fn void(&self, set: &Ids) -> Ids {
        let removes = |id: &&RecordId| is_removal(&self.known[*id].signed);
        let mut removals: Vec<RecordId> = set.iter().filter(removes).copied().collect();
        removals.sort_by_key(|id| (&self.known[id].rank, self.stamp(id)));
        let mut hearing = Hearing::new(self, &removals);
        set.iter().filter(|id| !hearing.holds(**id, removals.len())).copied().collect()
    }

    pub(super) fn world(&self, set: &Ids) -> World {
        let mut world = World { void: self.void(set), ..World::default() };
        let live: Vec<&Known> = set.difference(&world.void).map(|id| &*self.known[id]).collect();
        self.tell_roles(&mut world, &live);
        self.tell_devices(&mut world, &live);
        tell_ends(&mut world, &live);
        tell_cuts(&mut world, &live);
        tell_hosts(&mut world, &live);
        world
    }

    fn tell_roles(&self, world: &mut World, live: &[&Known]) {
        let ids = live.iter().map(|k| k.signed.id());
        for member in ids.filter(|id| grant(&self.known[id].signed, *id).is_some()) {
            let words: Vec<_> = live.iter().filter_map(|k| Some((grant(&k.signed, member)?, k))).collect();
            let last =
                words.iter().filter(|(_, k)| !words.iter().any(|(_, l)| l.past.contains(&k.signed.id())));
            let (role, word) =
                last.min_by_key(|(role, k)| (&k.rank, *role, k.height, k.signed.id())).unwrap();
            let senior = match role {
                MemberRole::Founder => Senior(1, None, None),
                role => {
                    let class = 4 - *role as u8;
                    Senior(class, Some(Box::new(word.rank.0.clone())), Some(self.stamp(&word.signed.id())))
                }
            };
            world.members.insert(member, (*role, senior));
        }
    }

    fn tell_devices(&self, world: &mut World, live: &[&Known]) {
        for k in live {
            let (id, author) = (k.signed.id(), k.signed.record().author);
            let (member, device) = match said(k).1 {
                Payload::Found { .. } => (id, author),
                Payload::AddDevice { member, device, .. } if world.members.contains_key(&member) => {
                    (member, device)
                }
                _ => continue,
            };
            let own = member == id || k.member == Some(member);
            let bound = if own { k.bound.clone() } else { Some(k.rank.0.clone()) };
            let better = |old: &Machine| {
                (&self.known[&old.added].rank, self.stamp(&old.added)) < (&k.rank, self.stamp(&id))
            };
            if !world.devices.get(&device).is_some_and(better) {
                world.devices.insert(device, Machine { member, added: id, bound });
            }
        }
    }
}

fn said(k: &Known) -> (RecordId, Payload) {
    (k.signed.id(), k.signed.record().payload.clone())
}

fn tell_ends(world: &mut World, live: &[&Known]) {
    for k in live {
        match said(k) {
            (id, Payload::HostAgent { device, .. }) => _ = world.agents.entry(id).or_insert((device, 1, id)),
            (_, Payload::RemoveMember { member, .. }) => _ = world.removed.insert(member),
            (_, Payload::RevokeDevice { cut }) => _ = world.revoked.insert(cut.device),
            (_, Payload::RetireAgent { agent }) => _ = world.retired.insert(agent),
            _ => {}
        }
    }
}

fn tell_cuts(world: &mut World, live: &[&Known]) {
    for k in live {
        let record = k.signed.record();
        for cut in record.payload.cuts() {
            let Some(owner) = world.devices.get(&cut.device).map(|device| device.member) else {
                continue;
            };
            let ended = |o: &&Known| match said(o).1 {
                Payload::RevokeDevice { cut: c } => {
                    c.device == cut.device && o.signed.record().author != c.device
                }
                Payload::RemoveMember { member, .. } => member == owner,
                _ => false,
            };
            let says = match said(k).1 {
                Payload::RemoveMember { member, .. } => member == owner,
                _ => record.author != cut.device || !live.iter().any(ended),
            };
            let ids = cut.kept.iter().flat_map(|(stream, ids)| ids.iter().map(move |id| (*stream, *id)));
            world.cuts.extend(ids.filter(|_| says).map(|(stream, id)| (cut.device, stream, id)));
        }
    }
}

fn tell_hosts(world: &mut World, live: &[&Known]) {
    for (agent, host) in &mut world.agents {
        let moves = live.iter().filter_map(|k| match said(k) {
            (id, Payload::MoveAgent { agent: a, device, epoch, .. }) if a == *agent => {
                Some((device, epoch, id))
            }
            _ => None,
        });
        *host = moves.chain([*host]).min_by_key(|(_, epoch, id)| (u32::MAX - epoch, *id)).unwrap();
    }
    for k in live {
        if let (id, Payload::Handover { agent, .. }) = said(k) {
            let by = Some((k.signed.record().author, k.epoch));
            let now = world.agents.get(&agent).map(|(host, epoch, _)| (*host, *epoch));
            if now == by && !world.retired.contains(&agent) {
                world.open.insert(id);
            }
        }
    }
}

impl World {
    /// Whose device this is, if it is in good standing.
    pub(super) fn owner(&self, device: &DeviceKey) -> Option<RecordId> {
        let member = self.devices.get(device).filter(|_| !self.revoked.contains(device))?.member;
        (!self.removed.contains(&member)).then_some(member)
    }

    /// What the recovery key may write.
    fn lets_recover(&self, record: &Record, found: RecordId) -> bool {
        match &record.payload {
            Payload::AddDevice { member, device, .. } => {
                *member == found && self.fresh(device) && *device != record.author
            }
            Payload::RevokeDevice { cut } => self.devices.contains_key(&cut.device),
            _ => false,
        }
    }

    fn fresh(&self, device: &DeviceKey) -> bool {
        !self.devices.contains_key(device) && !self.revoked.contains(device)
    }
}

pub(super) fn is_removal(signed: &Signed<Verified>) -> bool {
    use Payload::{ChangeRole, RemoveMember, RevokeDevice};
    matches!(signed.record().payload, RemoveMember { .. } | RevokeDevice { .. } | ChangeRole { .. })
}

/// The role that this record gives to `to`.
fn grant(signed: &Signed<Verified>, to: RecordId) -> Option<MemberRole> {
    match &signed.record().payload {
        Payload::Found { .. } if signed.id() == to => Some(MemberRole::Founder),
        Payload::AddMember { role, .. } if signed.id() == to => Some(*role),
        Payload::ChangeRole { member, role } if *member == to => Some(*role),
        _ => None,
    }
}
