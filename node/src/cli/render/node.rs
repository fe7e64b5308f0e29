//! The node, its peers, members, agents and invitations as text.

use super::super::model::{Agent, Capabilities, Check, Invite, Member, Peer, Push, Status, Sync, Waiting};
use super::{WIDTH, age, chip, clean, count, one_line, padded, style, styled, until, wrapped};

/// Columns of the names on the left.
const NAME_COLUMNS: usize = 11;
/// Columns before what a check saw.
const CHECK_COLUMNS: usize = 20;
/// Columns of a handle with its label.
const WHO_COLUMNS: usize = 34;
/// Columns that what belongs to a line is moved in.
const INDENT: usize = 4;
/// Hexadecimal digits of a key or commit that are enough to recognise it.
const SHORT_DIGITS: usize = 12;

/// `status`: who and where, peers, sessions, what is waited for.
pub(in crate::cli) fn status(status: &Status, now_ms: u64) -> String {
    let mut text =
        row("you", &format!("@{} on {}", clean(&status.handle), named(&status.label, &status.device)));
    if status.revoked {
        let lost = "✗ this device was removed from the workspace, or its home was restored: it only reads";
        text += &row("", &styled(style::BAD, lost));
    }
    text += &row("device", &clean(&status.device));
    text += &row("workspace", &clean(&status.workspace));
    if let Some(http) = &status.http {
        let how = styled(style::DIM, "(`starling open` logs in)");
        text += &row("web", &format!("{}  {how}", clean(http)));
    }
    for (n, address) in status.listen.iter().enumerate() {
        text += &row(if n == 0 { "listen" } else { "" }, &clean(address));
    }
    text += &row("export", &export(status));
    if let Some(push) = &status.export.push {
        text += &pushes(push, now_ms);
    }
    text += &row("sessions", &sessions(status));
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    let cut = if status.paused { "  exchange paused" } else { "" };
    text += &row("peers", &format!("{connected} of {} connected{cut}", status.peers.len()));
    text += &peers(&status.peers, now_ms);
    text += &waiting(&status.waiting, now_ms);
    text
}

fn row(name: &str, value: &str) -> String {
    format!("{}{value}\n", padded(&styled(style::DIM, name), NAME_COLUMNS))
}

fn export(status: &Status) -> String {
    let short = |id: &Option<String>| id.as_deref().map_or_else(|| "none".to_owned(), short);
    let export = &status.export;
    match &export.error {
        Some(error) => styled(style::BAD, &format!("✗ {}", one_line(error, WIDTH - NAME_COLUMNS - 2))),
        None => format!("commit {}  tree {}", short(&export.commit), short(&export.tree)),
    }
}

/// Where the export is pushed to, how far that has come, and what is in its way.
fn pushes(push: &Push, now_ms: u64) -> String {
    let where_to = format!("to {} {}", clean(&push.branch), one_line(&push.remote, WIDTH));
    let mut text = row("", &where_to);
    let pushed = push.commit.as_deref().map(|commit| {
        let when = push.at.as_deref().map_or_else(String::new, |at| format!(", {}", age(at, now_ms)));
        format!("pushed commit {}{when}", short(commit))
    });
    text += &row("", &pushed.unwrap_or_else(|| "not pushed since the node started".to_owned()));
    if let Some(error) = &push.error {
        let error = one_line(error, WIDTH - NAME_COLUMNS - 2);
        text += &row("", &styled(style::BAD, &format!("✗ {error}")));
    }
    if let Some(next) = &push.next_try {
        let when = until(next, now_ms).unwrap_or_else(|| "now".to_owned());
        text += &row("", &format!("tried again {when}"));
    }
    text
}

fn sessions(status: &Status) -> String {
    let shown = status.sessions.iter().filter(|(_, number)| **number > 0);
    let parts: Vec<_> = shown.map(|(name, number)| format!("{} {number}", chip(name))).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join("  ") }
}

fn short(id: &str) -> String {
    clean(&id.chars().take(SHORT_DIGITS).collect::<String>())
}

/// A device's label, or the beginning of its key.
fn named(label: &str, device: &str) -> String {
    if label.trim().is_empty() { short(device) } else { one_line(label, WHO_COLUMNS) }
}

