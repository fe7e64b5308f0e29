//! From a home to a machine that can start: key, store, workspace, ports. The first `up` makes what is missing; later
//! ones find it and change nothing. Every step can be interrupted and done again.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use starling_crdt::id::{DeviceKey, Handle, WorkspaceId};
use starling_crdt::text::Label;
use zeroize::Zeroizing;

use super::disk::{self, store_failed};
use super::{failed, now_ms, random_32};
use crate::cli::{Exit, Failure, UpOptions};
use crate::config::{Home, NodeKey, Settings};
use crate::git;
use crate::machine::info::{ExportState, PushState};
use crate::machine::input::{AgentKind, AgentProfile};
use crate::machine::policy::AgentPolicy;
use crate::machine::{self, Boot, Founded};
use crate::store::Store;

/// Where a new node listens for peers.
const LISTEN_QUIC: &str = "/ip4/0.0.0.0/udp/0/quic-v1";
/// The fallback where UDP is blocked.
const LISTEN_TCP: &str = "/ip4/0.0.0.0/tcp/0";
/// The agent that a new workspace begins with.
pub(super) const FIRST_AGENT: &str = "scribe";
/// Hexadecimal digits of the HTTP token.
const TOKEN_DIGITS: usize = 64;
/// The handle of a founder whose login name makes none.
const HANDLE_DEFAULT: &str = "me";

/// What a home was made into.
pub(super) struct Ready {
    pub(super) key: NodeKey,
    pub(super) store: Store,
    pub(super) workspace: WorkspaceId,
    pub(super) settings: Settings,
    pub(super) export: git::Export,
    /// The workspace was founded by this very start.
    pub(super) founded: bool,
}

/// Makes or finds everything that the node needs.
pub(super) fn prepare(options: &UpOptions) -> Result<Ready, Failure> {
    let home = &options.home;
    home.create()?;
    let settings = settle_ports(home, options)?;
    let key = device_key(home)?;
    let store = disk::open(&home.store())?;
    let (workspace, founded) = match disk::workspace(&store)? {
        Some(workspace) => (workspace, false),
        None => (found(home, &store, &key, options, &settings)?, true),
    };
    let export =
        git::Export::open(&home.export()).map_err(|error| failed("export_failed", error.to_string()))?;
    Ok(Ready { key, store, workspace, settings, export, founded })
}

/// The machine's start.
pub(super) fn boot(ready: &Ready, push: Option<PushState>) -> Result<Boot, Failure> {
    let wrong = |error: git::GitError| failed("export_failed", error.to_string());
    let stored = crate::boot::read(&ready.store, &ready.workspace).map_err(|error| store_failed(&error))?;
    // An export of which the store does not know the commit is made anew as a whole.
    let changed = ready.export.changed_since(stored.exported.as_deref()).map_err(wrong)?;
    let head = ready.export.head().map_err(wrong)?.filter(|_| changed.is_known);
    Ok(Boot {
        key: ready.key.signing_key(),
        workspace: ready.workspace,
        seed: random_32()?,
        now_ms: now_ms(),
        stored,
        export: head.map_or_else(ExportState::default, disk::state_of),
        strays: changed.paths,
        push,
    })
}

/// The home's key, made at the first need.
pub(super) fn device_key(home: &Home) -> Result<NodeKey, Failure> {
    let path = home.node_key();
    if !path.exists() {
        NodeKey::from_seed(random_32()?).create(&path)?;
    }
    Ok(NodeKey::load(&path)?)
}

/// The label by which this device is known to people: as set, else the machine's name.
pub(super) fn label(settings: &Settings) -> Label {
    let name = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let text = settings.label.clone().unwrap_or_else(name);
    let printable: String = text.chars().filter(|c| !c.is_control()).take(16).collect();
    Label::new(printable)
        .or_else(|_| Label::new("device"))
        .unwrap_or_else(|_| unreachable!("`device` is a label"))
}

fn found(
    home: &Home,
    store: &Store,
    key: &NodeKey,
    options: &UpOptions,
    settings: &Settings,
) -> Result<WorkspaceId, Failure> {
    let handle = options.handle.clone().unwrap_or_else(login_handle);
    let recovery = recovery_key(home)?;
    let agent = options.demo_agent.then(first_agent).flatten();
    let founded =
        machine::found(&key.signing_key(), handle, label(settings), Some(recovery), agent, now_ms())
            .map_err(|error| failed("internal", error.to_string()))?;
    let Founded { workspace, mut batch } = founded;
    batch.local.push(disk::workspace_row(&workspace));
    store.commit(&[batch]).map_err(|error| store_failed(&error))?;
    Ok(workspace)
}

