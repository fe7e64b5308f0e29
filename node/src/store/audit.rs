//! Whether a store's tables agree with each other and with their checksums. It judges keys and places alone: what a record
//! means, and whether its bytes are sound, is for who can read it.

use std::sync::PoisonError;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::tables::{self, IDS, INDEX, OUTBOX, RECORDS};
use super::{Store, StoreError, shielded};

/// Faults that are listed: one damaged page can make thousands.
const FAULTS_MAX: usize = 100;

impl Store {
    /// Checks the file's checksums, that positions have no gaps, that each record is found by its id and by nothing else, and
    /// that the list is of sessions that there are. Returns what is wrong, in words; waits for reads and the commit that run now.
    pub fn audit(&self) -> Result<Vec<String>, StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_mut().ok_or(StoreError::Closed)?;
        shielded(|| {
            let mut faults = Vec::new();
            if !database.check_integrity()? {
                faults.push("a page does not match its checksum; what was left was repaired".to_owned());
            }
            let transaction = database.begin_read()?;
            let (records, ids) = (transaction.open_table(RECORDS)?, transaction.open_table(IDS)?);
            let mut expected = (None, 0);
            for row in records.iter()? {
                let (place, value) = row?;
                let (stream, position) = tables::split_slot(place.value());
                let (id, _) = tables::split_record(value.value());
                if expected.0 != Some(stream) {
                    expected = (Some(stream), 0);
                }
                if expected.1 != position {
                    faults.push(format!("{} has no record {}", hex(&stream), expected.1));
                }
                expected.1 = position.saturating_add(1);
                if ids.get(&id)?.is_none_or(|found| found.value() != place.value()) {
                    faults.push(format!("record {} is not found by its id", hex(&id)));
                }
                if faults.len() >= FAULTS_MAX {
                    return Ok(faults);
                }
            }
            let (records_len, ids_len) = (records.len()?, ids.len()?);
            if records_len != ids_len {
                faults.push(format!("{records_len} records have {ids_len} ids"));
            }
            // A page of another table shows as rows of sessions that nobody wrote, and out of order: those cannot be removed.
            let mut last = None;
            for row in transaction.open_table(INDEX)?.iter()? {
                let stream = *row?.0.value();
                if last.replace(stream).is_some_and(|last| last >= stream) {
                    faults.push(format!("the list of sessions is out of order at {}", hex(&stream)));
                }
                let (first, end) = (tables::slot(&stream, 0), tables::slot(&stream, u64::MAX));
                if records.range::<&tables::Slot>(&first..=&end)?.next().is_none() {
                    faults.push(format!("the list has {}, of which there is no record", hex(&stream)));
                }
            }
            for row in transaction.open_table(OUTBOX)?.iter()? {
                let (place, id) = row?;
                let held = records.get(place.value())?.map(|held| tables::split_record(held.value()).0);
                if held.as_ref() != Some(id.value()) {
                    faults.push(format!("{} is to be sent and not there", hex(id.value())));
                }
            }
            faults.truncate(FAULTS_MAX);
            Ok(faults)
        })
    }
}

fn hex(key: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(key)
}
