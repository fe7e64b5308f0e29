//! `join`: a device that is not a member yet dials its inviter, shows the ticket and takes the roster. It needs the
//! transport and the pure `machine::joining`, nothing else; the sessions come when the node is up. A ticket whose inviter
//! cannot be reached is kept, and `up` tries again.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use starling_crdt::id::WorkspaceId;
use starling_crdt::roster::Roster;
use starling_crdt::signed::{Received, Signed, Unverified};
use zeroize::Zeroizing;

use super::disk::{self, store_failed};
use super::network::{Network, Start};
use super::setup::{device_key, label};
use super::{failed, now_ms, random_32, spawner};
use crate::cli::{Exit, Failure, INVITER_UNREACHABLE, JoinOptions, UpOptions};
use crate::config::{ConfigError, Home, NodeKey, Settings};
use crate::machine;
use crate::machine::joining::{Joining, Step};
use crate::machine::restoring;
use crate::machine::rows::{self, PeerRow};
use crate::machine::ticket::Ticket;
use crate::store::{Batch, Key32, LocalRow, Space, Store, StoreError};

/// How long `join` waits for the inviter unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a node that was running waits for the inviter: somebody waits at its page.
const AGAIN_TIME: Duration = Duration::from_secs(60);
/// The ticket that waits for its inviter.
const PENDING: &str = "pending.ticket";

/// Redeems a ticket in an empty home, or in one whose own workspace was never used. The home is locked throughout, so
/// that no node runs in it meanwhile; one that runs already does it itself.
pub(super) async fn join(options: JoinOptions) -> Result<(), Failure> {
    let ticket = parse(&options.ticket)?;
    let home = &options.home;
    home.create()?;
    let _lock = match home.lock() {
        Err(ConfigError::InUse(_)) => {
            let done = crate::cli::join_beside(&options, &ticket.workspace.to_string()).await?;
            return say(&options, &ticket, done, true);
        }
        lock => lock?,
    };
    if already_joined(home, &ticket)? {
        return say(&options, &ticket, "this device is a member already", false);
    }
    check_not_expired(&ticket)?;
    files::keep(&pending(home), &options.ticket)?;
    files::forget(&refused(home));
    if !options.quiet && !options.json {
        crate::cli::note("calling the inviting device (Ctrl-C keeps the ticket for the next `starling up`)");
    }
    let label = match &options.label {
        Some(label) => label.clone(),
        None => label(&settings(home)?).to_string(),
    };
    let timeout = Some(options.timeout.unwrap_or(TIMEOUT));
    settle(home, redeem(home, &ticket, label, timeout).await)?;
    say(&options, &ticket, "joined", false)
}

/// A refused ticket is put away; after any other failure it is tried again.
fn settle(home: &Home, joined: Result<(), Failure>) -> Result<(), Failure> {
    if joined.as_ref().is_err_and(|failure| failure.exit == Exit::NotAllowed) {
        let _kept = std::fs::rename(pending(home), refused(home));
    }
    joined
}

/// Keeps a ticket that a running node was given: it is redeemed when that node has stopped.
pub(super) fn keep(home: &Home, ticket: &Ticket) -> Result<(), Failure> {
    files::keep(&pending(home), &ticket.to_string())
}

/// After a node has stopped to join another workspace: joins it, or says why that came to nothing. Then the home is as it
/// was, and goes on so.
///
/// # Errors
/// [`Failure`] when the home is in between: it has no store any more, and still the ticket.
pub(super) async fn again(options: &UpOptions) -> Result<Option<String>, Failure> {
    let Err(failure) = redeem_pending(options, Some(AGAIN_TIME)).await else {
        return Ok(None);
    };
    if !options.home.store().exists() {
        return Err(failure);
    }
    files::forget(&pending(&options.home));
    crate::cli::note(&format!("not joined, so this node goes on as it was: {}", failure.detail));
    Ok(Some(failure.detail))
}

/// Before a node starts in this home: goes on with a join that did not reach its inviter, until it does. A home whose
/// ticket was refused does not silently found a workspace of its own.
pub(super) async fn before_up(options: &UpOptions) -> Result<(), Failure> {
    let home = &options.home;
    if refused(home).exists() && !home.store().exists() {
        let detail = "this home was to join a workspace, and its ticket was refused";
        let hint = format!(
            "join with a new ticket, or remove {} to begin a workspace here",
            refused(home).display()
        );
        return Err(Failure::new(Exit::NotAllowed, "ticket_refused", detail).hint(hint));
    }
    redeem_pending(options, None).await
}

