//! Invitations: single use, expiring, revocable, good only at the device that gave them. Redeeming one writes the roster
//! records that admit the new device; redeeming it again with the same key gives the same answer.

use std::collections::BTreeMap;

use starling_crdt::id::{DeviceKey, Handle, MemberId};
use starling_crdt::limits::LABEL_BYTES_MAX;
use starling_crdt::limits::ROSTER_HEADS_MAX;
use starling_crdt::payload::{MemberRole, Payload};
use starling_crdt::record::Record;
use starling_crdt::session::Offer;
use starling_crdt::signed::Signed;
use starling_crdt::text::Label;
use starling_net::proto::{self, RefusalCode, Verdict};

use super::Node;
use super::info::InviteInfo;
use super::input::Ticket as RequestTicket;
use super::request::{Answer, Code, Rejection};
use super::rows::{self, InviteRow};
use super::ticket::{ADDRESSES_MAX, Ticket, secret_hash};
use crate::store::Space;

/// Invitations kept, used and expired ones included.
const INVITES_MAX: usize = 1_000;
/// Longest time that an invitation may be good, ms.
const EXPIRES_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

/// Invitations that this device gave, by id.
#[derive(Debug, Default)]
pub(super) struct Invites(BTreeMap<String, InviteRow>);

impl Invites {
    pub(super) fn load(rows: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let read =
            |(id, row): &(Vec<u8>, Vec<u8>)| Some((String::from_utf8(id.clone()).ok()?, rows::decode(row)?));
        Self(rows.iter().filter_map(read).collect())
    }

    fn find(&self, secret: &[u8; 32]) -> Option<(&String, &InviteRow)> {
        let hash = secret_hash(secret);
        self.0.iter().find(|(_, invite)| invite.secret_hash == hash)
    }
}

