//! The store on real files, in memory, and on a disk that fails at any moment it is told to.

mod damage;

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use redb::backends::{FileBackend, InMemoryBackend};
use tempfile::TempDir;

use super::*;

const A: Key32 = [0xaa; 32];
const B: Key32 = [0xbb; 32];

fn id(number: u8) -> Key32 {
    [number; 32]
}

fn record(stream: Key32, position: u64, number: u8) -> RecordRow {
    RecordRow { stream, position, id: id(number), wire: vec![number; 300], outbox: false }
}

fn records(rows: impl IntoIterator<Item = RecordRow>) -> Batch {
    Batch { records: rows.into_iter().collect(), ..Batch::default() }
}

fn local(space: Space, key: &[u8], value: Option<&[u8]>) -> Batch {
    let row = LocalRow { space, key: key.to_vec(), value: value.map(<[u8]>::to_vec) };
    Batch { local: vec![row], ..Batch::default() }
}

fn memory() -> Store {
    Store::open_backend(InMemoryBackend::new()).unwrap()
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    (folder, path)
}

/// A batch that touches every table.
fn everything(number: u8) -> Batch {
    let mut batch = records([record(A, u64::from(number), number)]);
    batch.records[0].outbox = true;
    batch.aside.push(AsideRow::Put { stream: A, id: id(number), wire: vec![number] });
    batch.index.push(IndexRow { stream: A, row: vec![number] });
    batch.export_pending.push(id(number));
    batch.local.push(LocalRow { space: Space::Turn, key: vec![number], value: Some(vec![number]) });
    batch
}

/// All that can be read, to compare stores with.
fn contents(store: &Store) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        store.load_stream(A).unwrap(),
        store.load_stream(B).unwrap(),
        store.outbox().unwrap(),
        store.aside(&store.aside_places().unwrap()).unwrap(),
        store.index().unwrap(),
        store.export_queue().unwrap(),
        store.local(Space::Turn).unwrap(),
    )
}

#[test]
fn a_stream_loads_in_the_order_of_admission() {
    let store = memory();
    let order = [300, 2, 256, 1, 255, 0];
    let rows = order.iter().zip(1..).map(|(position, number)| record(A, *position, number));
    store.commit(&[records(rows), records([record(B, 0, 9)])]).unwrap();
    let loaded: Vec<u8> = store.load_stream(A).unwrap().iter().map(|(id, _)| id[0]).collect();
    assert_eq!(loaded, [6, 4, 2, 5, 3, 1]);
    assert_eq!(store.load_stream(B).unwrap(), [(id(9), vec![9; 300])]);
    assert_eq!(store.load_stream([0xab; 32]).unwrap(), []);
    assert_eq!(store.streams().unwrap(), [A, B]);
    assert_eq!(store.stream_lengths().unwrap(), [(A, 301), (B, 1)], "by the last position");
    assert_eq!(memory().stream_lengths().unwrap(), []);
}

#[test]
fn a_record_is_found_by_its_id() {
    let store = memory();
    store.commit(&[records([record(B, 7, 3)])]).unwrap();
    let found = store.record(id(3)).unwrap().unwrap();
    assert_eq!((found.stream, found.position, found.id, found.wire), (B, 7, id(3), vec![3; 300]));
    assert!(store.contains(id(3)).unwrap());
    assert!(!store.contains(id(4)).unwrap());
    assert_eq!(store.record(id(4)).unwrap(), None);
}

#[test]
fn a_duplicate_changes_nothing() {
    let store = memory();
    store.commit(&[everything(0), records([record(A, 1, 1)])]).unwrap();
    store.commit(&[Batch { published: vec![id(0)], ..Batch::default() }]).unwrap();
    let before = contents(&store);
    let mut again = records([record(A, 0, 0), record(A, 5, 1), record(A, 1, 1)]);
    again.records[0].outbox = true;
    store.commit(&[again.clone(), again]).unwrap();
    assert_eq!(contents(&store), before);
    assert_eq!(store.stats().unwrap().records, 2);
}

#[test]
fn a_spoiled_record_is_mended_where_it_was() {
    let store = memory();
    let mut spoiled = record(A, 0, 1);
    spoiled.wire = b"not what was signed".to_vec();
    store.commit(&[records([spoiled, record(A, 1, 2)])]).unwrap();
    store.commit(&[records([record(A, 2, 1)])]).unwrap();
    assert_eq!(store.load_stream(A).unwrap(), [(id(1), vec![1; 300]), (id(2), vec![2; 300])]);
}

#[test]
fn a_taken_position_refuses_the_whole_commit() {
    let store = memory();
    store.commit(&[everything(0)]).unwrap();
    let before = contents(&store);
    let clash = records([record(A, 1, 1), record(A, 0, 2)]);
    let error = store.commit(&[everything(7), clash]).unwrap_err();
    assert!(!error.must_reopen());
    let StoreError::PositionTaken { stream, position, held, offered } = error else { panic!("{error}") };
    assert_eq!((stream, position, held, offered), (A, 0, id(0), id(2)));
    assert_eq!(contents(&store), before);
    store.commit(&[records([record(A, 1, 1)])]).unwrap();
    assert_eq!(store.load_stream(A).unwrap().len(), 2);
}

#[test]
fn the_outbox_empties_as_records_are_sent() {
    let store = memory();
    let outgoing = |position, number| RecordRow { outbox: true, ..record(A, position, number) };
    store.commit(&[records([outgoing(0, 9), outgoing(1, 3), record(A, 2, 4), outgoing(3, 1)])]).unwrap();
    assert_eq!(store.outbox().unwrap(), [id(9), id(3), id(1)], "deps go before what depends on them");
    let sent = Batch { published: vec![id(3), id(200)], ..Batch::default() };
    store.commit(&[sent.clone(), sent]).unwrap();
    assert_eq!(store.outbox().unwrap(), [id(9), id(1)]);
}