fn dot(on: bool) -> String {
    if on { styled(style::GOOD, "●") } else { styled(style::DIM, "○") }
}

fn seen(last_seen: Option<&str>, now_ms: u64) -> String {
    last_seen.map_or_else(|| "never seen".to_owned(), |time| format!("seen {}", age(time, now_ms)))
}

/// One line a peer, and what went wrong with it last.
pub(in crate::cli) fn peers(peers: &[Peer], now_ms: u64) -> String {
    peers.iter().map(|each| peer(each, now_ms)).collect()
}

fn peer(peer: &Peer, now_ms: u64) -> String {
    let handle = peer.handle.as_deref().map_or_else(|| "?".to_owned(), |name| format!("@{}", clean(name)));
    let who = one_line(&format!("{handle} {}", named(&peer.label, &peer.device)), WHO_COLUMNS);
    let state = match (peer.connected, peer.in_step) {
        (true, true) => styled(style::GOOD, "in step"),
        (true, false) => styled(style::BUSY, "exchanging"),
        (false, _) => styled(style::DIM, &seen(peer.last_seen.as_deref(), now_ms)),
    };
    let rtt = peer.rtt_micros.filter(|_| peer.connected).map_or_else(String::new, |micros| {
        styled(style::DIM, &format!("  {:.1} ms", micros as f64 / 1_000.0))
    });
    let mut text = format!("  {} {}  {state}{rtt}\n", dot(peer.connected), padded(&who, WHO_COLUMNS));
    if let Some(address) = peer.addresses.first().filter(|_| !peer.connected) {
        text += &styled(style::DIM, &wrapped(address, INDENT));
    }
    if let Some(error) = peer.last_error.as_deref().filter(|_| !peer.connected) {
        // The network's own words run over many lines and repeat the address: their beginning tells enough.
        let error = one_line(error, WIDTH - INDENT);
        text += &format!("{}{}\n", " ".repeat(INDENT), styled(style::CARE, &error));
    }
    text
}

/// Sessions that wait, each with its reason.
pub(in crate::cli) fn waiting(waiting: &[Waiting], now_ms: u64) -> String {
    let mut text = String::new();
    for each in waiting {
        let about = format!("{}  @{}", clean(&each.session), clean(&each.agent));
        let seen = each
            .last_seen
            .as_deref()
            .map_or_else(String::new, |time| format!(" (seen {})", age(time, now_ms)));
        text += &row(if text.is_empty() { "waiting" } else { "" }, &about);
        text += &styled(style::CARE, &wrapped(&format!("{}{seen}", each.reason), NAME_COLUMNS));
    }
    text
}

/// `sync status`: the exchange as a whole, each peer, what is waited for.
pub(in crate::cli) fn sync(sync: &Sync, now_ms: u64) -> String {
    let state = if sync.paused {
        styled(style::CARE, "paused: `starling sync resume` takes it up again")
    } else {
        let known = count(sync.peers.len(), "peer");
        format!("{known} known, {} connected, {} in step", sync.connected, sync.in_step)
    };
    format!("{}{}{}", row("exchange", &state), peers(&sync.peers, now_ms), waiting(&sync.waiting, now_ms))
}

/// One line an agent: what it does, and where it runs.
pub(in crate::cli) fn agents(agents: &[Agent], now_ms: u64) -> String {
    agents.iter().map(|each| agent(each, now_ms)).collect()
}

fn agent(agent: &Agent, now_ms: u64) -> String {
    let place = if agent.here { "here".to_owned() } else { named(&agent.host_label, &agent.host) };
    let place = format!("{place} (@{})", clean(&agent.owner));
    let work = match &agent.running {
        Some(session) => styled(style::BUSY, &format!("◐ {}", clean(session))),
        None if agent.online => styled(style::DIM, "idle"),
        None => styled(style::DIM, &seen(agent.last_seen.as_deref(), now_ms)),
    };
    let queued = if agent.queued == 0 { String::new() } else { format!("  {} queued", agent.queued) };
    let name = clean(&format!("@{}", agent.handle));
    // A handle is there to be typed: a long one is not cut, it has a line of its own.
    let room = WHO_COLUMNS - 14;
    let name = if name.chars().count() < room {
        padded(&name, room)
    } else {
        format!("{name}\n{}", " ".repeat(room + 2))
    };
    let line = format!("{} {name}{}  {work}{queued}\n", dot(agent.online), padded(&place, 22));
    let can = agent.capabilities.as_ref().map(capabilities);
    can.map_or_else(|| line.clone(), |can| format!("{line}{}\n", styled(style::DIM, &format!("  {can}"))))
}

