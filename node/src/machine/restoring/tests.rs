//! Copies of a small workspace: whole, cut, changed, of another workspace.

use starling_crdt::id::Handle;
use starling_crdt::payload::Header;
use starling_crdt::text::{Body, RequestId};

use super::*;

const AT_MS: u64 = 1_700_000_000_000;
const RECOVERY: u8 = 9;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn handle(text: &str) -> Handle {
    text.parse().unwrap()
}

/// The records of a new workspace whose founder's key is of `seed`, with an agent.
fn founded(seed: u8) -> (WorkspaceId, Vec<Vec<u8>>) {
    let kind = super::super::input::AgentKind::Demo { script: None };
    let profile = super::super::input::AgentProfile {
        kind,
        cwd: None,
        env: Vec::new(),
        allow: Vec::new(),
        policy: super::super::policy::AgentPolicy::DEFAULT,
        mode: None,
    };
    let label = Label::new("laptop").unwrap();
    let (recovery, agent) = (Some(device_key(&key(RECOVERY))), Some((handle("coder"), profile)));
    let founded = super::super::found(&key(seed), handle("alice"), label, recovery, agent, AT_MS).unwrap();
    (founded.workspace, founded.batch.records.into_iter().map(|row| row.wire).collect())
}

fn copy(branch: &str, wires: &[Vec<u8>]) -> Copy {
    let bytes = segments::render(wires.iter().map(Vec::as_slice));
    Copy { branch: branch.to_owned(), unlisted: None, files: vec![("0".to_owned(), Ok(bytes))] }
}

fn begun(seed: u8) -> Restoring {
    let (restoring, troubles) = Restoring::begin(&[copy("HEAD", &founded(seed).1)]).unwrap();
    assert_eq!(troubles, []);
    restoring
}

/// A session with `more` messages after the first, written by the founder of `seed`.
fn session(restoring: &Restoring, seed: u8, more: usize) -> (StreamKey, Vec<Vec<u8>>) {
    let standing = restoring.roster().standing();
    let (creator, agent) = (*standing.members().next().unwrap().0, *standing.agents().next().unwrap().0);
    let header = Header { session: SessionId::from_parts(AT_MS, 1), creator, agent };
    let stream = header.key(&restoring.workspace());
    let request = |n: usize| RequestId::new(format!("request-{n}")).unwrap();
    let body = |n: usize| Body::new(format!("message {n}")).unwrap();
    let (mut wires, mut deps) = (Vec::new(), Vec::new());
    for n in 0..=more {
        let payload = match n {
            0 => Payload::Open { header: header.clone(), body: body(0), request_id: request(0) },
            n => Payload::Message { body: body(n), request_id: request(n), reply_to: None },
        };
        let record = Record {
            workspace: restoring.workspace(),
            stream,
            author: device_key(&key(seed)),
            roster: restoring.roster().heads().iter().copied().collect(),
            deps: std::mem::take(&mut deps),
            at_ms: AT_MS,
            payload,
        };
        let signed = Signed::sign(record, &key(seed)).unwrap();
        deps.push(signed.id());
        wires.push(signed.wire().to_vec());
    }
    (stream, wires)
}

#[test]
fn a_whole_copy_is_restored_in_an_order_that_can_be_admitted() {
    let restoring = begun(1);
    let (stream, wires) = session(&restoring, 1, 3);
    let whole = restoring.session(stream, &[copy("HEAD", &wires)]).unwrap();
    let rows = rows(&stream, whole.records.iter(), None);
    assert_eq!(rows.iter().map(|row| row.wire.clone()).collect::<Vec<_>>(), wires);
    assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(whole.left_out, []);
}

#[test]
fn copies_of_several_branches_are_joined() {
    let restoring = begun(1);
    let (stream, wires) = session(&restoring, 1, 3);
    let copies = [copy("HEAD", &wires[..2]), copy("starling/phone", &wires)];
    assert_eq!(restoring.session(stream, &copies).unwrap().records.len(), 4);
}

