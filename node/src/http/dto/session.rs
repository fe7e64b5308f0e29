//! Sessions as JSON.

use serde::Serialize;
use starling_crdt::id::SessionId;
use starling_crdt::reference::{self, Reference};
use starling_crdt::view::{Fork, Line, View};
use utoipa::ToSchema;

use super::rfc3339;
use crate::machine::info;

fn reference(session: SessionId, line: Option<u64>) -> String {
    Reference { session, line }.to_string()
}

/// A session as a person sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Detail {
    meta: Meta,
    entries: Vec<Entry>,
    archived: bool,
    /// Other devices of the workspace in good standing.
    devices: usize,
    /// The session that it goes on from, if that one is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<String>,
    /// What is wrong with its history, for people.
    warnings: Vec<Warning>,
    /// Records that are here and do not count: their author lost its standing, and nothing that counts depends on them.
    uncounted: u64,
}

/// Something about the session's history that its readers should know.
#[derive(Debug, Serialize, ToSchema)]
struct Warning {
    /// `agent_forked`: the agent's host wrote two histories; `agent_taken_over`: another host took the agent by force.
    #[schema(example = "agent_forked")]
    code: &'static str,
    /// The same in words.
    detail: String,
    /// The two signed records that prove it.
    records: Vec<String>,
}

impl From<&Fork> for Warning {
    fn from(fork: &Fork) -> Self {
        let (code, detail) = if fork.taken_over {
            let detail = "the agent was taken over by force: its old host wrote records that the new one had not seen; \
                answers that lost their place are marked";
            ("agent_taken_over", detail)
        } else {
            let detail = "the agent's history forked: its host wrote two records where one may stand (a restored backup, \
                or a host that lies); both records are the proof, and answers that lost their place are marked";
            ("agent_forked", detail)
        };
        Self {
            code,
            detail: detail.to_owned(),
            records: vec![fork.first.to_string(), fork.second.to_string()],
        }
    }
}

impl Detail {
    /// With the session that it goes on from.
    pub(in crate::http) fn continuing(self, continues: Option<SessionId>) -> Self {
        Self { continues: continues.map(|session| session.to_string()), ..self }
    }

    /// The whole session.
    pub(in crate::http) fn whole(view: &View, delivery: &info::Delivery) -> Self {
        Self::part(view, delivery, 0, None)
    }

    /// Only lines after `since`; of these the first `limit`, or the newest `limit` when `since` is 0.
    pub(in crate::http) fn part(
        view: &View,
        delivery: &info::Delivery,
        since: u64,
        limit: Option<usize>,
    ) -> Self {
        let mut lines: Vec<&Line> = view.lines.iter().filter(|line| line.number > since).collect();
        if let Some(limit) = limit {
            if since == 0 {
                lines.drain(..lines.len().saturating_sub(limit));
            } else {
                lines.truncate(limit);
            }
        }
        Self {
            meta: Meta::from(view),
            entries: lines.into_iter().map(|line| Entry::new(view, delivery, line)).collect(),
            archived: view.archived.is_some(),
            devices: delivery.devices,
            continues: None,
            warnings: view.fork.iter().map(Warning::from).collect(),
            uncounted: view.aside,
        }
    }
}

/// The fields of `session.meta.yaml`; unset ones are absent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
struct Meta {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    agent_id: String,
    created_by: String,
    status: &'static str,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived_from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_updated_at: Option<String>,
    last_message_preview: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_input_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_completed_attempt_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_completed_input_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_completed_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failed_attempt_id: Option<String>,
    last_human_request_id: String,
    last_human_line: u64,
    revision: u64,
}

impl From<&View> for Meta {
    fn from(view: &View) -> Self {
        let summary = view.summary.as_ref();
        let processing = view.processing.as_ref();
        let completed = view.last_completed.as_ref();
        let failed = view.last_failed.as_ref();
        let (last_human_line, request_id) = &view.last_human;
        Self {
            id: view.id.to_string(),
            title: view.title.as_ref().map(ToString::to_string),
            agent_id: view.agent_handle.to_string(),
            created_by: view.created_by.to_string(),
            status: view.status.as_str(),
            created_at: rfc3339(view.created_at_ms),
            updated_at: rfc3339(view.updated_at_ms),
            archived_at: view.archived.map(|archived| rfc3339(archived.at_ms)),
            archived_from: view.archived.map(|archived| archived.from.as_str()),
            summary: summary.map(|(text, _)| text.to_string()),
            summary_updated_at: summary.map(|(_, at_ms)| rfc3339(*at_ms)),
            last_message_preview: view.preview(),
            error: failed.map(|failed| failed.reason.to_string()),
            processing_input_line: processing.map(|turn| turn.input_line),
            processing_started_at: processing.map(|turn| rfc3339(turn.started_at_ms)),
            attempt_id: processing.map(|turn| turn.attempt.to_string()),
            last_completed_attempt_id: completed.map(|turn| turn.attempt.to_string()),
            last_completed_input_line: completed.map(|turn| turn.input_line),
            last_completed_line: completed.map(|turn| turn.line),
            last_failed_attempt_id: failed.map(|failed| failed.attempt.to_string()),
            last_human_request_id: request_id.to_string(),
            last_human_line: *last_human_line,
            revision: view.revision,
        }
    }
}

