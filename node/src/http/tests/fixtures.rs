//! Hand-made data, the same in every test.

use std::collections::BTreeMap;

use starling_crdt::id::{AttemptId, DeviceKey, Handle, RecordId, SessionId, StreamKey, WorkspaceId};
use starling_crdt::text::{Body, Reason, RequestId, Summary, Title};
use starling_crdt::view::{Archived, Author, Completed, Failed, Line, Processing, Status, View};

use crate::machine::activity::PermissionInfo;
use crate::machine::capabilities::{Capabilities, Mode};
use crate::machine::exec::ExecProfile;
use crate::machine::info::{
    AgentInfo, Delivery, DeviceInfo, ExportState, InviteInfo, Item, Match, MemberInfo, NodeStatus, PeerInfo,
    SyncInfo, WaitingInfo,
};
use crate::machine::input::{AgentKind, AgentProfile};
use crate::machine::policy::AgentPolicy;
use crate::machine::ticket::Ticket;

/// The session that is always there.
pub(super) const SESSION: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ";
/// One that is not.
pub(super) const ABSENT: &str = "qs-01JZZZZZZZZZZZZZZZZZZZZZZY";
/// Its attempt, and the secret that opens it.
pub(super) const ATTEMPT: &str = "qa-01JZZZZZZZZZZZZZZZZZZZZZZA";
pub(super) const SECRET: &str = "turn-secret";
/// 2026-07-11T00:00:00.000Z
pub(super) const START_MS: u64 = 1_783_728_000_000;

pub(super) fn session() -> SessionId {
    SESSION.parse().unwrap()
}

pub(super) fn attempt() -> AttemptId {
    ATTEMPT.parse().unwrap()
}

pub(super) fn handle(text: &str) -> Handle {
    text.parse().unwrap()
}

pub(super) fn record(byte: &str) -> RecordId {
    byte.repeat(32).parse().unwrap()
}

pub(super) fn device(byte: &str) -> DeviceKey {
    byte.repeat(32).parse().unwrap()
}

fn line(number: u64, author: Author, body: &str) -> Line {
    Line {
        message_id: record(&format!("{number:02x}")),
        number,
        sealed: number < 3,
        lost: false,
        point_to: u64::from(author == Author::Agent),
        author,
        at_ms: START_MS + number * 1_000 + 7,
        body: Body::new(body).unwrap(),
    }
}

/// A permission request of that session.
pub(super) fn permission() -> PermissionInfo {
    PermissionInfo {
        session: session(),
        attempt: attempt(),
        request: 3,
        agent: handle("scribe"),
        title: "rm -rf build".to_owned(),
        host: device("0d"),
        here: false,
        can_answer: true,
        asked_at_ms: START_MS,
    }
}

/// A running session with three lines.
pub(super) fn view() -> View {
    View {
        key: StreamKey::from_bytes([9; 32]),
        id: session(),
        creator: record("0a"),
        created_by: handle("alice"),
        agent: record("0b"),
        agent_handle: handle("scribe"),
        title: Some(Title::new("Build").unwrap()),
        status: Status::Running,
        created_at_ms: START_MS,
        updated_at_ms: START_MS + 3_007,
        archived: None,
        summary: Some((Summary::new("all well").unwrap(), START_MS + 2_500)),
        processing: Some(Processing {
            attempt: attempt(),
            input_line: 3,
            started_at_ms: START_MS + 3_500,
            claim: record("0c"),
            stop_requested: false,
        }),
        last_completed: Some(Completed {
            attempt: "qa-01JZZZZZZZZZZZZZZZZZZZZZZ9".parse().unwrap(),
            input_line: 1,
            line: 2,
        }),
        last_failed: None,
        last_human: (3, RequestId::new("r-3").unwrap()),
        lines: vec![
            line(1, Author::Creator, "Please check."),
            line(2, Author::Agent, "Done."),
            line(3, Author::Creator, &format!("see session:{SESSION}:L000001, (session:{SESSION})")),
        ],
        revision: 6,
        pending_inputs: 0,
        open_attempts: vec![attempt()],
        fork: None,
        continues: None,
        tip: None,
        aside: 0,
    }
}