/// Redeems a ticket that is kept, if there is one, until it expires or for `time_max`.
async fn redeem_pending(options: &UpOptions, time_max: Option<Duration>) -> Result<(), Failure> {
    let home = &options.home;
    let path = pending(home);
    if !path.exists() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| failed("io", format!("{}: {error}", path.display())))?;
    let ticket = parse(&text)?;
    if already_joined(home, &ticket)? {
        files::forget(&path);
        return Ok(());
    }
    settle(home, check_not_expired(&ticket))?;
    if !options.quiet {
        crate::cli::note(
            "waiting for the inviting device, to join its workspace (Ctrl-C stops; the ticket is kept)",
        );
    }
    let label = label(&settings(home)?).to_string();
    let left = Duration::from_millis(ticket.expires_at_ms.saturating_sub(now_ms()));
    settle(home, redeem(home, &ticket, label, Some(time_max.map_or(left, |max| max.min(left)))).await)
}

fn check_not_expired(ticket: &Ticket) -> Result<(), Failure> {
    if ticket.expires_at_ms > now_ms() {
        return Ok(());
    }
    Err(Failure::new(Exit::NotAllowed, "invite_expired", "this invitation has expired")
        .hint("ask for a new one"))
}

fn settings(home: &Home) -> Result<Settings, Failure> {
    Ok(Settings::load(home)?)
}

/// Where a ticket is put that its inviter refused.
fn refused(home: &Home) -> PathBuf {
    home.dir().join("refused.ticket")
}

fn pending(home: &Home) -> PathBuf {
    home.dir().join(PENDING)
}

fn parse(text: &str) -> Result<Ticket, Failure> {
    text.parse().map_err(|error: crate::machine::ticket::BadTicket| {
        Failure::new(Exit::Usage, "invalid_ticket", error.to_string())
            .hint("copy the whole line that `starling invite create` printed")
    })
}

/// Whether this home belongs to the ticket's workspace. One that was used for another is not given up.
fn already_joined(home: &Home, ticket: &Ticket) -> Result<bool, Failure> {
    if !home.store().exists() {
        return Ok(false);
    }
    let store = disk::open(&home.store())?;
    let workspace = disk::workspace(&store)?;
    let roster = workspace.as_ref().map(|workspace| roster_of(&store, workspace)).transpose();
    let streams = store.streams();
    store.close().map_err(|error| store_failed(&error))?;
    let (roster, streams) =
        roster.and_then(|roster| Ok((roster, streams?))).map_err(|error| store_failed(&error))?;
    match (workspace, roster) {
        // A restored home has the workspace, and its device no place in it yet.
        (Some(workspace), Some(roster)) if workspace == ticket.workspace => {
            Ok(machine::is_named(&roster, &device_key(home)?.device()))
        }
        (Some(_), Some(roster)) if is_used(&roster, &streams) => {
            let detail = "this home belongs to another workspace, which has sessions or other devices";
            Err(Failure::new(Exit::Conflict, "home_in_use", detail)
                .hint("choose another home: `starling --home DIR join`"))
        }
        _ => Ok(false),
    }
}

/// Whether a workspace has a session or a second device.
fn is_used(roster: &Roster, streams: &[Key32]) -> bool {
    let sessions = streams.iter().any(|stream| stream != roster.key().as_bytes());
    sessions || roster.standing().devices().nth(1).is_some()
}

fn roster_of(store: &Store, workspace: &WorkspaceId) -> Result<Roster, StoreError> {
    let mut roster = Roster::new(*workspace);
    for (_, wire) in store.load_stream(*workspace.roster().as_bytes())? {
        if let Ok(Received::Record(record)) = Signed::<Unverified>::decode(&wire) {
            roster.offer(record.trust());
        }
    }
    Ok(roster)
}

/// Meets the inviter and writes what it gives.
async fn redeem(
    home: &Home,
    ticket: &Ticket,
    label: String,
    timeout: Option<Duration>,
) -> Result<(), Failure> {
    let key = device_key(home)?;
    let meeting = meet(&key, ticket, label);
    let records = match timeout {
        None => meeting.await?,
        Some(timeout) => {
            tokio::time::timeout(timeout, meeting).await.map_err(|_| unreachable_inviter())??
        }
    };
    write(home, ticket, records)?;
    files::forget(&pending(home));
    Ok(())
}

fn unreachable_inviter() -> Failure {
    Failure::new(Exit::TimedOut, "inviter_unreachable", INVITER_UNREACHABLE)
        .hint("the ticket is kept: start the inviting device, then `starling up` here joins and goes on")
}

