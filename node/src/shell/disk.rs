//! The disk: batches to the writer thread, cold sessions from the store, export plans to git. Each on a thread of its
//! own, each reporting through the loop's one input channel.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use starling_crdt::id::{StreamKey, WorkspaceId};
use tokio::sync::mpsc;

use super::thread;
use crate::boot;
use crate::cli::{Exit, Failure};
use crate::git;
use crate::machine::Place;
use crate::machine::export_plan::ExportPlan;
use crate::machine::info::ExportState;
use crate::machine::input::{BatchSeq, Input, Ticket};
use crate::machine::request::Code;
use crate::spawner::Spawner;
use crate::store::{Batch, LocalRow, Queue, Report, Space, Store, StoreError, SubmitError, Writer};

/// The local row that names the workspace.
const WORKSPACE: &[u8] = b"workspace";

/// Opens the home's store.
pub(super) fn open(path: &Path) -> Result<Store, Failure> {
    Store::open(path).map_err(|error| match error {
        StoreError::InUse => {
            Failure::new(Exit::Conflict, "already_running", "a node runs on this home already")
                .hint("`starling status` shows it, `starling down` stops it")
        }
        error => store_failed(&error),
    })
}

pub(super) fn store_failed(error: &StoreError) -> Failure {
    Failure::of(Code::StoreFailed, error.to_string())
}

/// The workspace that the store belongs to; `None` in a new one.
pub(super) fn workspace(store: &Store) -> Result<Option<WorkspaceId>, Failure> {
    let rows = store.local(Space::Meta).map_err(|error| store_failed(&error))?;
    let row = rows.into_iter().find(|(key, _)| key == WORKSPACE);
    Ok(row.and_then(|(_, value)| Some(WorkspaceId::from_bytes(value.try_into().ok()?))))
}

/// The row that makes a store a workspace's.
pub(super) fn workspace_row(workspace: &WorkspaceId) -> LocalRow {
    LocalRow { space: Space::Meta, key: WORKSPACE.to_vec(), value: Some(workspace.as_bytes().to_vec()) }
}

/// The store while the node runs: commits go through the writer, reads go past it.
pub(super) struct Disk {
    store: Arc<Store>,
    queue: Option<Queue>,
    held: VecDeque<(BatchSeq, Batch)>,
    inputs: mpsc::Sender<Input>,
    writer: Option<JoinHandle<()>>,
    ended: mpsc::Receiver<String>,
}

impl Disk {
    pub(super) fn start(store: Store, inputs: mpsc::Sender<Input>) -> Result<Self, Failure> {
        let store = Arc::new(store);
        let reports = inputs.clone();
        let (queue, writer) = Writer::new(Arc::clone(&store), move |report| {
            // The loop never waits for the writer, so this never waits long; a loop that is gone wants no report.
            let _gone = reports.blocking_send(input_of(report));
        });
        let (end, ended) = mpsc::channel(1);
        let writer = thread("starling-store", move || {
            if let Err(error) = writer.run() {
                let _gone = end.blocking_send(error.to_string());
            }
        })?;
        Ok(Self { store, queue: Some(queue), held: VecDeque::new(), inputs, writer: Some(writer), ended })
    }

    /// Queues a batch. When the disk is slow it waits here, in order.
    pub(super) fn commit(&mut self, seq: BatchSeq, batch: Batch) {
        self.held.push_back((seq, batch));
        self.drain();
    }

    /// Hands over what was held back, as far as there is room. A writer that has ended is told by [`Disk::failed`].
    pub(super) fn drain(&mut self) {
        while let (Some(queue), Some((seq, batch))) = (&self.queue, self.held.pop_front()) {
            if let Err(SubmitError::Full(batch) | SubmitError::Closed(batch)) = queue.submit(seq, batch) {
                return self.held.push_front((seq, *batch));
            }
        }
    }

    /// Waits for the writer to give up: nothing can be stored any more.
    pub(super) async fn failed(&mut self) -> Option<String> {
        self.ended.recv().await
    }

    /// Reads a session's records, away from the loop.
    pub(super) fn load(&self, stream: StreamKey, spawner: &Spawner) {
        let (store, inputs) = (Arc::clone(&self.store), self.inputs.clone());
        spawner.spawn_blocking("load", move || {
            let records = store.load_stream(*stream.as_bytes());
            let records = records.map(|rows| rows.into_iter().map(|(_, wire)| wire).collect());
            let loaded = Input::Loaded { stream, records: records.map_err(|error| error.to_string()) };
            let _gone = inputs.blocking_send(loaded);
        });
    }

