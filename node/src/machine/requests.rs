//! Requests of clients: which part of the node answers what. Lists come from committed index rows, so they open no
//! session; whatever touches one goes through its queue.

use starling_crdt::id::{Handle, SessionId, StreamKey};

use super::Node;
use super::info::Item;
use super::input::Ticket;
use super::request::{Answer, Code, Rejection, Request};
use super::task::Task;
use super::writing::not_found;

/// Candidates that an ambiguous prefix is answered with.
const IDS_MAX: usize = 20;
/// Items of a page at most.
const PAGE_MAX: usize = 1_000;
/// Clients that may wait for peers at the same time.
const WAITERS_MAX: usize = 256;

impl Node {
    pub(super) fn on_request(&mut self, ticket: Ticket, request: Request) {
        if self.stopping && !matches!(request, Request::Status | Request::Turn { .. }) {
            return self.answer(ticket, Err(Rejection::new(Code::ShuttingDown, "the node is stopping")));
        }
        match request {
            Request::Create { session, agent, body, request_id, continues, by_agent } => {
                let opening =
                    super::writing::Opening { session, agent, body, request_id, continues, by_agent };
                self.on_create(ticket, opening);
            }
            Request::Message { session, body, request_id, reply_to } => {
                self.in_session(ticket, &session, Task::Message { ticket, body, request_id, reply_to });
            }
            Request::Change { session, change } => {
                self.in_session(ticket, &session, Task::Change { ticket, change })
            }
            Request::Show { session } => self.in_session(ticket, &session, Task::Show { ticket }),
            Request::Turn { attempt, secret, call } => self.on_turn_call(ticket, attempt, &secret, call),
            Request::List { archived, agent, limit, cursor } => {
                let page = self.list(archived, agent.as_ref(), limit, cursor.as_deref());
                self.answer(ticket, page);
            }
            Request::Search { text, archived, agent, limit, cursor } => {
                self.on_search(ticket, &text, (archived, agent.as_ref()), (limit, cursor.as_deref()));
            }
            Request::Resolve { prefix } => {
                let ids = self.slots.ids().filter(|id| id.to_string().starts_with(&prefix));
                let ids = ids.take(IDS_MAX).copied().collect();
                self.answer(ticket, Ok(Answer::Ids(ids)));
            }
            Request::Agents => self.answer(ticket, Ok(self.agents())),
            Request::Permissions => self.answer(ticket, Ok(self.permissions())),
            Request::Permit { session, request, allow } => self.on_permit(ticket, session, request, allow),
            Request::Members => self.answer(ticket, Ok(self.members())),
            Request::Peers => self.answer(ticket, Ok(Answer::Peers(self.peer_infos()))),
            Request::Ping { device } => self.on_ping(ticket, device),
            Request::Status => self.answer(ticket, Ok(self.status())),
            Request::Sync { wait } => self.on_sync(ticket, wait),
            Request::Pause(pause) => {
                self.pause(pause);
                let info = self.sync_info();
                self.commits.answer(ticket, info);
            }
            Request::Invite { handle, expires_in_ms } => self.on_invite(ticket, handle, expires_in_ms),
            Request::Invites => self.answer(ticket, Ok(self.list_invites())),
            Request::RevokeInvite(id) => self.revoke_invite(ticket, &id),
            Request::AddPeer { address, device } => self.on_add_peer(ticket, address, device),
            Request::AddAgent { handle, profile, force } => {
                self.on_add_agent(ticket, &handle, profile, force)
            }
            Request::HandOver { handle, to } => self.on_hand_over(ticket, &handle, to),
            Request::RemoveAgent { handle } => self.on_remove_agent(ticket, &handle),
            Request::Revoke { device, keep } => self.on_revoke(ticket, device, keep),
            Request::RemoveMember { handle, keep } => self.on_remove_member(ticket, &handle, keep),
            Request::Join(invitation) => self.on_join(ticket, invitation),
            Request::Export => self.on_export_now(ticket),
        }
    }

