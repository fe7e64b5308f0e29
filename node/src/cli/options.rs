//! What the verbs that *are* a node, or work on a home without one, are told: the words of `up`, `join`, `restore` and
//! `verify`, checked. The shell carries them out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use starling_crdt::id::Handle;

use crate::config::Home;

/// `starling up`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpOptions {
    /// Where the node keeps its things.
    pub home: Home,
    /// The founder's handle in a new workspace; by default the login name.
    pub handle: Option<Handle>,
    /// The web page's address; by default the stored one. Loopback.
    pub http: Option<SocketAddr>,
    /// Multiaddrs to listen on; by default the stored ones.
    pub listen: Vec<String>,
    /// Whether to look for other nodes on the local network (false: `--no-mdns`).
    pub mdns: bool,
    /// Whether a new workspace gets `@scribe`.
    pub demo_agent: bool,
    /// Open the web page once it is there.
    pub open: bool,
    /// Tell what happens as JSON.
    pub json: bool,
    /// Tell nothing but data.
    pub quiet: bool,
}

/// `starling join`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinOptions {
    /// Where the node keeps its things.
    pub home: Home,
    /// The ticket's text: one word; not yet decoded.
    pub ticket: String,
    /// What this device is called; by default the machine's name.
    pub label: Option<String>,
    /// How long to wait for the inviter.
    pub timeout: Option<Duration>,
    /// Tell what happens as JSON.
    pub json: bool,
    /// Tell nothing but data.
    pub quiet: bool,
}

/// `starling restore`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreOptions {
    /// The new home.
    pub home: Home,
    /// The clone, bare or with a work tree.
    pub from: PathBuf,
    /// A file with the workspace's recovery key.
    pub recovery: Option<PathBuf>,
    /// Print the report as JSON.
    pub json: bool,
    /// Tell nothing but data.
    pub quiet: bool,
}

/// `starling verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyOptions {
    /// The home.
    pub home: Home,
    /// Print the report as JSON.
    pub json: bool,
    /// Tell nothing but data.
    pub quiet: bool,
}
