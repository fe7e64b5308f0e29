//! Taking standing away: a device is revoked, a member removed. The record carries a cut, all maximal records of the
//! devices that this node holds, so that a lost phone loses no word; or none, for a stolen one. The cut is read off the
//! index rows, which name each author's maximal records: no session has to be opened for it, and the revocation is in
//! force at once, however many sessions there are. A cut that does not fit into one record goes on in further ones.

use std::collections::BTreeMap;

use starling_crdt::id::{DeviceKey, Handle, MemberId, RecordId, StreamKey};
use starling_crdt::limits::CUT_SESSIONS_MAX;
use starling_crdt::payload::{Cut, MemberRole, Payload};

use super::Node;
use super::info::RevokedInfo;
use super::input::Ticket;
use super::request::{Answer, Code, Rejection};
use super::rows::tips_of;

/// Bytes of the ids of one cut: a record with it stays well within what a frame takes.
const CUT_BYTES_MAX: usize = 96 * 1024;
/// Bytes of an id in a cut.
const ID_BYTES: usize = 36;

/// A session and the maximal records of one device there.
type Tips = (StreamKey, Vec<RecordId>);
/// What is kept: by device, the maximal records of each session, sorted.
type Kept = Vec<(DeviceKey, StreamKey, Vec<RecordId>)>;

impl Node {
    pub(super) fn on_revoke(&mut self, ticket: Ticket, device: DeviceKey, keep: bool) {
        let revoked = self.revoke(device, keep);
        self.answer_revoked(ticket, revoked);
    }

    pub(super) fn on_remove_member(&mut self, ticket: Ticket, handle: &Handle, keep: bool) {
        let removed = self.remove_member(handle, keep);
        self.answer_revoked(ticket, removed);
    }

    fn answer_revoked(&mut self, ticket: Ticket, revoked: Result<RevokedInfo, Rejection>) {
        match revoked {
            Ok(info) => self.commits.answer(ticket, Answer::Revoked(info)),
            Err(rejection) => self.answer(ticket, Err(rejection)),
        }
    }

    fn revoke(&mut self, device: DeviceKey, keep: bool) -> Result<RevokedInfo, Rejection> {
        let me = self.my_member()?;
        let unknown = || Rejection::new(Code::NotFound, format!("no device of the workspace is {device}"));
        let owner = self.standing().device(&device).map(|found| found.member).ok_or_else(unknown)?;
        if device == self.me {
            let detail = "this is the device that you are using; revoke it from another one";
            return Err(Rejection::new(Code::QuickSessionInvalidState, detail));
        }
        if owner != me {
            self.may_take_from(owner, "revoke a device of somebody else")?;
        }
        if !self.standing().stands(&device) {
            return Ok(RevokedInfo { devices: vec![device], already: true, ..RevokedInfo::default() });
        }
        let kept = self.kept(&[device], keep);
        let info = self.info_of(vec![device], &kept);
        for mut cuts in in_records(kept, vec![Cut { device, kept: Vec::new() }]) {
            if let Some(cut) = cuts.pop() {
                self.write_roster(Payload::RevokeDevice { cut })?;
            }
        }
        Ok(info)
    }

    fn remove_member(&mut self, handle: &Handle, keep: bool) -> Result<RevokedInfo, Rejection> {
        let me = self.my_member()?;
        let unknown = || Rejection::new(Code::NotFound, format!("no member is called {handle}"));
        let member = self.standing().member_called(handle).map(|(id, _)| *id).ok_or_else(unknown)?;
        if member == me {
            let detail = "nobody removes themselves; revoke your other devices, or ask another admin";
            return Err(Rejection::new(Code::QuickSessionInvalidState, detail));
        }
        self.may_take_from(member, "remove a member")?;
        let standing = self.standing();
        let owned = standing.devices().filter(|(key, d)| d.member == member && standing.stands(key));
        let devices: Vec<DeviceKey> = owned.map(|(key, _)| *key).collect();
        let kept = self.kept(&devices, keep);
        let info = self.info_of(devices, &kept);
        let mut first = true;
        for cuts in in_records(kept, Vec::new()) {
            if std::mem::take(&mut first) {
                self.write_roster(Payload::RemoveMember { member, cuts })?;
                continue;
            }
            for cut in cuts {
                self.write_roster(Payload::RevokeDevice { cut })?;
            }
        }
        Ok(info)
    }

