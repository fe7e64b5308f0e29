//! What follows when a batch is durable: whatever lets others see what is in it waits here until then (INV-3). It decides
//! nothing; `commit` gathers and carries out. Every input asks several times whether anything is staged, so that
//! question makes nothing to compare with.

use std::collections::BTreeMap;

use starling_crdt::id::{AttemptId, RecordId, StreamKey};
use starling_net::proto;

use super::aside::Place;
use super::input::Ticket;
use super::request::Answer;
use super::rows::IndexRow;

/// What follows when a batch is durable.
#[derive(Debug, Default)]
pub(super) struct After {
    pub(super) answers: Vec<(Ticket, Answer)>,
    pub(super) rows: BTreeMap<StreamKey, IndexRow>,
    pub(super) changes: Vec<(StreamKey, RecordId)>,
    pub(super) publish: Vec<(RecordId, Vec<u8>)>,
    pub(super) verdicts: Vec<u64>,
    pub(super) frames: Vec<(proto::FrameToken, usize, Option<StreamKey>)>,
    pub(super) admissions: Vec<proto::Input>,
    pub(super) turns: Vec<(StreamKey, AttemptId)>,
    pub(super) roster: bool,
    pub(super) renamed: Vec<StreamKey>,
    /// Records of later versions that are held from now on, those that are not any more, and parts of a slice of them.
    pub(super) held: Vec<Place>,
    pub(super) released: Vec<Place>,
    pub(super) aside_parts: usize,
}

impl After {
    /// Whether nothing follows.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            answers,
            rows,
            changes,
            publish,
            verdicts,
            frames,
            admissions,
            turns,
            roster,
            renamed,
            held,
            released,
            aside_parts,
        } = self;
        answers.is_empty()
            && rows.is_empty()
            && changes.is_empty()
            && publish.is_empty()
            && verdicts.is_empty()
            && frames.is_empty()
            && admissions.is_empty()
            && turns.is_empty()
            && !roster
            && renamed.is_empty()
            && held.is_empty()
            && released.is_empty()
            && *aside_parts == 0
    }

    /// Adds what follows a later batch.
    pub(super) fn merge(&mut self, later: Self) {
        self.answers.extend(later.answers);
        self.rows.extend(later.rows);
        self.changes.extend(later.changes);
        self.publish.extend(later.publish);
        self.verdicts.extend(later.verdicts);
        self.frames.extend(later.frames);
        self.admissions.extend(later.admissions);
        self.turns.extend(later.turns);
        self.roster |= later.roster;
        self.renamed.extend(later.renamed);
        self.held.extend(later.held);
        self.released.extend(later.released);
        self.aside_parts += later.aside_parts;
    }
}