/// What an agent is and can do, in a line.
pub(in crate::cli) fn capabilities(capabilities: &Capabilities) -> String {
    let program = capabilities.program.as_deref().map(clean);
    let resumes =
        if capabilities.resumes { "resumes its sessions" } else { "is given the transcript at each turn" };
    let modes: Vec<String> = capabilities.modes.iter().map(|mode| clean(&mode.id)).collect();
    let modes = (!modes.is_empty()).then(|| format!("modes: {}", modes.join(", ")));
    program.into_iter().chain([resumes.to_owned()]).chain(modes).collect::<Vec<_>>().join("; ")
}

/// A member and the devices below it.
pub(in crate::cli) fn members(members: &[Member], now_ms: u64) -> String {
    let mut text = String::new();
    for member in members {
        let handle = format!("@{}", clean(&member.handle));
        text += &format!("{} {}\n", styled(style::BOLD, &handle), styled(style::DIM, &clean(&member.role)));
        for device in &member.devices {
            let state = match (device.here, device.online) {
                (true, _) => "this device".to_owned(),
                (false, true) => "connected".to_owned(),
                (false, false) => seen(device.last_seen.as_deref(), now_ms),
            };
            let name = padded(&named(&device.label, &device.device), WHO_COLUMNS - 14);
            text += &format!(
                "  {} {name}  {}  {}\n",
                dot(device.here || device.online),
                short(&device.device),
                styled(style::DIM, &state)
            );
        }
    }
    text
}

/// A check a line, with what was seen and what to do.
pub(in crate::cli) fn checks(checks: &[Check]) -> String {
    checks.iter().map(check).collect()
}

fn check(check: &Check) -> String {
    let sign = match check.state.as_str() {
        "ok" => styled(style::GOOD, "✓"),
        "warn" => styled(style::CARE, "!"),
        _ => styled(style::BAD, "✗"),
    };
    let title = padded(&styled(style::BOLD, &one_line(&check.title, CHECK_COLUMNS - 4)), CHECK_COLUMNS - 2);
    let detail = wrapped(&check.detail, CHECK_COLUMNS);
    let mut text = format!("{sign} {title}{}", detail.trim_start());
    if let Some(hint) = &check.hint {
        text += &styled(style::DIM, &wrapped(&format!("→ {hint}"), CHECK_COLUMNS));
    }
    text
}

/// One line an invitation: whether it is open, used or expired.
pub(in crate::cli) fn invites(invites: &[Invite], now_ms: u64) -> String {
    let line = |invite: &Invite| {
        let state = match (&invite.used_by, until(&invite.expires_at, now_ms)) {
            (Some(device), _) => format!("used by {}", short(device)),
            (None, Some(left)) => format!("open, expires {left}"),
            (None, None) => format!("expired {}", age(&invite.expires_at, now_ms)),
        };
        format!("{}  @{}  {}\n", clean(&invite.id), clean(&invite.handle), styled(style::DIM, &state))
    };
    invites.iter().map(line).collect()
}

#[cfg(test)]
pub(in crate::cli) mod testing {
    /// 2026-07-13T00:00:00Z
    pub(in crate::cli) const NOW_MS: u64 = 1_783_900_800_000;