/// A line of the session.
#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    /// The record that it comes from; `reply_to` takes it.
    message_id: String,
    line_number: u64,
    /// False while the number may still move.
    sealed: bool,
    /// True for an answer that lost its place, because the agent's history forked.
    lost: bool,
    /// On how many of the other devices it is known to be: it may lag, and is never too high.
    on_devices: usize,
    /// The line that it answers, 0 for none.
    point_to: u64,
    author: String,
    timestamp: String,
    body: String,
    /// References to sessions in the body, in order.
    links: Vec<Link>,
}

impl Entry {
    fn new(view: &View, delivery: &info::Delivery, line: &Line) -> Self {
        let place = usize::try_from(line.number.saturating_sub(1)).unwrap_or(usize::MAX);
        let found = reference::find(line.body.as_str()).into_iter();
        Self {
            message_id: line.message_id.to_string(),
            line_number: line.number,
            sealed: line.sealed,
            lost: line.lost,
            on_devices: delivery.on.get(place).copied().unwrap_or_default(),
            point_to: line.point_to,
            author: view.handle_of(line.author).to_string(),
            timestamp: rfc3339(line.at_ms),
            body: line.body.to_string(),
            links: found.map(|(_, found)| Link::from(found)).collect(),
        }
    }
}

/// A reference in a body.
#[derive(Debug, Serialize, ToSchema)]
struct Link {
    kind: &'static str,
    session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_number: Option<u64>,
    /// As it is written.
    #[schema(example = "session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:L000001")]
    raw: String,
}

impl From<Reference> for Link {
    fn from(found: Reference) -> Self {
        Self {
            kind: "quick_session",
            session_id: found.session.to_string(),
            line_number: found.line,
            raw: found.to_string(),
        }
    }
}

/// A row of the session list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Item {
    id: String,
    #[schema(required)]
    title: Option<String>,
    agent_id: String,
    created_by: String,
    status: &'static str,
    updated_at: String,
    last_message_preview: String,
    revision: u64,
    archived: bool,
    #[serde(rename = "ref")]
    reference: String,
}

impl From<&info::Item> for Item {
    fn from(item: &info::Item) -> Self {
        Self {
            id: item.id.to_string(),
            title: item.title.clone(),
            agent_id: item.agent.to_string(),
            created_by: item.created_by.to_string(),
            status: item.status.as_str(),
            updated_at: rfc3339(item.updated_at_ms),
            last_message_preview: item.preview.clone(),
            revision: item.revision,
            archived: item.status == starling_crdt::view::Status::Archived,
            reference: reference(item.id, None),
        }
    }
}

/// The answer to a create.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Created {
    session: Detail,
    /// Of the first message.
    line_number: u64,
    #[serde(rename = "ref")]
    reference: String,
}

impl Created {
    pub(in crate::http) fn new(view: &View, delivery: &info::Delivery) -> Self {
        Self { session: Detail::whole(view, delivery), line_number: 1, reference: reference(view.id, None) }
    }
}

/// The answer to a show.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Shown {
    pub(in crate::http) session: Detail,
}

/// One page of the list, or of what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Sessions {
    sessions: Vec<Listed>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Sessions {
    /// A page of the list.
    pub(in crate::http) fn listed(items: &[info::Item], next_cursor: Option<String>) -> Self {
        let listed = |item| Listed { item: Item::from(item), found: None };
        Self { sessions: items.iter().map(listed).collect(), next_cursor }
    }

    /// A page of what was found.
    pub(in crate::http) fn found(
        items: Vec<(info::Item, Option<info::Match>)>,
        next_cursor: Option<String>,
    ) -> Self {
        let listed = |(item, found): (info::Item, Option<info::Match>)| Listed {
            item: Item::from(&item),
            found: Some(found.map(Match::from)),
        };
        Self { sessions: items.into_iter().map(listed).collect(), next_cursor }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Listed {
    #[serde(flatten)]
    item: Item,
    /// There when a text was looked for: the first line that has it; null where only the id or the title has.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    found: Option<Option<Match>>,
}

/// Where a session has the text that was looked for.
#[derive(Debug, Serialize, ToSchema)]
struct Match {
    line_number: u64,
    /// At most 160 characters around it, without line ends.
    excerpt: String,
}

impl From<info::Match> for Match {
    fn from(found: info::Match) -> Self {
        Self { line_number: found.line_number, excerpt: found.excerpt }
    }
}

/// Session ids.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Ids {
    pub(in crate::http) ids: Vec<String>,
}

/// A message that was written.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Written {
    pub(in crate::http) session_id: String,
    pub(in crate::http) message_id: String,
    /// It may still move until the entry is sealed.
    pub(in crate::http) line_number: u64,
    pub(in crate::http) status: &'static str,
    pub(in crate::http) revision: u64,
    #[serde(rename = "ref")]
    pub(in crate::http) reference: String,
}

impl Written {
    /// What a line of a session is called.
    pub(in crate::http) fn reference(session: SessionId, line: u64) -> String {
        reference(session, Some(line))
    }
}

/// A session that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Changed {
    pub(in crate::http) session_id: String,
    /// Present where the title was the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) title: Option<String>,
    pub(in crate::http) status: &'static str,
    pub(in crate::http) revision: u64,
}
