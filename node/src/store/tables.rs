//! The layout on disk: table names, key forms, and how a batch becomes rows. Only this file knows them. Keys
//! are byte strings that sort as memory does (numbers big-endian), so that a stream loads with one range
//! scan.
//!
//! | table | key | value |
//! |---|---|---|
//! | format | "version" | number |
//! | records | stream, position | id, wire |
//! | ids | id | stream, position |
//! | outbox | stream, position | id |
//! | aside | stream, id | wire |
//! | index | stream | row |
//! | exports | stream | |
//! | local | space (1 byte), key | value |

use redb::{ReadableTable, TableDefinition, TableHandle, WriteTransaction};

use super::batch::{AsideRow, Batch, Key32, LocalRow, RecordRow, Space};
use super::error::StoreError;
use crate::fault::{Fault, planted};

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u64 = 1;

/// A place in a stream: stream, then position big-endian.
pub(super) type Slot = [u8; 40];
/// Two keys after each other.
pub(super) type Pair = [u8; 64];

const VERSION: &str = "version";
pub(super) const FORMATS: TableDefinition<'_, &str, u64> = TableDefinition::new("format");
pub(super) const RECORDS: TableDefinition<'_, &Slot, &[u8]> = TableDefinition::new("records");
pub(super) const IDS: TableDefinition<'_, &Key32, &Slot> = TableDefinition::new("ids");
pub(super) const OUTBOX: TableDefinition<'_, &Slot, &Key32> = TableDefinition::new("outbox");
pub(super) const ASIDE: TableDefinition<'_, &Pair, &[u8]> = TableDefinition::new("aside");
pub(super) const INDEX: TableDefinition<'_, &Key32, &[u8]> = TableDefinition::new("index");
pub(super) const EXPORTS: TableDefinition<'_, &Key32, ()> = TableDefinition::new("exports");
pub(super) const LOCAL: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("local");

/// The place `position` of `stream`.
pub(super) fn slot(stream: &Key32, position: u64) -> Slot {
    let mut slot = [0; 40];
    let (head, tail) = slot.split_at_mut(32);
    head.copy_from_slice(stream);
    tail.copy_from_slice(&position.to_be_bytes());
    slot
}

/// The stream and position of a place.
pub(super) fn split_slot(slot: &Slot) -> (Key32, u64) {
    let (mut stream, mut position) = ([0; 32], [0; 8]);
    let (head, tail) = slot.split_at(32);
    stream.copy_from_slice(head);
    position.copy_from_slice(tail);
    (stream, u64::from_be_bytes(position))
}

/// Two keys after each other.
pub(super) fn pair(first: &Key32, second: &Key32) -> Pair {
    let mut pair = [0; 64];
    let (head, tail) = pair.split_at_mut(32);
    head.copy_from_slice(first);
    tail.copy_from_slice(second);
    pair
}

/// The two keys of a pair.
pub(super) fn split_pair(pair: &Pair) -> (Key32, Key32) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let (head, tail) = pair.split_at(32);
    first.copy_from_slice(head);
    second.copy_from_slice(tail);
    (first, second)
}

/// The id and wire of a record's row. A row that is too short (never written by us) still counts as a row:
/// its id is filled with zeros and its wire is empty, which whoever verifies records refuses like any other
/// spoiled one.
pub(super) fn split_record(value: &[u8]) -> (Key32, &[u8]) {
    if let Some((id, wire)) = value.split_first_chunk() {
        return (*id, wire);
    }
    let mut id = [0; 32];
    id.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
    (id, &[])
}

fn join_record(row: &RecordRow) -> Vec<u8> {
    [row.id.as_slice(), &row.wire].concat()
}

/// The key of a local row on disk.
pub(super) fn local_key(space: Space, key: &[u8]) -> Vec<u8> {
    [&[space as u8], key].concat()
}

/// What a file holds, judged by its tables.
pub(super) enum Found {
    Empty,
    Format(u64),
    Foreign,
}

/// Reads which format the file has.
pub(super) fn read_format(transaction: &redb::ReadTransaction) -> Result<Found, StoreError> {
    let names: Vec<_> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if names.is_empty() {
        return Ok(Found::Empty);
    }
    if !names.iter().any(|name| name == FORMATS.name()) {
        return Ok(Found::Foreign);
    }
    let version = transaction.open_table(FORMATS)?.get(VERSION)?.map(|guard| guard.value());
    Ok(version.map_or(Found::Foreign, Found::Format))
}

/// Makes all tables, so that reads find them, and says which format they have.
pub(super) fn create_all(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(RECORDS)?;
    transaction.open_table(IDS)?;
    transaction.open_table(OUTBOX)?;
    transaction.open_table(ASIDE)?;
    transaction.open_table(INDEX)?;
    transaction.open_table(EXPORTS)?;
    transaction.open_table(LOCAL)?;
    transaction.open_table(FORMATS)?.insert(VERSION, FORMAT)?;
    Ok(())
}

