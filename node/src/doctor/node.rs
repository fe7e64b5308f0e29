//! A running node, by what it says of itself: whether it may write, where it listens, whom it reaches and why not, what is
//! exported and pushed, whose last turn failed, and who waits for what.

use std::ffi::OsStr;

use starling_crdt::id::{Handle, SessionId};

use super::{Check, State, of_agents};
use crate::machine::info::{AgentInfo, NodeStatus, PeerInfo};

/// Peers and sessions that are named; the rest is counted.
const NAMED_MAX: usize = 5;

/// A session whose last turn failed.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) agent: Handle,
    pub(crate) session: SessionId,
    /// As the failure's record has it.
    pub(crate) reason: String,
}

/// The checks of a node. `path` is where it looks for programs, `web` its web address, `failed` the newest session of each
/// agent whose last turn failed there.
pub(crate) fn of_node(
    status: &NodeStatus,
    agents: &[AgentInfo],
    failed: &[Failed],
    web: Option<&str>,
    path: &OsStr,
) -> Vec<Check> {
    let mut checks =
        vec![running(status, web), membership(status), listening(status), peers(status), sync(status)];
    checks.extend(exporting(status));
    let hosted = agents.iter().filter_map(|agent| Some((&agent.handle, agent.profile.as_ref()?)));
    checks.extend(of_agents(hosted, path));
    checks.iter_mut().for_each(|check| note_failure(check, failed));
    checks.push(waiting(status));
    checks
}

fn running(status: &NodeStatus, web: Option<&str>) -> Check {
    let web = web.map_or_else(String::new, |web| format!(", {web}"));
    let version = env!("CARGO_PKG_VERSION");
    Check::ok("node", "Node", format!("version {version} runs: @{} on {}{web}", status.handle, status.label))
}

fn membership(status: &NodeStatus) -> Check {
    let (id, title) = ("membership", "Membership");
    if status.revoked {
        let hint =
            "an admin's `starling invite create`, and with its ticket `starling --home NEW join TICKET`";
        return Check::fail(
            id,
            title,
            "this device is no member: it reads what it has, and writes nothing",
            hint,
        );
    }
    Check::ok(id, title, "this device is a member of its workspace")
}

fn listening(status: &NodeStatus) -> Check {
    let (id, title) = ("listen", "Listening");
    if status.listen.is_empty() {
        let hint = "`starling logs` says why; `starling config get listen` shows what was wanted";
        return Check::fail(id, title, "peers cannot reach this node: it listens nowhere", hint);
    }
    Check::ok(id, title, status.listen.join(", "))
}

fn peers(status: &NodeStatus) -> Check {
    let (id, title) = ("peers", "Peers");
    if status.peers.is_empty() {
        return Check::ok(id, title, "none yet: `starling invite create` lets another device in");
    }
    if status.paused {
        let hint = "`starling sync resume` takes it up again";
        return Check::warn(id, title, "the exchange with peers is paused", hint);
    }
    let away: Vec<&PeerInfo> = status.peers.iter().filter(|peer| !peer.connected).collect();
    let connected = format!("{} of {} connected", status.peers.len() - away.len(), status.peers.len());
    if away.is_empty() {
        return Check::ok(id, title, connected);
    }
    let named = listed(&away, |peer| format!("{}: {}", who(peer), why_away(peer)));
    let hint = "start their nodes; where one moved, `starling peer add MULTIADDR` says where it is now";
    Check::warn(id, title, format!("{connected}; {named}"), hint)
}

fn who(peer: &PeerInfo) -> String {
    let short = || peer.device.to_string().chars().take(8).collect();
    let label = if peer.label.trim().is_empty() { short() } else { peer.label.clone() };
    peer.handle.as_ref().map_or_else(|| label.clone(), |handle| format!("@{handle} {label}"))
}

fn why_away(peer: &PeerInfo) -> String {
    match (&peer.last_error, peer.addresses.is_empty(), peer.last_seen_ms) {
        (Some(error), ..) => {
            error.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect()
        }
        (None, true, _) => "nobody has said where it is".to_owned(),
        (None, false, None) => "it was never reached".to_owned(),
        (None, false, Some(_)) => "it has gone".to_owned(),
    }
}

fn sync(status: &NodeStatus) -> Check {
    let (id, title) = ("sync", "Exchange");
    let connected = || status.peers.iter().filter(|peer| peer.connected);
    let behind: Vec<&PeerInfo> = connected().filter(|peer| !peer.in_step).collect();
    if behind.is_empty() {
        return Check::ok(
            id,
            title,
            match connected().count() {
                0 => "nobody is connected, so nothing is exchanged".to_owned(),
                _ => "every connected peer has what this node has".to_owned(),
            },
        );
    }
    let named = listed(&behind, |peer| who(peer));
    let hint = "`starling sync wait` waits for it; `starling logs` may say what is in the way";
    Check::warn(id, title, format!("still exchanging with {named}"), hint)
}