async fn meet(key: &NodeKey, ticket: &Ticket, label: String) -> Result<Vec<Vec<u8>>, Failure> {
    let start = Start {
        seed: Zeroizing::new(*key.seed()),
        workspace: ticket.workspace,
        listen: Vec::new(),
        mdns: false,
        allow: BTreeSet::new(),
    };
    let mut network = Network::start(start, &spawner());
    let seed = u64::from_le_bytes(first_8(random_32()?));
    let mut joining = Joining::new(&key.signing_key(), ticket.clone(), label, seed, now_ms());
    let mut steps = joining.handle(None, now_ms());
    let ended = loop {
        let mut wake = u64::MAX;
        let mut ended = None;
        for step in steps {
            match step {
                Step::Net(effect) => network.carry_out(effect),
                Step::WakeAt(at) => wake = wake.min(at),
                Step::Joined(records) => ended = Some(Ok(records)),
                Step::Refused { code, detail } => {
                    ended = Some(Err(Failure::new(Exit::NotAllowed, &code, detail)))
                }
            }
        }
        if let Some(ended) = ended {
            break ended;
        }
        let pause = Duration::from_millis(wake.saturating_sub(now_ms()).clamp(10, 1_000));
        let event = tokio::select! {
            biased;
            event = network.next() => Some(event?),
            () = tokio::time::sleep(pause) => None,
        };
        steps = joining.handle(event, now_ms());
    };
    let _late = tokio::time::timeout(Duration::from_secs(3), network.close()).await;
    ended
}

fn first_8(bytes: [u8; 32]) -> [u8; 8] {
    std::array::from_fn(|i| bytes[i])
}

/// Makes the store a member's. What a restored home has of this workspace stays.
fn write(home: &Home, ticket: &Ticket, records: Vec<Vec<u8>>) -> Result<(), Failure> {
    let wrong = |error: &StoreError| store_failed(error);
    let has = if home.store().exists() {
        let store = disk::open(&home.store())?;
        let roster = roster_of(&store, &ticket.workspace);
        store.close().and(roster).map_err(|error| wrong(&error))?.records().count()
    } else {
        0
    };
    if has == 0 {
        give_up_unused(home)?;
    }
    let store: Store = disk::open(&home.store())?;
    let mut roster = roster_of(&store, &ticket.workspace).map_err(|error| wrong(&error))?;
    for wire in &records {
        if let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) {
            // `Joining` has verified them.
            roster.offer(record.trust());
        }
    }
    let inviter = PeerRow { addresses: ticket.addresses.clone(), last_seen_ms: Some(now_ms()) };
    let row = |space, key: &[u8], value| LocalRow { space, key: key.to_vec(), value };
    let batch = Batch {
        records: restoring::rows(&roster.key(), roster.records(), None).split_off(has),
        local: vec![
            disk::workspace_row(&ticket.workspace),
            row(Space::Peer, ticket.inviter.as_bytes(), Some(rows::encode(&inviter))),
            row(Space::Meta, rows::RESTORED, None),
        ],
        ..Batch::default()
    };
    store.commit(&[batch]).and_then(|()| store.close()).map_err(|error| wrong(&error))
}

/// An unused workspace of this home's own is given up only when another one is there.
fn give_up_unused(home: &Home) -> Result<(), Failure> {
    for unused in [home.store(), home.recovery_key()] {
        files::forget(&unused);
    }
    match std::fs::remove_dir_all(home.export()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("io", error.to_string())),
        _ => Ok(()),
    }
}

fn say(options: &JoinOptions, ticket: &Ticket, what: &str, is_up: bool) -> Result<(), Failure> {
    let device = device_key(&options.home)?.device();
    if options.json {
        let document = serde_json::json!({
            "workspace": ticket.workspace.to_string(),
            "handle": ticket.handle.as_str(),
            "device": device.to_string(),
        });
        return crate::cli::print(&format!("{document}\n"));
    }
    let home = options.home.dir().display();
    crate::cli::print(&format!("{what}: this is a device of @{} now\n", ticket.handle))?;
    if !options.quiet && !is_up {
        crate::cli::note(&format!("start it with: starling --home {home} up"));
    }
    Ok(())
}

mod files {
    //! Small files of a join.

    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use super::super::failed;
    use crate::cli::Failure;

    /// Writes a secret that only we can read.
    pub(super) fn keep(path: &Path, text: &str) -> Result<(), Failure> {
        let wrong = |error: std::io::Error| failed("io", format!("{}: {error}", path.display()));
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.create(true).truncate(true).write(true).mode(0o600).open(path).map_err(wrong)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)
    }

    /// Removes a file; one that is not there is no error, and one that stays is found again.
    pub(super) fn forget(path: &Path) {
        let _gone = std::fs::remove_file(path);
    }
}
