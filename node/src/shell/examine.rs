//! For `starling doctor` without a node: opens the store of a home for a moment and reads which agents it hosts. The home is
//! locked meanwhile; nothing is written, but that redb goes back to its last sound commit after a crash, as at a start.

use starling_crdt::id::AgentId;

use super::{disk, failed};
use crate::cli::{Failure, Hosted};
use crate::config::Home;
use crate::machine::rows::{self, ProfileRow};
use crate::machine::verifying;
use crate::store::{Space, Store};

/// The agents that a home hosts, by their handles.
pub(super) fn hosted(home: &Home) -> Result<Hosted, Failure> {
    let _lock = home.lock()?;
    let store = disk::open(&home.store())?;
    let read = read(&store);
    let closed = store.close().map_err(|error| disk::store_failed(&error));
    closed.and(read)
}

fn read(store: &Store) -> Result<Hosted, Failure> {
    let broken = |error| disk::store_failed(&error);
    let workspace = disk::workspace(store)?.ok_or_else(|| {
        failed("store_failed", "the store names no workspace").hint("`starling verify` says more")
    })?;
    let records = store.load_stream(*workspace.roster().as_bytes()).map_err(broken)?;
    let (roster, _) = verifying::roster(workspace, &records);
    let settings = store.local(Space::Setting).map_err(broken)?;
    let agent = |(key, row): &(Vec<u8>, Vec<u8>)| {
        let id = AgentId::from_bytes(key.as_slice().try_into().ok()?);
        let agent = roster.standing().agent(&id).filter(|agent| !agent.retired)?;
        Some((agent.handle.clone(), rows::decode::<ProfileRow>(row)?.profile))
    };
    Ok(settings.iter().filter_map(agent).collect())
}