fn exporting(status: &NodeStatus) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(error) = &status.export.error {
        let hint = "records are safe in the store; mend the cause, then `starling export`";
        checks.push(Check::fail("exporting", "Export's last run", error.as_str(), hint));
    }
    if let Some(push) = &status.push {
        let (id, title) = ("push", "Push");
        checks.push(match &push.error {
            Some(error) => {
                let hint =
                    "`git push` to this remote has to work without questions; it is tried again by itself";
                Check::warn(id, title, format!("to {}: {error}", push.remote), hint)
            }
            None => Check::ok(id, title, format!("to {} of {}", push.branch, push.remote)),
        });
    }
    checks
}

/// An agent whose program is there may still fail.
fn note_failure(check: &mut Check, failed: &[Failed]) {
    let about = |it: &&Failed| check.id == format!("agent:{}", it.agent);
    let Some(it) = failed.iter().find(about).filter(|_| check.state == State::Ok) else { return };
    let (agent, session) = (&it.agent, it.session);
    *check = Check::warn(
        &check.id,
        &check.title,
        format!("its last turn failed ({}), in session {session}", it.reason),
        format!(
            "`starling agent test {agent}` says how far it comes, `starling agent logs {agent}` what it said"
        ),
    );
}

fn waiting(status: &NodeStatus) -> Check {
    let (id, title) = ("waiting", "Waiting sessions");
    if status.waiting.is_empty() {
        return Check::ok(id, title, "none");
    }
    let all: Vec<_> = status.waiting.iter().collect();
    let named = listed(&all, |each| format!("{}: {}", each.session, each.reason));
    Check::warn(id, title, named, "`starling status` shows them all, with what each waits for")
}

fn listed<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let mut named: Vec<String> = all.iter().take(NAMED_MAX).map(name).collect();
    if all.len() > NAMED_MAX {
        named.push(format!("and {} more", all.len() - NAMED_MAX));
    }
    named.join("; ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::info::{ExportState, PushState, WaitingInfo};

    fn peer(connected: bool, in_step: bool, error: Option<&str>) -> PeerInfo {
        PeerInfo {
            device: "d2".repeat(32).parse().unwrap(),
            handle: Some("bob".parse().unwrap()),
            label: "desk".to_owned(),
            connected,
            addresses: vec!["/ip4/192.0.2.1/tcp/1".to_owned()],
            rtt_micros: None,
            last_seen_ms: None,
            in_step,
            last_exchange_ms: None,
            records: (0, 0),
            last_error: error.map(str::to_owned),
        }
    }

    fn status() -> NodeStatus {
        NodeStatus {
            device: "d1".repeat(32).parse().unwrap(),
            label: "laptop".to_owned(),
            workspace: "aa".repeat(32).parse().unwrap(),
            handle: "alice".parse().unwrap(),
            revoked: false,
            listen: vec!["/ip4/127.0.0.1/tcp/4000".to_owned()],
            peers: vec![peer(true, true, None)],
            sessions: BTreeMap::new(),
            export: ExportState::default(),
            push: None,
            waiting: Vec::new(),
            paused: false,
            can_join: false,
            started_at_ms: 0,
        }
    }

    fn odd(status: &NodeStatus) -> Vec<(String, State, String)> {
        let checks = of_node(status, &[], &[], None, OsStr::new(""));
        let odd = checks.into_iter().filter(|check| check.state != State::Ok);
        odd.map(|check| (check.id, check.state, check.detail)).collect()
    }

    #[test]
    fn a_node_that_is_well_has_no_complaints() {
        assert_eq!(odd(&status()), []);
    }

    #[test]
    fn what_is_not_well_says_why() {
        let mut it = status();
        it.revoked = true;
        it.listen.clear();
        it.peers = vec![peer(false, false, Some("Connection\n refused")), peer(true, false, None)];
        it.export.error = Some("disk full".to_owned());
        it.push = Some(PushState {
            remote: "r".to_owned(),
            error: Some("denied".to_owned()),
            ..PushState::default()
        });
        it.waiting = vec![WaitingInfo {
            session: "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ".parse().unwrap(),
            agent: "scribe".parse().unwrap(),
            reason: "its node is away".to_owned(),
            last_seen_ms: None,
        }];
        let odd = odd(&it);
        let ids: Vec<_> = odd.iter().map(|(id, state, _)| (id.as_str(), *state)).collect();
        assert_eq!(
            ids,
            [
                ("membership", State::Fail),
                ("listen", State::Fail),
                ("peers", State::Warn),
                ("sync", State::Warn),
                ("exporting", State::Fail),
                ("push", State::Warn),
                ("waiting", State::Warn),
            ]
        );
        assert_eq!(odd[2].2, "1 of 2 connected; @bob desk: Connection refused");
        assert!(odd[6].2.contains("its node is away"));
        it.paused = true;
        let checks = of_node(&it, &[], &[], None, OsStr::new(""));
        assert!(checks[3].hint.as_ref().unwrap().contains("sync resume"), "{checks:?}");
    }
}
