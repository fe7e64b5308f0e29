//! Short names for payloads.

use super::{attempt, body, device, request};
use crate::id::{MemberId, RecordId};
use crate::payload::{MemberRole, Payload, Turn};
use crate::text::{Label, Reason, Summary, Title};

pub(crate) fn turn(n: u8, prev: Option<RecordId>) -> Turn {
    Turn { attempt: attempt(n), prev }
}

pub(crate) fn message(text: &str) -> Payload {
    message_as(text, text)
}

pub(crate) fn message_as(request_id: &str, text: &str) -> Payload {
    Payload::Message { body: body(text), request_id: request(request_id), reply_to: None }
}

pub(crate) fn answer_to(text: &str, reply_to: RecordId) -> Payload {
    Payload::Message { body: body(text), request_id: request(text), reply_to: Some(reply_to) }
}

pub(crate) fn title(text: &str) -> Payload {
    Payload::Title { title: Title::new(text).unwrap(), turn: None }
}

pub(crate) fn agent_title(text: &str) -> impl Fn(Turn) -> Payload {
    let title = Title::new(text).unwrap();
    move |turn| Payload::Title { title: title.clone(), turn: Some(turn) }
}

pub(crate) fn claim(turn: Turn) -> Payload {
    Payload::Claim { turn }
}

pub(crate) fn reply(text: &str) -> impl Fn(Turn) -> Payload {
    let body = body(text);
    move |turn| Payload::Reply { turn, body: body.clone() }
}

pub(crate) fn summary(text: &str) -> impl Fn(Turn) -> Payload {
    let summary = Summary::new(text).unwrap();
    move |turn| Payload::Summary { turn, summary: summary.clone() }
}

pub(crate) fn failure(text: &str) -> impl Fn(Turn) -> Payload {
    let reason = Reason::cut(text);
    move |turn| Payload::Failure { turn, reason: reason.clone() }
}

pub(crate) fn retry(n: u8) -> Payload {
    Payload::Retry { attempt: attempt(n) }
}

pub(crate) fn stop(n: u8) -> Payload {
    Payload::Stop { attempt: attempt(n) }
}

pub(crate) fn add_member(handle: &str, role: MemberRole) -> Payload {
    Payload::AddMember { handle: handle.parse().unwrap(), role }
}

pub(crate) fn add_device(member: MemberId, seed: u8) -> Payload {
    Payload::AddDevice { member, device: device(seed), label: Label::new("device").unwrap() }
}

pub(crate) fn host_agent(handle: &str, seed: u8) -> Payload {
    Payload::HostAgent { handle: handle.parse().unwrap(), device: device(seed) }
}
