//! A node of nobody's: the real machine and the real store, in memory, and a tree instead of a repository. It is told
//! records as gossip, in an order of its own and not one by one: what it wants done is done later, several commits at once,
//! or not at all when power goes. It writes nothing itself, so what it shows is what it was told.

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use redb::backends::InMemoryBackend;
use starling_crdt::id::{DeviceKey, StreamKey, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::signed::{Signed, Verified};
use starling_node::boot;
use starling_node::machine::info::ExportState;
use starling_node::machine::input::{BatchSeq, Effect, Input, NetInput};
use starling_node::machine::restoring::{self, Copy, Restoring};
use starling_node::machine::rows::RESTORED;
use starling_node::machine::segments::{RECORDS_FOLDER, ROSTER_FOLDER};
use starling_node::machine::{Boot, Node};
use starling_node::store::{Batch, LocalRow, Options, RecordRow, Space, Store};
use starling_simulations::export::Tree;

use super::Files;
use super::dice::Dice;
use super::history::History;

/// Later than this, ms from the last input, nothing is left but what comes again and again.
const IDLE_MS: u64 = 60_000;
/// Rounds in which everything is told once more: what waited for a record that came later is lost in a power cut.
const ROUNDS_MAX: usize = 20;
/// Records of the end that come when all before them is exported.
const LATE: usize = 3;
const CACHE_BYTES: usize = 1024 * 1024;

pub(super) struct Replica {
    node: Node,
    workspace: WorkspaceId,
    store: Store,
    tree: Tree,
    export: ExportState,
    todo: VecDeque<Effect>,
    /// Batches that wait for the disk.
    writing: Vec<(BatchSeq, Batch)>,
    wake: Option<u64>,
    now_ms: u64,
    tokens: u64,
}

impl Replica {
    /// A node that knows no more than who founded the workspace.
    pub(super) fn founded(first: &Signed<Verified>) -> Self {
        let workspace = WorkspaceId::founded_by(first.id());
        let records = restoring::rows(&workspace.roster(), std::iter::once(first), None);
        Self::on(workspace, records)
    }

    /// A node that has nothing but the records in the files of another one's export.
    pub(super) fn restored(files: &Files) -> Self {
        let copies = |folder: &str| {
            let name = |path: &str| path.strip_prefix(folder)?.strip_prefix('/').map(ToOwned::to_owned);
            let files = files.iter().filter_map(|(path, bytes)| Some((name(path)?, Ok(bytes.clone()))));
            vec![Copy { branch: folder.to_owned(), unlisted: None, files: files.collect() }]
        };
        let (restoring, troubles) = Restoring::begin(&copies(ROSTER_FOLDER)).unwrap();
        assert!(troubles.is_empty(), "{troubles:?}");
        let roster = restoring.roster();
        let mut records = restoring::rows(&roster.key(), roster.records(), None);
        let folders = files.keys().filter(|path| path.starts_with(RECORDS_FOLDER));
        let mut folders: Vec<&str> = folders.filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
        folders.dedup();
        for folder in folders {
            let key: StreamKey = folder.rsplit_once('/').unwrap().1.parse().unwrap();
            let whole = restoring.session(key, &copies(folder)).unwrap();
            assert!(whole.left_out.is_empty(), "{:?}", whole.left_out);
            records.extend(restoring::rows(&key, whole.records.iter(), None));
        }
        Self::on(restoring.workspace(), records)
    }

    fn on(workspace: WorkspaceId, records: Vec<RecordRow>) -> Self {
        let options = Options { cache_bytes: CACHE_BYTES, ..Options::default() };
        let store = Store::open_with(InMemoryBackend::new(), options).unwrap();
        // Its device is not on the roster, as in a home that was restored.
        let local = vec![LocalRow { space: Space::Meta, key: RESTORED.to_vec(), value: Some(vec![1]) }];
        store.commit(&[Batch { records, local, ..Batch::default() }]).unwrap();
        let export = ExportState::default();
        let (node, effects) = start(workspace, &store, (&Tree::default(), &export), 1_000);
        Self {
            node,
            workspace,
            store,
            tree: Tree::default(),
            export,
            todo: effects.into(),
            writing: Vec::new(),
            wake: None,
            now_ms: 1_000,
            tokens: 0,
        }
    }

    pub(super) const fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        self.tree.files()
    }

    /// Is told everything, until it has all that can be had. Returns how often power was cut.
    pub(super) fn receive(&mut self, history: &History, dice: &mut Dice) -> usize {
        let (mut cuts, mut had) = (0, 0);
        // Some are told much before they do anything; some lose no power, so that nothing is exported twice; some hear
        // everything as it happens, so that what changes in the end changes what is exported already.
        let (hurry, unsafe_rounds) = (1 + dice.below(40), 2 * dice.below(2));
        let mixed_rounds = 4 * usize::from(!dice.one_in(3));
        for round in 0..ROUNDS_MAX {
            // Power goes in the first rounds only; the last ones are in the order of writing.
            let (risky, in_order) = (round < unsafe_rounds, round >= mixed_rounds);
            let mut order: Vec<&Signed<Verified>> = history.records.iter().collect();
            if !in_order {
                dice.shuffle(&mut order);
            }
            let late = order.len().saturating_sub(LATE);
            for (record, n) in order.into_iter().zip(0..) {
                if risky && changes_others(record) && dice.one_in(3) {
                    self.tell_and_cut_power(record, dice);
                    cuts += 1;
                    continue;
                }
                if in_order && (n >= late || dice.one_in(8)) {
                    self.settle();
                }
                self.tell(record);
                if dice.one_in(hurry) {
                    self.work(dice);
                }
                if risky && dice.one_in(50) {
                    self.cut_power(dice);
                    cuts += 1;
                }
            }
            self.settle();
            let has = self.held();
            if in_order && !risky && has == had {
                return cuts;
            }
            had = has;
        }
        panic!("it has {had} records, and more with each round");
    }

    fn held(&self) -> usize {
        let streams = self.store.streams().unwrap();
        streams.into_iter().map(|stream| self.store.load_stream(stream).unwrap().len()).sum()
    }

    fn tell(&mut self, record: &Signed<Verified>) {
        self.tokens += 1;
        let (from, token) = (DeviceKey::from_bytes([9; 32]), self.tokens);
        self.feed(Input::Net(NetInput::Gossip { from, token, bytes: record.wire().to_vec() }));
    }

    /// Is told a record when nothing else is left to do, and loses power as soon as it is on the disk.
    fn tell_and_cut_power(&mut self, record: &Signed<Verified>, dice: &mut Dice) {
        self.settle();
        self.tell(record);
        while let Some(effect) = self.todo.pop_front() {
            self.carry_out(effect);
        }
        self.sync();
        self.cut_power(dice);
    }

    fn feed(&mut self, input: Input) {
        let effects = self.node.handle(input, self.now_ms);
        self.todo.extend(effects);
    }

    /// Does some of what is wanted, in order, and lets some time pass.
    fn work(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(12) {
            if let Some(effect) = self.todo.pop_front() {
                self.carry_out(effect);
            }
        }
        if dice.one_in(3) {
            self.sync();
        }
        self.now_ms += dice.below(120) as u64;
        self.tick();
    }

    fn tick(&mut self) {
        if self.wake.is_some_and(|at| at <= self.now_ms) {
            self.wake = None;
            self.feed(Input::Tick);
        }
    }

    /// Does all that is wanted, until nothing comes any more.
    pub(super) fn settle(&mut self) {
        let end = self.now_ms + IDLE_MS;
        loop {
            if let Some(effect) = self.todo.pop_front() {
                self.carry_out(effect);
            } else if !self.writing.is_empty() {
                self.sync();
            } else {
                let Some(at) = self.wake.filter(|at| *at <= end) else { return };
                self.now_ms = self.now_ms.max(at);
                self.tick();
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { seq, batch } => {
                assert!(batch.records.iter().all(|row| !row.outbox), "a node that is nobody wrote a record");
                self.writing.push((seq, batch));
            }
            Effect::Load { stream } => {
                let rows = self.store.load_stream(*stream.as_bytes()).unwrap();
                let records = Ok(rows.into_iter().map(|(_, wire)| wire).collect());
                self.feed(Input::Loaded { stream, records });
            }
            Effect::LoadAside { .. } => self.feed(Input::AsideLoaded(Ok(Vec::new()))),
            Effect::Export(plan) => {
                self.export = self.tree.apply(&plan);
                self.feed(Input::Exported(Ok(self.export.clone())));
            }
            Effect::WakeAt(at) => self.wake = Some(at),
            Effect::Fatal(error) => panic!("{error}"),
            _ => {}
        }
    }

    /// What was to be written is on the disk, at once.
    fn sync(&mut self) {
        let (seqs, batches): (Vec<_>, Vec<_>) = std::mem::take(&mut self.writing).into_iter().unzip();
        let Some(last) = seqs.last() else { return };
        self.store.commit(&batches).unwrap();
        self.feed(Input::Committed(*last));
    }

    /// Power goes: what was not done yet is lost, but for an export that git had just finished. Then it starts again.
    fn cut_power(&mut self, dice: &mut Dice) {
        let lost = std::mem::take(&mut self.todo);
        self.writing.clear();
        if dice.one_in(2) {
            let finished = lost.into_iter().find_map(|effect| match effect {
                Effect::Export(plan) => Some(plan),
                _ => None,
            });
            self.export = finished.map_or_else(|| self.export.clone(), |plan| self.tree.apply(&plan));
        }
        let (node, effects) = start(self.workspace, &self.store, (&self.tree, &self.export), self.now_ms);
        (self.node, self.todo, self.wake) = (node, effects.into(), None);
    }
}

/// A record that can change how sessions are shown which it is not part of.
fn changes_others(record: &Signed<Verified>) -> bool {
    record.record().is_roster() || matches!(record.record().payload, Payload::Open { .. })
}

/// As the shell does: an export of which the store does not know the commit is made anew as a whole.
fn start(
    workspace: WorkspaceId,
    store: &Store,
    (tree, export): (&Tree, &ExportState),
    now_ms: u64,
) -> (Node, Vec<Effect>) {
    let stored = boot::read(store, &workspace).unwrap();
    let key = SigningKey::from_bytes(&[0x5a; 32]);
    let changed = stored.exported.as_deref().and_then(|commit| tree.changed_since(commit));
    let export = changed.as_ref().map(|_| export.clone()).unwrap_or_default();
    let strays = changed.unwrap_or_else(|| tree.files().keys().cloned().collect());
    Node::start(Boot { key, workspace, seed: [3; 32], now_ms, stored, export, strays, push: None }).unwrap()
}