/// Writes all batches into one transaction, in order within each table. Only tables that have rows are
/// touched.
pub(super) fn apply(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    if batches.iter().any(|batch| !batch.records.is_empty() || !batch.published.is_empty()) {
        apply_records(transaction, batches)?;
    }
    if batches.iter().any(|batch| !batch.aside.is_empty()) {
        apply_aside(transaction, batches)?;
    }
    if batches.iter().any(|batch| !batch.index.is_empty() || !batch.unindexed.is_empty()) {
        apply_index(transaction, batches)?;
    }
    if batches.iter().any(|batch| !batch.exported.is_empty() || !batch.export_pending.is_empty()) {
        apply_exports(transaction, batches)?;
    }
    if batches.iter().any(|batch| !batch.local.is_empty()) {
        apply_local(transaction, batches)?;
    }
    Ok(())
}

fn apply_index(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    let mut index = transaction.open_table(INDEX)?;
    for batch in batches {
        for stream in &batch.unindexed {
            index.remove(stream)?;
        }
        for row in &batch.index {
            if planted(Fault::RowKept) && index.get(&row.stream)?.is_some() {
                continue;
            }
            index.insert(&row.stream, row.row.as_slice())?;
        }
    }
    Ok(())
}

fn apply_records(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    let mut tables = RecordTables {
        records: transaction.open_table(RECORDS)?,
        ids: transaction.open_table(IDS)?,
        outbox: transaction.open_table(OUTBOX)?,
    };
    let written = if planted(Fault::GroupCut) { 1 } else { batches.len() };
    for batch in batches.iter().take(written) {
        batch.records.iter().try_for_each(|row| tables.append(row))?;
        batch.published.iter().try_for_each(|id| tables.publish(id))?;
    }
    Ok(())
}

/// The tables that a record touches, open in one transaction.
struct RecordTables<'txn> {
    records: redb::Table<'txn, &'static Slot, &'static [u8]>,
    ids: redb::Table<'txn, &'static Key32, &'static Slot>,
    outbox: redb::Table<'txn, &'static Slot, &'static Key32>,
}

impl RecordTables<'_> {
    fn append(&mut self, row: &RecordRow) -> Result<(), StoreError> {
        let place = slot(&row.stream, row.position);
        let known = self.ids.get(&row.id)?.map(|guard| *guard.value());
        if let Some(known) = known {
            return self.mend(&known, row);
        }
        if let Some(held) = self.records.get(&place)? {
            let (stream, position) = (row.stream, row.position);
            let (held, offered) = (split_record(held.value()).0, row.id);
            return Err(StoreError::PositionTaken { stream, position, held, offered });
        }
        self.records.insert(&place, join_record(row).as_slice())?;
        self.ids.insert(&row.id, &place)?;
        if row.outbox {
            self.outbox.insert(&place, &row.id)?;
        }
        Ok(())
    }

    /// A record that is there already stays as it is, unless the disk has spoiled its bytes: then a copy that
    /// came again (from a peer, or an export) takes its old place.
    fn mend(&mut self, place: &Slot, row: &RecordRow) -> Result<(), StoreError> {
        let whole = join_record(row);
        let intact = self.records.get(place)?.is_some_and(|guard| guard.value() == whole);
        if !intact {
            self.records.insert(place, whole.as_slice())?;
        }
        Ok(())
    }

    fn publish(&mut self, id: &Key32) -> Result<(), StoreError> {
        let place = self.ids.get(id)?.map(|guard| *guard.value());
        if let Some(place) = place {
            self.outbox.remove(&place)?;
        }
        Ok(())
    }
}

fn apply_aside(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    let mut aside = transaction.open_table(ASIDE)?;
    for row in batches.iter().flat_map(|batch| &batch.aside) {
        match row {
            AsideRow::Put { stream, id, wire } => aside.insert(&pair(stream, id), wire.as_slice())?,
            AsideRow::Delete { stream, id } => aside.remove(&pair(stream, id))?,
        };
    }
    Ok(())
}

fn apply_exports(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    let mut exports = transaction.open_table(EXPORTS)?;
    for batch in batches {
        for stream in &batch.exported {
            exports.remove(stream)?;
        }
        for stream in &batch.export_pending {
            // An insert rewrites the path to its page even where nothing changes, and most are there already.
            if exports.get(stream)?.is_none() {
                exports.insert(stream, ())?;
            }
        }
    }
    Ok(())
}

fn apply_local(transaction: &WriteTransaction, batches: &[Batch]) -> Result<(), StoreError> {
    let mut local = transaction.open_table(LOCAL)?;
    for LocalRow { space, key, value } in batches.iter().flat_map(|batch| &batch.local) {
        let key = local_key(*space, key);
        match value {
            Some(value) => local.insert(key.as_slice(), value.as_slice())?,
            None => local.remove(key.as_slice())?,
        };
    }
    Ok(())
}
