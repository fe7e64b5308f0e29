//! The node's paths that the command line uses, in one place. Parts that vary are parsed ids and handles, or
//! texts that were checked to be safe in a path.

use starling_crdt::id::{AttemptId, Handle, SessionId};

pub(in crate::cli) const SESSIONS: &str = "/im/quick-sessions";
pub(in crate::cli) const AGENTS: &str = "/im/agents";
pub(in crate::cli) const PERMISSIONS: &str = "/im/permissions";
pub(in crate::cli) const MEMBERS: &str = "/im/members";
pub(in crate::cli) const INVITES: &str = "/invites";
pub(in crate::cli) const PEERS: &str = "/peers";
pub(in crate::cli) const DOCTOR: &str = "/doctor";
pub(in crate::cli) const JOIN: &str = "/join";
pub(in crate::cli) const STATUS: &str = "/status";
pub(in crate::cli) const SYNC: &str = "/sync";
pub(in crate::cli) const SYNC_WAIT: &str = "/sync?wait=true";
pub(in crate::cli) const SYNC_PAUSE: &str = "/sync/pause";
pub(in crate::cli) const SYNC_RESUME: &str = "/sync/resume";
pub(in crate::cli) const EXPORT: &str = "/export";
pub(in crate::cli) const SHUTDOWN: &str = "/shutdown";
pub(in crate::cli) const HEALTH: &str = "/healthz";
pub(in crate::cli) const LOGIN_LINK: &str = "/login-link";
pub(in crate::cli) const EVENTS: &str = "/events";

pub(in crate::cli) fn session(id: SessionId) -> String {
    format!("{SESSIONS}/{id}")
}

/// `messages`, `title`, `archive`, `unarchive`, `stop`, `retry`.
pub(in crate::cli) fn session_verb(id: SessionId, verb: &str) -> String {
    format!("{SESSIONS}/{id}/{verb}")
}

pub(in crate::cli) fn permission(id: SessionId, request: u64) -> String {
    format!("{SESSIONS}/{id}/permissions/{request}")
}

/// `title`, `reply`, `summary`.
pub(in crate::cli) fn turn(attempt: AttemptId, verb: &str) -> String {
    format!("/turns/{attempt}/{verb}")
}

/// Which sessions a list is to have.
#[derive(Debug, Default)]
pub(in crate::cli) struct Wanted {
    pub(in crate::cli) archived: bool,
    pub(in crate::cli) agent: Option<Handle>,
    /// A text in their ids, titles or messages.
    pub(in crate::cli) search: Option<String>,
}

/// One page of the list.
pub(in crate::cli) fn page(which: &Wanted, limit: usize, cursor: Option<&str>) -> String {
    let mut path = format!("{SESSIONS}?archived={}&limit={limit}", which.archived);
    if let Some(agent) = &which.agent {
        path.push_str(&format!("&agent_id={agent}"));
    }
    if let Some(text) = &which.search {
        path.push_str(&format!("&q={}", in_query(text)));
    }
    if let Some(cursor) = cursor {
        path.push_str("&cursor=");
        path.push_str(&in_query(cursor));
    }
    path
}

/// The log's lines after this number.
pub(in crate::cli) fn logs(since: u64) -> String {
    format!("/logs?since={since}")
}

/// `device` is a key in full.
pub(in crate::cli) fn ping(device: &str) -> String {
    format!("{PEERS}/{}/ping", in_query(device))
}

/// The ids that begin with `prefix`.
pub(in crate::cli) fn resolve(prefix: &str) -> String {
    format!("/resolve?prefix={}", in_query(prefix))
}

pub(in crate::cli) fn invite(id: &str) -> String {
    format!("{INVITES}/{id}")
}

pub(in crate::cli) fn revoke_device(key: &str) -> String {
    format!("/im/devices/{key}/revoke")
}

pub(in crate::cli) fn remove_member(handle: &Handle) -> String {
    format!("{MEMBERS}/{handle}/remove")
}

pub(in crate::cli) fn handover(handle: &Handle) -> String {
    format!("{AGENTS}/{handle}/handover")
}

pub(in crate::cli) fn agent(handle: &Handle) -> String {
    format!("{AGENTS}/{handle}")
}

pub(in crate::cli) fn agent_logs(handle: &Handle) -> String {
    format!("{AGENTS}/{handle}/logs")
}

/// Percent-encodes all but letters, digits and `-._~` (RFC 3986, unreserved).
fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_safe_in_a_query() {
        let which =
            Wanted { archived: true, agent: Some("scribe".parse().unwrap()), search: Some("a&b".to_owned()) };
        let path = page(&which, 10, Some("a&b=c d/é"));
        assert_eq!(
            path,
            "/im/quick-sessions?archived=true&limit=10&agent_id=scribe&q=a%26b&cursor=a%26b%3Dc%20d%2F%C3%A9"
        );
    }
}