    /// Looks through stored messages for a text, away from the loop.
    pub(super) fn search(&self, ticket: Ticket, streams: Vec<StreamKey>, text: String, spawner: &Spawner) {
        let (store, inputs) = (Arc::clone(&self.store), self.inputs.clone());
        spawner.spawn_blocking("search", move || {
            let looked = boot::search(&store, &streams, &text).map_err(|error| error.to_string());
            let _gone = inputs.blocking_send(Input::Searched { ticket, looked });
        });
    }

    /// Reads records that are held for an upgrade, away from the loop.
    pub(super) fn load_aside(&self, places: Vec<Place>, spawner: &Spawner) {
        let (store, inputs) = (Arc::clone(&self.store), self.inputs.clone());
        spawner.spawn_blocking("load-aside", move || {
            let loaded = boot::held(&store, &places).map_err(|error| error.to_string());
            if let Err(reason) = &loaded {
                tracing::warn!(%reason, "records held for an upgrade could not be read: they wait for the next start");
            }
            let _gone = inputs.blocking_send(Input::AsideLoaded(loaded));
        });
    }

    /// Writes what is queued and closes the file.
    pub(super) fn close(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
        // Reads that run now may hold the store for a moment; its file is free when this returns.
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "the store was not closed well");
        }
    }
}

fn input_of(report: Report) -> Input {
    match report {
        Report::Committed { last, .. } => Input::Committed(last),
        Report::Failed { first, last, error } => {
            Input::CommitFailed { batches: (first..=last).collect(), error: error.to_string() }
        }
    }
}

/// The export's own thread. One plan at a time: the machine sends the next one when the last is reported.
pub(super) struct Exporting {
    plans: Option<std::sync::mpsc::SyncSender<ExportPlan>>,
    worker: Option<JoinHandle<()>>,
}

impl Exporting {
    pub(super) fn start(mut export: git::Export, inputs: mpsc::Sender<Input>) -> Result<Self, Failure> {
        let (plans, work) = std::sync::mpsc::sync_channel::<ExportPlan>(1);
        let worker = thread("starling-export", move || {
            while let Ok(plan) = work.recv() {
                let result = export.apply(&plan_of(plan)).map(state_of).map_err(|error| error.to_string());
                if inputs.blocking_send(Input::Exported(result)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { plans: Some(plans), worker: Some(worker) })
    }

    pub(super) fn apply(&self, plan: ExportPlan) {
        if let Some(plans) = &self.plans {
            // There is room: the machine has one plan in flight at most.
            let _full = plans.try_send(plan);
        }
    }

    pub(super) fn close(&mut self) {
        self.plans = None;
        if let Some(worker) = self.worker.take() {
            let _panicked = worker.join();
        }
    }
}

/// What an export shows now.
pub(super) fn state_of(exported: git::Exported) -> ExportState {
    ExportState { commit: Some(exported.commit), tree: Some(exported.tree), error: None }
}

fn plan_of(plan: ExportPlan) -> git::Plan {
    git::Plan {
        writes: plan.writes,
        removes: plan.removes,
        subject: plan.subject,
        author: plan.author,
        time_ms: plan.time_ms,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::RecordRow;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_refused_batch_ends_the_disk_and_says_why() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let (inputs, mut reports) = mpsc::channel(16);
        let mut disk = Disk::start(Store::open(&path).unwrap(), inputs).unwrap();
        let batch = |position, number| {
            let (stream, id) = ([1; 32], [number; 32]);
            let row = RecordRow { stream, position, id, wire: vec![number; 80], outbox: false };
            Batch { records: vec![row], ..Batch::default() }
        };
        for (seq, batch) in [(1, batch(0, 1)), (2, batch(0, 2)), (3, batch(1, 3))] {
            disk.commit(seq, batch);
        }
        let error = tokio::time::timeout(PATIENCE, disk.failed()).await.unwrap().unwrap();
        assert!(error.contains("start the node again"), "{error}");
        let mut failed = Vec::new();
        while let Ok(report) = reports.try_recv() {
            if let Input::CommitFailed { batches, .. } = report {
                failed.extend(batches);
            }
        }
        assert_eq!(failed, [2, 3]);
        disk.close();
        assert_eq!(Store::open(&path).unwrap().load_stream([1; 32]).unwrap().len(), 1);
    }
}
