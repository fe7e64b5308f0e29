//! `join`: a device that is not a member yet dials its inviter, shows the ticket and takes the roster. It needs the
//! transport and the pure `machine::joining`, nothing else; the sessions come when the node is up. A ticket whose inviter
//! cannot be reached is kept, and `up` tries again.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::disk::{self, store_failed};
use super::network::{Network, Start};
use super::setup::{device_key, label};
use super::{failed, now_ms, random_32, run, spawner};
use crate::cli::{Exit, Failure, JoinOptions, UpOptions};
use crate::config::{Home, NodeKey};
use crate::machine::joining::{Joining, Step};
use crate::machine::rows::{self, PeerRow};
use crate::machine::ticket::Ticket;
use crate::store::{Batch, LocalRow, RecordRow, Space, Store};

/// How long `join` waits for the inviter unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The ticket that waits for its inviter.
const PENDING: &str = "pending.ticket";

/// Redeems a ticket in an empty home, or in one whose own workspace was never used.
pub(super) async fn join(options: JoinOptions) -> Result<(), Failure> {
    let ticket = parse(&options.ticket)?;
    let home = &options.home;
    home.create()?;
    if already_joined(home, &ticket)? {
        return say(&options, &ticket, "this device is a member already");
    }
    files::keep(&pending(home), &options.ticket)?;
    let label = match &options.label {
        Some(label) => label.clone(),
        None => label(&run::settings(home)?).to_string(),
    };
    let joined = redeem(home, &ticket, label, Some(options.timeout.unwrap_or(TIMEOUT))).await;
    if let Err(failure) = joined {
        // Only who could not be reached may be asked again.
        if failure.exit != Exit::TimedOut {
            files::forget(&pending(home));
        }
        return Err(failure);
    }
    say(&options, &ticket, "joined")
}

/// Whether a ticket waits for its inviter.
pub(super) fn has_pending(home: &Home) -> bool {
    pending(home).exists()
}

/// Goes on with a join that did not reach its inviter, until it does.
pub(super) async fn resume(options: &UpOptions) -> Result<(), Failure> {
    let path = pending(&options.home);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| failed("io", format!("{}: {error}", path.display())))?;
    let ticket = match parse(&text) {
        Ok(ticket) => ticket,
        Err(failure) => {
            files::forget(&path);
            return Err(failure);
        }
    };
    if already_joined(&options.home, &ticket)? {
        files::forget(&path);
        return Ok(());
    }
    if !options.quiet {
        crate::cli::note("waiting for the inviter, to join its workspace (Ctrl-C stops)");
    }
    let label = label(&run::settings(&options.home)?).to_string();
    let joined = redeem(&options.home, &ticket, label, None).await;
    if joined.is_err() {
        files::forget(&path);
    }
    joined
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
    let streams = store.streams().map_err(|error| store_failed(&error))?;
    let roster = match &workspace {
        Some(workspace) => store
            .load_stream(*workspace.roster().as_bytes())
            .map_err(|error| store_failed(&error))?
            .len(),
        None => 0,
    };
    store.close().map_err(|error| store_failed(&error))?;
    // Founding, and the demo agent that the first `up` hosts, are no use yet.
    let unused = streams.len() <= 1 && roster <= 2;
    match workspace {
        Some(workspace) if workspace == ticket.workspace => Ok(true),
        Some(_) if !unused => {
            let detail = "this home belongs to another workspace, which has sessions or other devices";
            Err(Failure::new(Exit::Conflict, "home_in_use", detail)
                .hint("choose another home: `starling --home DIR join`"))
        }
        _ => Ok(false),
    }
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
        Some(timeout) => tokio::time::timeout(timeout, meeting)
            .await
            .map_err(|_| unreachable_inviter())??,
    };
    write(home, ticket, records)?;
    files::forget(&pending(home));
    Ok(())
}

fn unreachable_inviter() -> Failure {
    let detail = "the inviting device cannot be reached; the ticket is kept";
    Failure::new(Exit::TimedOut, "inviter_unreachable", detail)
        .hint("start the inviting device, then `starling up` here joins and goes on")
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

/// Makes the store a member's. An unused workspace of this home's own is given up only now.
fn write(home: &Home, ticket: &Ticket, records: Vec<Vec<u8>>) -> Result<(), Failure> {
    for unused in [home.store(), home.recovery_key()] {
        files::forget(&unused);
    }
    match std::fs::remove_dir_all(home.export()) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("io", error.to_string())),
        _ => {}
    }
    let store: Store = disk::open(&home.store())?;
    let stream = *ticket.workspace.roster().as_bytes();
    let rows = (0..).zip(records).filter_map(|(position, wire)| {
        let id = *starling_crdt::signed::id_of_wire(&wire)?.as_bytes();
        Some(RecordRow {
            stream,
            position,
            id,
            wire,
            outbox: false,
        })
    });
    let inviter = PeerRow {
        addresses: ticket.addresses.clone(),
        last_seen_ms: Some(now_ms()),
    };
    let inviter = LocalRow {
        space: Space::Peer,
        key: ticket.inviter.as_bytes().to_vec(),
        value: Some(rows::encode(&inviter)),
    };
    let batch = Batch {
        records: rows.collect(),
        local: vec![disk::workspace_row(&ticket.workspace), inviter],
        ..Batch::default()
    };
    store.commit(&[batch]).map_err(|error| store_failed(&error))?;
    store.close().map_err(|error| store_failed(&error))
}

fn say(options: &JoinOptions, ticket: &Ticket, what: &str) -> Result<(), Failure> {
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
    if !options.quiet {
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
        let mut file = options
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(wrong)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(wrong)
    }

    /// Removes a file; one that is not there is no error, and one that stays is found again.
    pub(super) fn forget(path: &Path) {
        let _gone = std::fs::remove_file(path);
    }
}
