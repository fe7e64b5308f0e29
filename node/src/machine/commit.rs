//! What becomes durable together, and what follows from it. During one input, changes are staged; at its end they leave
//! as one batch. Whatever lets others see them (answers, gossip, frames, views, turns, the export) waits in [`After`]
//! until the batch is reported durable (INV-3).

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{AttemptId, RecordId, StreamKey};
use starling_crdt::record::Record;
use starling_crdt::session::Entry;
use starling_crdt::signed::{Signed, Verified};
use starling_net::proto;

use super::Node;
use super::after::After;
use super::info::{Item, Notice};
use super::input::{BatchSeq, Effect, GossipVerdict, NetEffect, Ticket};
use super::request::{Answer, Code, Rejection};
use super::rows::{self, IndexRow};
use crate::fault::{Fault, planted};
use crate::store::{AsideRow, Batch, IndexRow as StoredRow, LocalRow, RecordRow, Space};

/// Pause before what a failed commit left undone is tried again, ms: a disk that is full stays so for a while.
const RETRY_MS: u64 = 5_000;

/// Batches on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Commits {
    seq: BatchSeq,
    batch: Batch,
    after: After,
    touched: BTreeSet<StreamKey>,
    pending: BTreeMap<BatchSeq, After>,
    /// Our records that no other device is known to have.
    pub(super) outbox: BTreeSet<RecordId>,
}

impl Commits {
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.after.answers.push((ticket, answer));
    }

    pub(super) fn start_turn(&mut self, key: StreamKey, attempt: AttemptId) {
        self.after.turns.push((key, attempt));
    }

    pub(super) fn accept_gossip(&mut self, token: u64) {
        self.after.verdicts.push(token);
    }

    pub(super) fn finish_frame(&mut self, token: proto::FrameToken, new: usize, missing: Option<StreamKey>) {
        self.after.frames.push((token, new, missing));
    }

    /// Lets a peer in when the roster records that admit it are durable.
    pub(super) fn admit(&mut self, admission: proto::Input) {
        self.after.admissions.push(admission);
    }

    pub(super) fn stage_row(&mut self, key: StreamKey, row: IndexRow) {
        self.batch.index.push(StoredRow { stream: *key.as_bytes(), row: rows::encode(&row) });
        self.after.rows.insert(key, row);
    }

    /// A row goes that no record stands behind.
    pub(super) fn stage_unindexed(&mut self, key: &StreamKey) {
        self.batch.unindexed.push(*key.as_bytes());
    }

    /// A session was counted anew: its row, and its files in the export, are made anew.
    pub(super) fn stage_recounted(&mut self, key: StreamKey) {
        self.touched.insert(key);
        self.batch.export_pending.push(*key.as_bytes());
        self.after.renamed.push(key);
    }

    pub(super) fn stage_local(&mut self, space: Space, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.batch.local.push(LocalRow { space, key, value });
    }

    pub(super) fn stage_aside(&mut self, stream: StreamKey, id: RecordId, wire: Vec<u8>) {
        self.batch.aside.push(AsideRow::Put { stream: *stream.as_bytes(), id: *id.as_bytes(), wire });
        self.after.held.push((stream, id));
    }

    /// Takes a held record from its table.
    pub(super) fn stage_released(&mut self, stream: StreamKey, id: RecordId) {
        self.batch.aside.push(AsideRow::Delete { stream: *stream.as_bytes(), id: *id.as_bytes() });
        self.after.released.push((stream, id));
    }

    /// A part of a slice of held records was offered.
    pub(super) const fn finish_aside(&mut self) {
        self.after.aside_parts += 1;
    }

    pub(super) fn stage_export(&mut self, keys: &[StreamKey]) {
        self.batch.export_pending.extend(keys.iter().map(|key| *key.as_bytes()));
    }

    pub(super) fn stage_exported(&mut self, keys: impl IntoIterator<Item = StreamKey>) {
        self.batch.exported.extend(keys.into_iter().map(|key| *key.as_bytes()));
    }

    /// Everything that we wrote so far is on another device too.
    pub(super) fn outbox_is_empty(&mut self) {
        self.batch.published.extend(self.outbox.iter().map(|id| *id.as_bytes()));
        self.outbox.clear();
    }

    /// Whether something that is not durable yet asks for a session's export.
    pub(super) fn will_export(&self, key: &StreamKey) -> bool {
        let on_its_way = |after: &After| after.rows.contains_key(key) || after.renamed.contains(key);
        self.is_staged(key) || on_its_way(&self.after) || self.pending.values().any(on_its_way)
    }

    /// Whether the roster has records that are not durable yet.
    pub(super) fn is_roster_dirty(&self) -> bool {
        self.after.roster || self.pending.values().any(|after| after.roster)
    }

    /// Whether a session has changes that are not even on their way.
    pub(super) fn is_staged(&self, key: &StreamKey) -> bool {
        self.touched.contains(key)
    }

    /// Whether nothing is staged and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.is_clean()
    }

    /// Whether nothing is staged.
    pub(super) fn is_clean(&self) -> bool {
        self.touched.is_empty() && self.batch.is_empty() && self.after.is_empty()
    }

    fn stage_record(&mut self, stream: StreamKey, position: u64, signed: &Signed<Verified>, outbox: bool) {
        let (id, wire) = (*signed.id().as_bytes(), signed.wire().to_vec());
        self.batch.records.push(RecordRow { stream: *stream.as_bytes(), position, id, wire, outbox });
    }
}