/// Why a join is refused.
type Refused = (RefusalCode, &'static str);

impl Node {
    pub(super) fn on_invite(&mut self, request: RequestTicket, handle: Option<Handle>, expires_in_ms: u64) {
        match self.invite(handle, expires_in_ms) {
            Ok(answer) => self.commits.answer(request, answer),
            Err(rejection) => self.answer(request, Err(rejection)),
        }
    }

    fn invite(&mut self, handle: Option<Handle>, expires_in_ms: u64) -> Result<Answer, Rejection> {
        let me = self.my_member()?;
        let own = self.standing().member(&me).map(|member| (member.handle.clone(), member.role));
        let (own, role) = own.ok_or_else(|| Rejection::new(Code::QuickSessionForbidden, "not a member"))?;
        let handle = handle.unwrap_or_else(|| own.clone());
        if role < MemberRole::Member || (handle != own && role < MemberRole::Admin) {
            let detail = "only the founder and admins invite somebody else; `--as` your own handle adds a device of yours";
            return Err(Rejection::new(Code::QuickSessionForbidden, detail));
        }
        if self.standing().agent_called(&handle).is_some() {
            return Err(Rejection::new(Code::HandleTaken, format!("{handle} is an agent")));
        }
        if expires_in_ms == 0 || expires_in_ms > EXPIRES_MS_MAX {
            return Err(Rejection::new(Code::InvalidField, "an invitation is good for at most 30 days"));
        }
        self.drop_old_invites();
        if self.invites.0.len() >= INVITES_MAX {
            return Err(Rejection::new(Code::RateLimited, "too many open invitations; revoke some"));
        }
        let secret: [u8; 32] = self.random();
        let id = data_encoding::HEXLOWER.encode(&self.random::<4>());
        let expires_at_ms = self.now + expires_in_ms;
        let row = InviteRow {
            secret_hash: secret_hash(&secret),
            handle: handle.clone(),
            expires_at_ms,
            used_by: None,
        };
        self.keep_invite(id.clone(), Some(row));
        let ticket = Ticket {
            workspace: self.roster.workspace(),
            inviter: self.me,
            addresses: self.peers.listen().take(ADDRESSES_MAX).cloned().collect(),
            secret,
            handle: handle.clone(),
            expires_at_ms,
        };
        Ok(Answer::Invited { ticket: ticket.to_string(), id, handle, expires_at_ms })
    }

    fn keep_invite(&mut self, id: String, row: Option<InviteRow>) {
        self.commits.stage_local(Space::Invite, id.clone().into_bytes(), row.as_ref().map(rows::encode));
        match row {
            Some(row) => self.invites.0.insert(id, row),
            None => self.invites.0.remove(&id),
        };
    }

    /// Forgets what expired more than the longest time ago.
    fn drop_old_invites(&mut self) {
        let old = |row: &InviteRow| row.expires_at_ms + EXPIRES_MS_MAX < self.now;
        let ids: Vec<_> =
            self.invites.0.iter().filter(|(_, row)| old(row)).map(|(id, _)| id.clone()).collect();
        ids.into_iter().for_each(|id| self.keep_invite(id, None));
    }

    pub(super) fn list_invites(&self) -> Answer {
        let info = |(id, row): (&String, &InviteRow)| InviteInfo {
            id: id.clone(),
            handle: row.handle.clone(),
            expires_at_ms: row.expires_at_ms,
            used_by: row.used_by,
        };
        Answer::Invites(self.invites.0.iter().map(info).collect())
    }

    pub(super) fn revoke_invite(&mut self, request: RequestTicket, id: &str) {
        if !self.invites.0.contains_key(id) {
            return self.answer(
                request,
                Err(Rejection::new(Code::NotFound, format!("there is no invitation {id}"))),
            );
        }
        self.keep_invite(id.to_owned(), None);
        let answer = self.list_invites();
        self.commits.answer(request, answer);
    }

    /// A device redeems an invitation.
    pub(super) fn on_join_request(&mut self, peer: DeviceKey, secret: &[u8; 32], label: &str) {
        let verdict = match self.redeem(peer, secret, label) {
            Ok(()) => Verdict::Accept {
                records: self.roster.records().map(|record| record.wire().to_vec()).collect(),
            },
            Err((code, detail)) => Verdict::Refuse { code, detail: detail.to_owned(), records: Vec::new() },
        };
        self.commits.admit(proto::Input::Admission { peer, verdict });
    }

    fn redeem(&mut self, peer: DeviceKey, secret: &[u8; 32], label: &str) -> Result<(), Refused> {
        let found = self.invites.find(secret).map(|(id, row)| (id.clone(), row.clone()));
        let (id, row) =
            found.ok_or((RefusalCode::InviteUnknown, "this invitation is unknown here, or was revoked"))?;
        match row.used_by {
            Some(device) if device == peer => {
                let stands = self.standing().member_of(&peer).is_some();
                let revoked = (RefusalCode::Revoked, "this device was removed from the workspace");
                return if stands { Ok(()) } else { Err(revoked) };
            }
            Some(_) => {
                return Err((RefusalCode::InviteUsed, "this invitation was used by another device"));
            }
            None if row.expires_at_ms < self.now => {
                return Err((RefusalCode::InviteExpired, "this invitation has expired; ask for a new one"));
            }
            None => {}
        }
        if self.standing().member_of(&peer).is_none() {
            self.add_device(peer, &row.handle, label)
                .ok_or((RefusalCode::NotMember, "the inviter may not add you"))?;
        }
        self.keep_invite(id, Some(InviteRow { used_by: Some(peer), ..row }));
        Ok(())
    }

    fn add_device(&mut self, device: DeviceKey, handle: &Handle, label: &str) -> Option<()> {
        let known: Option<MemberId> = self.standing().member_called(handle).map(|(id, _)| *id);
        let member = match known {
            Some(member) => member,
            None => {
                let add = Payload::AddMember { handle: handle.clone(), role: MemberRole::Member };
                self.write_roster(add).ok()?
            }
        };
        let printable: String = label.chars().filter(|c| !c.is_control()).collect();
        let mut end = printable.len().min(LABEL_BYTES_MAX);
        while !printable.is_char_boundary(end) {
            end -= 1;
        }
        let label = Label::new(&printable[..end]).ok()?;
        self.write_roster(Payload::AddDevice { member, device, label }).ok().map(|_| ())
    }

    /// Signs a roster record, offers it and stages it.
    pub(super) fn write_roster(
        &mut self,
        payload: Payload,
    ) -> Result<starling_crdt::id::RecordId, Rejection> {
        self.my_member()?;
        self.merge_heads()?;
        self.append_to_roster(payload)
    }

    /// The roster's heads become few enough for a record to name: any member can make any number of them, by writing on
    /// old ones. Each merge leaves fewer.
    pub(super) fn merge_heads(&mut self) -> Result<(), Rejection> {
        while self.roster.heads().len() > ROSTER_HEADS_MAX {
            self.append_to_roster(Payload::Merge {})?;
        }
        Ok(())
    }

    fn append_to_roster(&mut self, payload: Payload) -> Result<starling_crdt::id::RecordId, Rejection> {
        let record = Record {
            workspace: self.roster.workspace(),
            stream: self.roster.key(),
            author: self.me,
            roster: Vec::new(),
            deps: self.roster.write_heads(&self.me),
            at_ms: self.now,
            payload,
        };
        let forbidden = |why: String| Rejection::new(Code::QuickSessionForbidden, why);
        let signed = Signed::sign(record, &self.key).map_err(|error| forbidden(error.to_string()))?;
        let id = signed.id();
        match self.roster.offer(signed) {
            Offer::Admitted(admitted) => {
                self.stage_roster(&admitted, true);
                self.wake_sessions(&admitted);
                Ok(id)
            }
            Offer::Refused(refusal) => Err(forbidden(refusal.to_string())),
            Offer::Known | Offer::Waiting { .. } | Offer::NoRoom => {
                Err(forbidden("the record was not admitted".into()))
            }
        }
    }
}