#[test]
fn a_copy_in_which_anything_is_wrong_is_left_out_and_a_whole_one_is_taken() {
    let restoring = begun(1);
    let (stream, wires) = session(&restoring, 1, 3);
    let whole = copy("HEAD", &wires);
    let mut forged = wires.clone();
    *forged[3].last_mut().unwrap() ^= 1;
    let unreadable =
        Copy { files: vec![("0".to_owned(), Err("the object is gone".to_owned()))], ..whole.clone() };
    let renamed = Copy { files: vec![("x".to_owned(), whole.files[0].1.clone())], ..whole.clone() };
    let unlisted =
        Copy { unlisted: Some("no tree".to_owned()), files: Vec::new(), branch: "HEAD".to_owned() };
    let wrong = [copy("HEAD", &forged), copy("HEAD", &wires[1..]), unreadable, renamed, unlisted];
    for (copy, reason) in
        wrong.into_iter().zip(["signature", "which is not there", "gone", "name", "no tree"])
    {
        let broken = restoring.session(stream, std::slice::from_ref(&copy)).unwrap_err();
        assert!(broken.troubles[0].reason.contains(reason), "{broken:?}");
        let mended = restoring.session(stream, &[copy, whole.clone()]).unwrap();
        assert_eq!((mended.records.len(), mended.left_out), (4, broken.troubles));
    }
    let cut = restoring.session(stream, &[copy("HEAD", &wires[1..])]).unwrap_err();
    assert_eq!(cut.id, None);
}

#[test]
fn a_session_of_another_workspace_or_author_is_refused() {
    let (restoring, other) = (begun(1), begun(2));
    let (stream, wires) = session(&other, 2, 0);
    let broken = restoring.session(stream, &[copy("HEAD", &wires)]).unwrap_err();
    assert!(broken.troubles[0].reason.contains("another session"), "{broken:?}");
    let (stream, wires) = session(&restoring, 3, 0);
    let broken = restoring.session(stream, &[copy("HEAD", &wires)]).unwrap_err();
    assert!(broken.troubles[0].reason.contains("refused"), "{broken:?}");
}

#[test]
fn the_first_workspace_counts_and_what_is_sound_of_its_roster_is_taken() {
    let (ours, mut wires) = founded(1);
    let (_, foreign) = founded(2);
    let (restoring, troubles) = Restoring::begin(&[copy("HEAD", &wires), copy("other", &foreign)]).unwrap();
    assert_eq!((restoring.workspace(), troubles.len()), (ours, 2));
    *wires[1].last_mut().unwrap() ^= 1;
    let (restoring, troubles) = Restoring::begin(&[copy("HEAD", &wires)]).unwrap();
    assert_eq!((restoring.roster().records().count(), troubles.len()), (1, 1));
    assert!(matches!(Restoring::begin(&[copy("HEAD", &wires[1..])]), Err(RestoreError::NoFounding)));
    assert!(matches!(Restoring::begin(&[]), Err(RestoreError::NoFounding)));
}

#[test]
fn only_the_recovery_key_of_the_workspace_admits_a_new_device() {
    let mut restoring = begun(1);
    let (new, label) = (device_key(&key(5)), Label::new("new").unwrap());
    let refused = restoring.recover(&key(1), new, label.clone(), AT_MS).unwrap_err();
    assert_eq!(refused, RestoreError::WrongKey);
    assert_eq!(restoring.roster().standing().member_of(&new), None);
    restoring.recover(&key(RECOVERY), new, label.clone(), AT_MS).unwrap();
    let (_, member) = restoring.roster().standing().member_of(&new).unwrap();
    assert_eq!(member.role, MemberRole::Founder);
    let again = restoring.recover(&key(RECOVERY), new, label, AT_MS).unwrap_err();
    assert!(matches!(again, RestoreError::NotAdmitted(_)), "{again}");
}
