//! What a store's records alone come to: a machine is started on them with a key that nobody knows, without rows, settings
//! or an export, and everything that it wants done is done at once (INV-10). It hosts nothing, so it writes no record; what
//! it makes is the rows and the export that the node of this store should have.

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use starling_crdt::id::{StreamKey, WorkspaceId};

use crate::machine::export_plan::ExportPlan;
use crate::machine::info::ExportState;
use crate::machine::input::{Effect, Input};
use crate::machine::rows::{self, IndexRow, Stored};
use crate::machine::{Boot, BootError, Node};

/// Later than this, ms of its time, nothing is left but what comes again and again.
const REBUILD_MS: u64 = 60_000;

/// Makes rows and export plans from records. `load` reads a stream, `export` is given each plan.
///
/// # Errors
/// [`BootError`] when there is no roster.
pub(crate) fn rebuild(
    workspace: WorkspaceId,
    roster: Vec<Vec<u8>>,
    streams: Vec<StreamKey>,
    mut load: impl FnMut(StreamKey) -> Result<Vec<Vec<u8>>, String>,
    mut export: impl FnMut(ExportPlan),
) -> Result<BTreeMap<StreamKey, IndexRow>, BootError> {
    // There are no rows that have to speak of as many records.
    let streams = streams.into_iter().map(|key| (key, 0)).collect();
    let stored = Stored { roster, streams, restored: true, ..Stored::default() };
    let key = SigningKey::from_bytes(&[0x5a; 32]);
    let (export_state, strays) = (ExportState::default(), Vec::new());
    let boot =
        Boot { key, workspace, seed: [0; 32], now_ms: 0, stored, export: export_state, strays, push: None };
    let (mut node, effects) = Node::start(boot)?;
    let (mut now_ms, mut wake_ms, mut queue, mut made) = (0, None, VecDeque::from(effects), BTreeMap::new());
    loop {
        let input = match queue.pop_front() {
            Some(Effect::WakeAt(at)) => {
                wake_ms = Some(at);
                continue;
            }
            Some(Effect::Commit { seq, batch }) => {
                debug_assert!(batch.records.is_empty(), "a node that is nobody wrote a record");
                let rows = batch.index.iter();
                let read = |row: &crate::store::IndexRow| {
                    Some((StreamKey::from_bytes(row.stream), rows::decode::<IndexRow>(&row.row)?))
                };
                made.extend(rows.filter_map(read));
                Input::Committed(seq)
            }
            Some(Effect::Load { stream }) => Input::Loaded { stream, records: load(stream) },
            Some(Effect::LoadAside { .. }) => Input::AsideLoaded(Ok(Vec::new())),
            Some(Effect::Export(plan)) => {
                export(plan);
                Input::Exported(Ok(ExportState { commit: Some(String::new()), ..ExportState::default() }))
            }
            Some(_) => continue,
            None => match wake_ms.take().filter(|at| *at <= REBUILD_MS) {
                None => return Ok(made),
                Some(at) => {
                    now_ms = at.max(now_ms);
                    Input::Tick
                }
            },
        };
        queue.extend(node.handle(input, now_ms));
    }
}