impl Node {
    /// Stages records that a session has just admitted; they are its newest ones. Those that do not count are stored,
    /// and change nothing that anybody sees.
    pub(super) fn stage_session(&mut self, key: StreamKey, admitted: &[Signed<Verified>], local: bool) {
        let Some(session) = self.slots.get(&key).and_then(|slot| slot.session()) else {
            return;
        };
        let aside = if planted(Fault::PlaceReused) { 0 } else { session.aside() };
        let first = (session.len() + aside).saturating_sub(admitted.len()) as u64;
        let counts = |record: &Signed<Verified>| session.entry(&record.id()).is_some_and(Entry::is_counted);
        let counted: Vec<_> = admitted.iter().filter(|r| counts(r)).map(Signed::id).collect();
        debug_assert!(!local || counted.len() == admitted.len(), "INV-5: wrote a record that does not count");
        if let Some(header) = session.header() {
            self.slots.name(header.session, key);
        }
        for (position, record) in (first..).zip(admitted) {
            self.stage_record(key, position, record, local);
        }
        self.commits.touched.insert(key);
        if !counted.is_empty() {
            self.commits.after.changes.extend(counted.into_iter().map(|id| (key, id)));
            self.commits.batch.export_pending.push(*key.as_bytes());
        }
    }

    /// Stages records that the roster has just admitted.
    pub(super) fn stage_roster(&mut self, admitted: &[Signed<Verified>], local: bool) {
        let key = self.roster.key();
        for record in admitted {
            self.stage_record(key, self.roster_len, record, local);
            self.roster_len += 1;
        }
        self.commits.after.roster = true;
        if !planted(Fault::RecountForgotten) {
            self.recount.look();
        }
        let renamed = self.renamed();
        let pending = renamed.iter().map(|key| *key.as_bytes());
        self.commits.batch.export_pending.extend(pending);
        self.commits.after.renamed.extend(renamed);
    }

    fn stage_record(&mut self, key: StreamKey, position: u64, record: &Signed<Verified>, local: bool) {
        self.release(&record.id());
        let outbox = local && self.standing().devices().nth(1).is_some();
        self.commits.stage_record(key, position, record, outbox);
        if outbox {
            self.commits.outbox.insert(record.id());
        }
        if local {
            let (id, data) = (record.id(), record.wire().to_vec());
            if planted(Fault::GossipBeforeCommit) {
                return self.effects.push(Effect::Net(NetEffect::Publish { id, data }));
            }
            self.commits.after.publish.push((id, data));
        }
    }

    /// Sends what was staged to the disk, with the index rows of the sessions that it touches.
    pub(super) fn flush(&mut self) {
        for key in std::mem::take(&mut self.commits.touched) {
            self.settle_count(key);
            if let Some(row) = self.row_of(&key) {
                self.commits.stage_row(key, row);
            }
        }
        let commits = &mut self.commits;
        let batch = std::mem::take(&mut commits.batch);
        let after = std::mem::take(&mut commits.after);
        if batch == Batch::default() {
            debug_assert!(
                after.publish.is_empty() && after.rows.is_empty() && after.turns.is_empty(),
                "INV-3: something would be shown that no batch stores"
            );
            // Nothing to write: what follows may follow at once, or with what it speaks of.
            match commits.pending.values_mut().next_back() {
                Some(last) => last.merge(after),
                None => self.carry_out(after),
            }
            return;
        }
        commits.seq += 1;
        let seq = commits.seq;
        for key in after.rows.keys() {
            self.slots.slot(*key).dirty = Some(seq);
        }
        self.commits.pending.insert(seq, after);
        self.effects.push(Effect::Commit { seq, batch });
    }

    pub(super) fn on_committed(&mut self, seq: BatchSeq) {
        let later = self.commits.pending.split_off(&(seq + 1));
        let durable = std::mem::replace(&mut self.commits.pending, later);
        for (done, after) in durable {
            let keys: Vec<_> = after.rows.keys().copied().collect();
            for key in &keys {
                let slot = self.slots.slot(*key);
                if slot.dirty == Some(done) {
                    slot.dirty = None;
                }
            }
            self.carry_out(after);
            keys.into_iter().for_each(|key| self.pump(key));
        }
    }