    /// Whether this device's member may take standing from another one.
    fn may_take_from(&self, other: MemberId, what: &str) -> Result<(), Rejection> {
        let forbidden = |why: String| Err(Rejection::new(Code::QuickSessionForbidden, why));
        let role = |id: &MemberId| self.standing().member(id).map(|member| member.role);
        if role(&self.my_member()?) < Some(MemberRole::Admin) {
            return forbidden(format!("only the founder and admins {what}"));
        }
        if role(&other) == Some(MemberRole::Founder) {
            return forbidden("nobody takes the founder's place in the workspace away".to_owned());
        }
        Ok(())
    }

    /// All maximal records of the devices that are held here, by device and session.
    fn kept(&self, devices: &[DeviceKey], keep: bool) -> Kept {
        let mut kept = Kept::new();
        for device in devices.iter().filter(|_| keep) {
            for (key, slot) in self.slots.all() {
                let by_row = || {
                    let authors = slot.row.iter().flat_map(|row| &row.authors);
                    authors.filter(|author| author.device == *device).flat_map(|a| a.tips.clone()).collect()
                };
                let tips: Vec<RecordId> = slot.session().map_or_else(by_row, |s| tips_of(s, device));
                if !tips.is_empty() {
                    kept.push((*device, *key, tips));
                }
            }
        }
        kept
    }

    fn info_of(&self, devices: Vec<DeviceKey>, kept: &Kept) -> RevokedInfo {
        let agents = self.standing().agents();
        let agents = agents.filter(|(_, agent)| !agent.retired && devices.contains(&agent.host));
        let agents = agents.map(|(_, agent)| agent.handle.clone()).collect();
        let sessions: std::collections::BTreeSet<_> = kept.iter().map(|(_, key, _)| *key).collect();
        RevokedInfo { devices, agents, kept_sessions: sessions.len(), already: false }
    }
}

/// Deals what is kept out to records within their bounds: at least one, which has `nothing` if nothing is kept.
fn in_records(kept: Kept, nothing: Vec<Cut>) -> Vec<Vec<Cut>> {
    let mut records: Vec<BTreeMap<DeviceKey, Vec<Tips>>> = Vec::new();
    let (mut sessions, mut bytes) = (CUT_SESSIONS_MAX, 0);
    for (device, key, tips) in kept {
        let more = (1 + tips.len()) * ID_BYTES;
        if sessions >= CUT_SESSIONS_MAX || bytes + more > CUT_BYTES_MAX {
            records.push(BTreeMap::new());
            (sessions, bytes) = (0, 0);
        }
        (sessions, bytes) = (sessions + 1, bytes + more);
        if let Some(record) = records.last_mut() {
            record.entry(device).or_default().push((key, tips));
        }
    }
    if records.is_empty() {
        return vec![nothing];
    }
    let cuts = |record: BTreeMap<_, _>| {
        record.into_iter().map(|(device, kept)| Cut { device, kept }).collect::<Vec<_>>()
    };
    records.into_iter().map(cuts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> [u8; 32] {
        *blake3::hash(&n.to_be_bytes()).as_bytes()
    }

    fn kept(devices: usize, sessions: usize, tips: usize) -> Kept {
        let mut kept = Kept::new();
        for device in 0..devices {
            for session in 0..sessions {
                let tips = (0..tips).map(|tip| RecordId::from_bytes(id(tip))).collect();
                kept.push((DeviceKey::from_bytes(id(device)), StreamKey::from_bytes(id(session)), tips));
            }
        }
        kept
    }

    #[test]
    fn a_cut_of_any_size_fits_into_records() {
        for (devices, sessions, tips) in
            [(1, 1, 1), (1, 1_024, 1), (1, 1_025, 1), (3, 2_000, 2), (2, 900, 16)]
        {
            let all = kept(devices, sessions, tips);
            let records = in_records(all.clone(), Vec::new());
            let mut seen = 0;
            for cuts in &records {
                let named: usize = cuts.iter().map(|cut| cut.kept.len()).sum();
                let bytes: usize =
                    cuts.iter().flat_map(|c| &c.kept).map(|(_, t)| (1 + t.len()) * ID_BYTES).sum();
                assert!(named <= CUT_SESSIONS_MAX && bytes <= CUT_BYTES_MAX);
                assert!(cuts.is_sorted_by(|a, b| a.device < b.device));
                seen += named;
            }
            assert_eq!(seen, all.len());
        }
        assert_eq!(in_records(Vec::new(), Vec::new()), vec![Vec::new()]);
    }
}
