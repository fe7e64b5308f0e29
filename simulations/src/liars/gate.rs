//! Lies about answers. The liar hosts an agent of its own, which nobody can forbid, claims a turn as it should, and then
//! answers without a title; and it claims, answers and titles in the name of an agent that is not its own.

use starling_crdt::id::{AttemptId, Handle, RecordId, SessionId};
use starling_crdt::payload::{Header, Payload, Turn};
use starling_crdt::signed::{Signed, Verified};
use starling_crdt::text::{Body, RequestId, Summary, Title};

use super::Word;
use super::mouth::{Dice, Known, Mouth, message, tell};

pub(super) fn break_gate(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Vec<Word> {
    let mut words = of_its_own_agent(mouth, dice).unwrap_or_default();
    if let Some(known) = mouth.some_session(dice) {
        words.extend(in_another_agents_name(mouth, dice, &known));
    }
    words
}

/// An agent of its own: all is good until the answer, which no title goes before.
fn of_its_own_agent(mouth: &Mouth<'_>, dice: &mut Dice<'_>) -> Option<Vec<Word>> {
    let handle: Handle = format!("evil-{:x}", dice.below(1 << 24)).parse().ok()?;
    let host = mouth.enrol(Payload::HostAgent { handle, device: mouth.me })?;
    let session = SessionId::from_parts(mouth.now_ms, u128::from(dice.number()));
    let header = Header { session, creator: mouth.member()?, agent: host.id() };
    let key = header.key(&mouth.roster().workspace());
    let attempt = AttemptId::from_parts(mouth.now_ms, u128::from(dice.number()));
    let sign = |deps: Vec<RecordId>, payload| mouth.sign(key, (vec![host.id()], deps), payload, mouth.now_ms);
    let after = |record: &Signed<Verified>| Turn { attempt, prev: Some(record.id()) };
    let body = Body::new("nobody gave this a title").ok()?;
    let request_id = RequestId::new(session.to_string()).ok()?;
    let open = sign(Vec::new(), Payload::Open { header, body: body.clone(), request_id })?;
    let claim = sign(vec![open.id()], Payload::Claim { turn: Turn { attempt, prev: None } })?;
    let reply = sign(vec![claim.id()], Payload::Reply { turn: after(&claim), body })?;
    let summary = Summary::new("in short").ok()?;
    let summary = sign(vec![claim.id()], Payload::Summary { turn: after(&claim), summary });
    let title = Title::new("too late").ok()?;
    let title = sign(vec![reply.id()], Payload::Title { title, turn: Some(after(&reply)) });
    let all = [Some(host), Some(open), Some(claim), Some(reply), summary, title];
    Some(all.into_iter().filter_map(|record| tell(record, None)).collect())
}

/// In a session of an agent that another device hosts.
fn in_another_agents_name(mouth: &Mouth<'_>, dice: &mut Dice<'_>, known: &Known) -> Vec<Word> {
    let tips: Vec<_> = known.session.entries().map(|entry| entry.signed.record().payload.clone()).collect();
    let open = tips.into_iter().rev().find_map(|payload| match payload {
        Payload::Claim { turn } => Some(turn.attempt),
        _ => None,
    });
    let alien = AttemptId::from_parts(mouth.now_ms, u128::from(dice.number()));
    let mut words = Vec::new();
    for attempt in [open, Some(alien)].into_iter().flatten() {
        let turn = Turn { attempt, prev: known.heads().first().copied() };
        let (Ok(body), Ok(title)) = (Body::new("not mine to say"), Title::new("not mine to name")) else {
            continue;
        };
        let said = mouth.write(known, Payload::Title { title, turn: Some(turn.clone()) });
        let next = said.as_ref().map(Signed::id);
        words.extend(tell(said, None));
        words.extend(tell(mouth.write(known, Payload::Claim { turn: turn.clone() }), None));
        words.extend(tell(
            mouth.write(known, Payload::Reply { turn: turn.clone(), body: body.clone() }),
            None,
        ));
        let answer = Payload::Reply { turn: Turn { prev: next, ..turn }, body };
        let deps = next.into_iter().collect();
        words.extend(tell(mouth.sign(known.key, (mouth.roster_heads(), deps), answer, mouth.now_ms), None));
    }
    let member = mouth.member();
    if member != Some(known.header.creator) {
        // A human's word, but not this human's session.
        words.extend(tell(message(dice).and_then(|payload| mouth.write(known, payload)), None));
        words.extend(tell(mouth.write(known, Payload::Archive {}), None));
    }
    words
}