    /// Shows what has become durable.
    fn carry_out(&mut self, after: After) {
        if after.roster && !self.commits.is_roster_dirty() {
            self.announce_roster();
            self.read_roster();
        }
        for key in &after.renamed {
            self.exporter.mark(*key, None);
        }
        self.note_changes(&after.changes);
        self.deliveries.durable(after.changes.iter().map(|(_, id)| id), after.renamed.iter());
        for (key, row) in after.rows {
            self.show_row(key, row);
        }
        self.deliveries.told();
        for (ticket, answer) in after.answers {
            self.answer(ticket, Ok(answer));
        }
        for (id, data) in after.publish {
            self.effects.push(Effect::Net(NetEffect::Publish { id, data }));
        }
        for token in after.verdicts {
            self.effects.push(Effect::Net(NetEffect::Verdict { token, verdict: GossipVerdict::Accept }));
        }
        for (token, new, missing) in after.frames {
            self.frame_part_done(token, new, missing);
        }
        for admission in after.admissions {
            self.feed(admission);
        }
        for (key, attempt) in after.turns {
            self.run_turn(key, attempt);
        }
        self.aside_parts_done(after.aside_parts);
    }

    /// A session's row is durable: peers, turns and clients hear of it. Of one of which nothing counts (any more) they
    /// hear that it is gone.
    fn show_row(&mut self, key: StreamKey, row: IndexRow) {
        let was_shown = self.slots.get(&key).and_then(|s| s.row.as_ref()).is_some_and(IndexRow::is_shown);
        if row.is_shown() {
            self.feed(proto::Input::Changed { stream: key, digest: row.digest });
        } else {
            self.feed(proto::Input::Gone { stream: key });
        }
        self.watch_row(key, &row);
        if row.is_shown() || was_shown {
            let item = self.item(&row);
            self.effects.push(Effect::Notify(Notice::Session(item)));
        }
        let changed_sides = row.is_shown() != was_shown;
        self.slots.slot(key).row = Some(row);
        if changed_sides {
            self.mark_collisions(key);
        }
    }

    fn note_changes(&mut self, changes: &[(StreamKey, RecordId)]) {
        for (key, id) in changes {
            let record = self
                .slots
                .get(key)
                .and_then(|slot| slot.session()?.entry(id))
                .map(|e| e.signed.record().clone());
            let change = record.map(|record: Record| (*id, record));
            self.exporter.mark(*key, change);
        }
        let ids: BTreeSet<_> = changes.iter().map(|(key, _)| *key).collect();
        for key in ids {
            self.mark_collisions(key);
        }
    }

    /// Batches that are not on disk: who waits for them is told, and their sessions are read from the disk again.
    pub(super) fn on_commit_failed(&mut self, batches: &[BatchSeq], error: &str) {
        let mut roster = false;
        for after in batches.iter().filter_map(|seq| self.commits.pending.remove(seq)).collect::<Vec<_>>() {
            roster |= after.roster;
            let rejection = Rejection::new(Code::StoreFailed, format!("it was not stored: {error}"));
            for (ticket, answer) in after.answers {
                let told = if planted(Fault::FailureHidden) { Ok(answer) } else { Err(rejection.clone()) };
                self.answer(ticket, told);
            }
            for token in after.verdicts {
                self.effects.push(Effect::Net(NetEffect::Verdict { token, verdict: GossipVerdict::Ignore }));
            }
            for (token, ..) in after.frames {
                self.frame_part_done(token, 0, None);
            }
            for (id, _) in after.publish {
                self.commits.outbox.remove(&id);
            }
            for (_, attempt) in after.turns {
                self.forget_turn(attempt);
            }
            self.aside_failed(after.aside_parts, after.held, after.released);
            after.rows.into_keys().for_each(|key| self.reload(key));
        }
        self.recount.look();
        let at = self.now + RETRY_MS;
        self.retry_ms = Some(at);
        self.wake("retry", at);
        if roster {
            self.effects.push(Effect::Fatal(format!("a roster record was not stored: {error}")));
        }
    }

    /// The row of the list.
    pub(super) fn item(&self, row: &IndexRow) -> Item {
        let standing = self.standing();
        let nobody = super::named::nobody;
        Item {
            id: row.id,
            title: row.title.clone(),
            agent: standing.agent(&row.agent).map_or_else(nobody, |agent| agent.handle.clone()),
            created_by: standing.member(&row.creator).map_or_else(nobody, |member| member.handle.clone()),
            status: row.status(),
            updated_at_ms: row.updated_at_ms,
            preview: row.preview.clone(),
            revision: row.revision,
        }
    }
}