#[test]
fn a_stream_that_changed_while_it_was_exported_stays_in_the_queue() {
    let store = memory();
    store.commit(&[Batch { export_pending: vec![A, B, A], ..Batch::default() }]).unwrap();
    assert_eq!(store.export_queue().unwrap(), [A, B]);
    store.commit(&[Batch { exported: vec![A, B], export_pending: vec![B], ..Batch::default() }]).unwrap();
    assert_eq!(store.export_queue().unwrap(), [B]);
}

#[test]
fn rows_aside_and_of_the_index_are_replaced_and_deleted() {
    let store = memory();
    let put = |wire: &[u8]| AsideRow::Put { stream: B, id: id(1), wire: wire.to_vec() };
    let index = |row: &[u8]| vec![IndexRow { stream: B, row: row.to_vec() }];
    store
        .commit(&[Batch { aside: vec![put(b"1"), put(b"2")], index: index(b"old"), ..Batch::default() }])
        .unwrap();
    store.commit(&[Batch { index: index(b"new"), ..Batch::default() }]).unwrap();
    assert_eq!(store.aside_places().unwrap(), [(B, id(1))]);
    let places = [(A, id(1)), (B, id(1)), (B, id(2))];
    assert_eq!(store.aside(&places).unwrap(), [(id(1), b"2".to_vec())]);
    assert_eq!(store.index().unwrap(), [(B, b"new".to_vec())]);
    assert!(!store.contains(id(1)).unwrap(), "what is aside is not part of a stream");
    let delete = AsideRow::Delete { stream: B, id: id(1) };
    store.commit(&[Batch { aside: vec![delete.clone(), delete], ..Batch::default() }]).unwrap();
    assert_eq!(store.aside_places().unwrap(), []);
    assert_eq!(store.aside(&places).unwrap(), []);
}

#[test]
fn spaces_do_not_see_each_other() {
    let store = memory();
    store
        .commit(&[local(Space::Peer, b"", Some(b"empty")), local(Space::Peer, &[0xff; 40], Some(b"long"))])
        .unwrap();
    store
        .commit(&[local(Space::Meta, b"k", Some(b"meta")), local(Space::Invite, b"k", Some(b"invite"))])
        .unwrap();
    let peers = [(vec![], b"empty".to_vec()), (vec![0xff; 40], b"long".to_vec())];
    assert_eq!(store.local(Space::Peer).unwrap(), peers);
    store.commit(&[local(Space::Meta, b"k", None)]).unwrap();
    assert_eq!(store.local(Space::Meta).unwrap(), []);
    assert_eq!(store.local(Space::Invite).unwrap(), [(b"k".to_vec(), b"invite".to_vec())]);
}

#[test]
fn stats_count_what_is_there() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    store.commit(&[everything(0), records([record(A, 1, 1), record(B, 0, 2)])]).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.records, stats.streams, stats.aside), (3, 2, 1));
    assert_eq!(stats.bytes, std::fs::metadata(&path).unwrap().len());
}

#[test]
fn all_is_there_after_close_and_open() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    store.commit(&[everything(0), everything(1)]).unwrap();
    let before = contents(&store);
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(store.commit(&[]), Err(StoreError::Closed)));
    assert!(matches!(store.index(), Err(StoreError::Closed)));
    assert_eq!(contents(&Store::open(&path).unwrap()), before);
}

#[test]
fn a_killed_process_loses_no_commit() {
    let (folder, path) = folder();
    let store = Store::open(&path).unwrap();
    for number in 0..20 {
        store.commit(&[everything(number)]).unwrap();
        let image = folder.path().join("image.redb");
        std::fs::copy(&path, &image).unwrap();
        assert_eq!(contents(&Store::open(&image).unwrap()), contents(&store));
    }
}

#[test]
fn a_second_open_of_the_same_file_is_refused() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse), "{error}");
    assert!(error.to_string().contains("another starling is running on this home"));
    store.commit(&[everything(0)]).unwrap();
    store.close().unwrap();
    Store::open(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    let (_folder, path) = folder();
    Store::open(&path).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let zeroed_head = [vec![0; 8192], vec![1; 100]].concat();
    for garbage in [b"not a database".to_vec(), vec![0xff; 100_000], zeroed_head, vec![0; 2 << 20]] {
        std::fs::write(&path, &garbage).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore(_)), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), garbage);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    const OTHER: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("other");
    let (_folder, path) = folder();
    let other = Database::create(&path).unwrap();
    let transaction = other.begin_write().unwrap();
    transaction.open_table(OTHER).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(other);
    assert!(matches!(Store::open(&path), Err(StoreError::NotAStore(_))));
}

#[test]
fn a_newer_format_is_refused() {
    let (_folder, path) = folder();
    Store::open(&path).unwrap().close().unwrap();
    let newer = Database::open(&path).unwrap();
    let transaction = newer.begin_write().unwrap();
    transaction.open_table(tables::FORMATS).unwrap().insert("version", tables::FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    drop(newer);
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, supported: 1 }), "{error}");
    assert!(error.to_string().contains("upgrade"));
}

#[test]
fn a_missing_folder_or_a_folder_for_a_file_is_no_access() {
    let (folder, path) = folder();
    assert!(matches!(Store::open(&path.join("deeper")), Err(StoreError::Access(_))));
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Access(_))));
}