    /// Finds the session by its id; of two that collide, our own.
    fn in_session(&mut self, ticket: Ticket, session: &SessionId, task: Task) {
        match self.find(session) {
            Ok(key) => self.with_session(key, task),
            Err(rejection) => self.answer(ticket, Err(rejection)),
        }
    }

    pub(super) fn find(&self, session: &SessionId) -> Result<StreamKey, Rejection> {
        let keys = self.slots.called(session);
        if let [key] = keys.as_slice() {
            return Ok(*key);
        }
        let me = self.my_member().ok();
        let is_mine = |key: &&StreamKey| {
            let row = self.slots.get(key).and_then(|slot| slot.row.as_ref());
            row.is_some_and(|row| Some(row.creator) == me)
        };
        match keys.iter().filter(is_mine).collect::<Vec<_>>().as_slice() {
            [key] => Ok(**key),
            _ if keys.is_empty() => Err(not_found()),
            _ => Err(Rejection::new(
                Code::QuickSessionIdCollision,
                format!("several sessions are called {session}"),
            )),
        }
    }

    /// A page of the list.
    fn list(
        &self,
        archived: bool,
        agent: Option<&Handle>,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Answer, Rejection> {
        let items = self.newest(archived, agent, cursor)?;
        let mut items: Vec<Item> = items.into_iter().map(|(_, item)| item).collect();
        let limit = limit.clamp(1, PAGE_MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|item| self::cursor((item.updated_at_ms, item.id)));
        Ok(Answer::Sessions { items, next_cursor })
    }

    /// Newest first; the cursor is the last item's time and id.
    pub(super) fn newest(
        &self,
        archived: bool,
        agent: Option<&Handle>,
        cursor: Option<&str>,
    ) -> Result<Vec<(StreamKey, Item)>, Rejection> {
        let after = match cursor.map(parse_cursor) {
            None => None,
            Some(Some(after)) => Some(after),
            Some(None) => {
                return Err(Rejection::new(Code::InvalidField, "this cursor is not one of ours"));
            }
        };
        let status = starling_crdt::view::Status::Archived;
        let wanted = self.slots.rows().filter(|(_, row)| (row.status() == status) == archived);
        let mut items: Vec<_> = wanted
            .filter(|(_, row)| after.is_none_or(|after| (row.updated_at_ms, row.id) < after))
            .map(|(key, row)| (*key, self.item(row)))
            .filter(|(_, item)| agent.is_none_or(|agent| item.agent == *agent))
            .collect();
        items.sort_by_key(|(_, item)| std::cmp::Reverse((item.updated_at_ms, item.id)));
        Ok(items)
    }

    fn on_sync(&mut self, ticket: Ticket, wait: bool) {
        if !wait || self.proto.all_in_step() {
            return self.answer(ticket, Ok(self.sync_info()));
        }
        if self.waiters.len() >= WAITERS_MAX {
            return self
                .answer(ticket, Err(Rejection::new(Code::RateLimited, "too many clients wait for peers")));
        }
        self.waiters.push(ticket);
        self.feed(starling_net::proto::Input::SyncNow);
    }

    /// Answers those who wait for peers, once every connected one has what we have.
    pub(super) fn answer_waiters(&mut self) {
        if self.waiters.is_empty() || !self.proto.all_in_step() {
            return;
        }
        for ticket in std::mem::take(&mut self.waiters) {
            self.answer(ticket, Ok(self.sync_info()));
        }
    }

    fn on_add_peer(&mut self, ticket: Ticket, address: String, device: Option<starling_crdt::id::DeviceKey>) {
        if self.add_address(address, device) {
            self.answer(ticket, Ok(Answer::Peers(self.peer_infos())));
        } else {
            self.answer(
                ticket,
                Err(Rejection::new(Code::RateLimited, "too many addresses wait for an answer")),
            );
        }
    }
}

/// A place in the list.
pub(super) fn cursor((updated_at_ms, id): (u64, SessionId)) -> String {
    format!("{updated_at_ms}.{id}")
}

fn parse_cursor(text: &str) -> Option<(u64, SessionId)> {
    let (ms, id) = text.split_once('.')?;
    Some((ms.parse().ok()?, id.parse().ok()?))
}