/// The agent that a new workspace begins with.
fn first_agent() -> Option<(Handle, AgentProfile)> {
    let kind = AgentKind::Demo { script: None };
    let profile = AgentProfile {
        kind,
        cwd: None,
        env: Vec::new(),
        allow: Vec::new(),
        policy: AgentPolicy::DEFAULT,
        mode: None,
    };
    Some((FIRST_AGENT.parse().ok()?, profile))
}

/// The key that can admit a new founder device when all others are lost. It is for a safe place elsewhere.
fn recovery_key(home: &Home) -> Result<DeviceKey, Failure> {
    let path = home.recovery_key();
    if !path.exists() {
        NodeKey::from_seed(random_32()?).create(&path)?;
    }
    Ok(NodeKey::load(&path)?.device())
}

fn login_handle() -> Handle {
    let names = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let fitting = names.filter_map(|name| Handle::fit(&name)).next();
    let fallback =
        || Handle::fit(HANDLE_DEFAULT).unwrap_or_else(|| unreachable!("`{HANDLE_DEFAULT}` is a handle"));
    fitting.unwrap_or_else(fallback)
}

/// Ports are picked once and kept, so that others find the node again; what the caller names replaces them.
fn settle_ports(home: &Home, options: &UpOptions) -> Result<Settings, Failure> {
    let before = Settings::load(home)?;
    let mut settings = before.clone();
    if !options.listen.is_empty() {
        let is_quic = |address: &&String| address.contains("/udp/");
        settings.listen.quic = options.listen.iter().filter(is_quic).cloned().collect();
        settings.listen.tcp = options.listen.iter().filter(|address| !is_quic(address)).cloned().collect();
    } else if settings.listen.quic.is_empty() && settings.listen.tcp.is_empty() {
        settings.listen.quic = vec![LISTEN_QUIC.to_owned()];
        settings.listen.tcp = vec![LISTEN_TCP.to_owned()];
    }
    settings.listen.quic = settings.listen.quic.iter().map(|a| pick_port(a, "/udp/0")).collect();
    settings.listen.tcp = settings.listen.tcp.iter().map(|a| pick_port(a, "/tcp/0")).collect();
    if settings != before {
        settings.save(home)?;
    }
    Ok(settings)
}

/// Puts a port that is free now in the place of 0. Should it be taken before we listen, listening says so.
fn pick_port(address: &str, zero: &str) -> String {
    let ends = address.ends_with(zero);
    if !ends && !address.contains(&format!("{zero}/")) {
        return address.to_owned();
    }
    let free = if zero.starts_with("/udp") {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.local_addr())
    } else {
        std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.local_addr())
    };
    match free {
        Ok(free) => address.replacen(zero, &format!("{}{}", zero.trim_end_matches('0'), free.port()), 1),
        Err(_) => address.to_owned(),
    }
}

/// The address of the web page: as told, as stored, or any free port; it is stored for the next time.
pub(super) fn bind_http(
    options: &UpOptions,
    settings: &mut Settings,
) -> Result<std::net::TcpListener, Failure> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let wanted = options.http.or(settings.listen.http).unwrap_or(any);
    let listener = std::net::TcpListener::bind(wanted).map_err(|error| {
        Failure::new(Exit::Failed, "http_address", format!("cannot listen on http://{wanted}: {error}"))
            .hint("another program has this port; `starling up --http 127.0.0.1:0` picks a new one")
    })?;
    let bound = listener.local_addr().map_err(|error| failed("io", error.to_string()))?;
    if settings.listen.http != Some(bound) {
        settings.listen.http = Some(bound);
        settings.save(&options.home)?;
    }
    listener.set_nonblocking(true).map_err(|error| failed("io", error.to_string()))?;
    Ok(listener)
}

/// The token of the HTTP interface: the one of the last run, so that browsers stay signed in, or else a new one. A file
/// that others could read is not trusted any more.
pub(super) fn token(home: &Home) -> Result<Zeroizing<String>, Failure> {
    match home.read_kept_token() {
        Some(token) if token.len() == TOKEN_DIGITS => Ok(token),
        _ => Ok(Zeroizing::new(data_encoding::HEXLOWER.encode(&random_32()?))),
    }
}

/// The socket of local clients. One that a dead node left behind is removed: the store's lock says that it is dead.
pub(super) fn bind_socket(path: &Path) -> Result<tokio::net::UnixListener, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let wrong = |error: std::io::Error| failed("io", format!("cannot listen on {}: {error}", path.display()));
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    let listener = tokio::net::UnixListener::bind(path).map_err(wrong)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    Ok(listener)
}