    /// A node with a peer that is there, one that is not, and a session that waits.
    pub(in crate::cli) const STATUS: &str = r#"{"device": "d1d1d1d1d1d1d1d1", "label": "laptop",
        "workspace": "w1w1", "handle": "alice", "http": "http://127.0.0.1:4000",
        "listen": ["/ip4/10.0.0.1/udp/4001/quic-v1", "/ip4/10.0.0.1/tcp/4001"],
        "peers": [
          {"device": "b0b0", "handle": "bob", "label": "desk", "connected": true, "in_step": true, "rtt_micros": 1250},
          {"device": "ca401ca401ca401", "handle": "carol", "connected": false, "last_seen": "2026-07-12T21:00:00Z",
           "addresses": ["/ip4/10.0.0.3/udp/4001/quic-v1"], "last_error": "dial: refused"}],
        "sessions": {"active": 2, "running": 1, "error": 0},
        "export": {"commit": "0123456789abcdef", "tree": "fedcba9876543210"},
        "waiting": [{"session": "qs-01JZZZZZZZZZZZZZZZZZZZZZZZ", "agent": "helper",
          "reason": "its host `phone` is not connected", "last_seen": "2026-07-12T21:00:00Z"}]}"#;
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::testing::{NOW_MS, STATUS};
    use super::*;

    #[test]
    fn a_status_looks_like_this() {
        let parsed: Status = serde_json::from_str(STATUS).unwrap();
        assert_eq!(
            strip_str(&status(&parsed, NOW_MS)).to_string(),
            "you        @alice on laptop\n\
             device     d1d1d1d1d1d1d1d1\n\
             workspace  w1w1\n\
             web        http://127.0.0.1:4000  (`starling open` logs in)\n\
             listen     /ip4/10.0.0.1/udp/4001/quic-v1\n           /ip4/10.0.0.1/tcp/4001\n\
             export     commit 0123456789ab  tree fedcba987654\n\
             sessions   ● active 2  ◐ running 1\n\
             peers      1 of 2 connected\n\
             \x20 ● @bob desk                           in step  1.2 ms\n\
             \x20 ○ @carol ca401ca401ca                 seen 3 h ago\n\
             \x20   /ip4/10.0.0.3/udp/4001/quic-v1\n\
             \x20   dial: refused\n\
             waiting    qs-01JZZZZZZZZZZZZZZZZZZZZZZZ  @helper\n           \
             its host `phone` is not connected (seen 3 h ago)\n"
        );
    }

    #[test]
    fn names_of_others_are_harmless() {
        let evil = "x\u{1b}[2J\u{202e}";
        let member =
            Member { handle: evil.to_owned(), role: evil.to_owned(), devices: vec![Default::default()] };
        let peer = Peer { label: evil.to_owned(), last_error: Some(evil.to_owned()), ..Peer::default() };
        let agent = Agent {
            handle: evil.to_owned(),
            host_label: evil.to_owned(),
            running: Some(evil.to_owned()),
            ..Agent::default()
        };
        for text in [members(&[member], NOW_MS), peers(&[peer], NOW_MS), agents(&[agent], NOW_MS)] {
            assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn an_invitation_is_open_used_or_expired() {
        let invite = |expires_at: &str, used_by: Option<&str>| Invite {
            id: "i1".to_owned(),
            handle: "bob".to_owned(),
            expires_at: expires_at.to_owned(),
            used_by: used_by.map(str::to_owned),
            ..Invite::default()
        };
        let shown = invites(
            &[
                invite("2026-07-13T03:00:00Z", None),
                invite("2026-07-13T00:00:30Z", None),
                invite("2026-07-12T23:00:00Z", None),
                invite("2026-07-12T23:00:00Z", Some("d1d1d1d1d1d1d1d1")),
            ],
            NOW_MS,
        );
        assert_eq!(
            strip_str(&shown).to_string(),
            "i1  @bob  open, expires in 3 h\n\
             i1  @bob  open, expires in 30 s\n\
             i1  @bob  expired 1 h ago\n\
             i1  @bob  used by d1d1d1d1d1d1\n"
        );
    }

    #[test]
    fn what_went_wrong_with_a_peer_is_one_line() {
        let peer = Peer {
            last_error: Some(format!("Failed to negotiate:\n [{}\n : refused]", "/ip4/10.0.0.3 ".repeat(9))),
            ..Peer::default()
        };
        let shown = strip_str(&peers(&[peer], NOW_MS)).to_string();
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= WIDTH), "{shown}");
        assert!(shown.ends_with("…\n") && shown.contains("    Failed to negotiate: [/ip4"), "{shown}");
    }

    #[test]
    fn a_cut_exchange_is_told() {
        let paused = Sync { paused: true, ..Sync::default() };
        assert!(sync(&paused, NOW_MS).contains("sync resume"));
        assert!(sync(&Sync::default(), NOW_MS).contains("0 peers known, 0 connected, 0 in step"));
    }
}