/// The same, archived from an error.
pub(super) fn archived_view() -> View {
    View {
        title: None,
        status: Status::Archived,
        archived: Some(Archived { at_ms: START_MS + 9_000, from: Status::Error }),
        summary: None,
        processing: None,
        last_completed: None,
        last_failed: Some(Failed { attempt: attempt(), reason: Reason::cut("crashed") }),
        lines: vec![line(1, Author::Creator, "Please check.")],
        last_human: (1, RequestId::new(SESSION).unwrap()),
        ..view()
    }
}

pub(super) fn item() -> Item {
    Item {
        id: session(),
        title: None,
        agent: handle("scribe"),
        created_by: handle("alice"),
        status: Status::NeedsTitle,
        updated_at_ms: START_MS,
        preview: "Please check.".to_owned(),
        revision: 1,
    }
}

pub(super) fn agent() -> AgentInfo {
    AgentInfo {
        handle: handle("scribe"),
        host: device("d1"),
        host_label: "laptop".to_owned(),
        owner: handle("alice"),
        here: true,
        online: true,
        last_seen_ms: None,
        running: Some(session()),
        queued: 2,
        profile: Some(profile()),
        capabilities: Some(Capabilities {
            program: Some("Codex 1.2".to_owned()),
            resumes: true,
            modes: vec![Mode { id: "plan".to_owned(), name: "Plan".to_owned() }],
        }),
    }
}

/// How that agent is run.
pub(super) fn profile() -> AgentProfile {
    AgentProfile {
        kind: AgentKind::Exec {
            profile: ExecProfile::Codex,
            command: vec!["no-such-codex".to_owned(), "--fast".to_owned()],
        },
        cwd: Some("/srv/code".to_owned()),
        env: vec!["KEY".to_owned()],
        allow: vec![handle("alice")],
        policy: AgentPolicy::DEFAULT,
        mode: None,
    }
}

pub(super) fn member() -> MemberInfo {
    MemberInfo {
        handle: handle("alice"),
        role: "founder",
        devices: vec![DeviceInfo {
            device: device("d1"),
            label: "laptop".to_owned(),
            here: true,
            online: true,
            last_seen_ms: Some(START_MS),
        }],
    }
}

pub(super) fn peer() -> PeerInfo {
    PeerInfo {
        device: device("d2"),
        handle: Some(handle("bob")),
        label: "desk".to_owned(),
        connected: true,
        addresses: vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()],
        rtt_micros: Some(250),
        last_seen_ms: Some(START_MS),
        in_step: true,
        last_exchange_ms: None,
        records: (3, 4),
        last_error: None,
    }
}

fn waiting() -> WaitingInfo {
    WaitingInfo {
        session: session(),
        agent: handle("scribe"),
        reason: "its host is away".to_owned(),
        last_seen_ms: Some(START_MS),
    }
}

pub(super) fn export() -> ExportState {
    ExportState { commit: Some("c0".repeat(20)), tree: Some("7e".repeat(20)), error: None }
}

pub(super) fn sync() -> SyncInfo {
    SyncInfo { paused: false, in_step: 1, connected: 1, peers: vec![peer()], waiting: vec![] }
}

pub(super) fn status() -> NodeStatus {
    NodeStatus {
        device: device("d1"),
        label: "laptop".to_owned(),
        workspace: record("aa"),
        handle: handle("alice"),
        revoked: false,
        listen: vec!["/ip4/127.0.0.1/udp/4000/quic-v1".to_owned()],
        peers: vec![],
        sessions: BTreeMap::from([("active", 2), ("running", 1)]),
        export: export(),
        push: None,
        waiting: vec![waiting()],
        paused: false,
        can_join: true,
        started_at_ms: START_MS,
    }
}

pub(super) fn invite() -> InviteInfo {
    InviteInfo { id: "inv-1".to_owned(), handle: handle("bob"), expires_at_ms: START_MS, used_by: None }
}

pub(super) fn found() -> Match {
    Match { line_number: 2, excerpt: "all is well".to_owned() }
}

/// Where the lines of [`view`] are: the last one nowhere else.
pub(super) fn delivery() -> Delivery {
    Delivery { devices: 2, on: vec![2, 1] }
}

/// An invitation by somebody else.
pub(super) fn ticket() -> Ticket {
    Ticket {
        workspace: WorkspaceId::from_bytes([0xa0; 32]),
        inviter: DeviceKey::from_bytes([0xd9; 32]),
        addresses: vec!["/ip4/192.0.2.7/udp/4001/quic-v1".to_owned()],
        secret: [7; 32],
        handle: handle("bob"),
        expires_at_ms: START_MS,
    }
}
