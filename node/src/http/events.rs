//! What listeners hear, live: notices of the machine and activity of agents, as numbered server-sent events. A bounded
//! ring keeps the newest, so that a client that comes back with `Last-Event-ID` misses nothing; one that was away for too
//! long, or is too slow, gets `resync` and reads anew. Nothing here is stored, and publishing never waits for a listener.

mod ring;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::dto;
use super::extract::Params;
use super::problem::Problem;
use crate::machine::activity::{Activity, Doing};
use crate::machine::info::Notice;
use crate::machine::request::Code;
use ring::{Event, Read, Ring};

/// A comment keeps idle connections visibly alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct ActivityJson<'a> {
    scope: &'static str,
    session_id: String,
    attempt_id: String,
    generation: u64,
    /// The device that says so, if it is not this one.
    from: Option<String>,
    #[serde(flatten)]
    doing: &'a Doing,
}

/// Where events are published. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Board>);

struct Board {
    ring: Mutex<Ring>,
    /// Number of the newest event.
    latest: watch::Sender<u64>,
}

impl Events {
    /// An empty board whose first event gets the number `first`. Give the node's start time in ms: then the numbers of an
    /// earlier run are always lower, and its clients are told to read anew instead of missing something.
    #[must_use]
    pub fn new(first: u64) -> Self {
        let ring = Ring::new(first);
        let (latest, _) = watch::channel(ring.latest());
        Self(Arc::new(Board { ring: Mutex::new(ring), latest }))
    }

    /// Tells listeners what the machine has to tell.
    pub fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Session(item) => self.publish("session", &dto::Item::from(item)),
            Notice::Peers => self.publish("peers", &serde_json::json!({})),
            Notice::Activity(activity) => self.activity(activity),
            Notice::Roster => self.publish("roster", &serde_json::json!({})),
        }
    }

    /// Tells listeners what an agent does.
    pub fn activity(&self, activity: &Activity) {
        let json = ActivityJson {
            scope: "quick_session",
            session_id: activity.session.to_string(),
            attempt_id: activity.attempt.to_string(),
            generation: activity.generation,
            from: activity.from.map(|device| device.to_string()),
            doing: &activity.doing,
        };
        self.publish("activity", &json);
    }

    fn publish(&self, kind: &'static str, data: &impl Serialize) {
        let Ok(data) = serde_json::to_string(data) else {
            return;
        };
        let mut ring = self.ring();
        ring.push(kind, data);
        self.0.latest.send_replace(ring.latest());
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListenParams {
    /// Only events after this number; `Last-Event-ID` goes first. Default: only what happens from now on.
    since: Option<u64>,
}

/// Streams events: `session`, `peers`, `roster`, `activity`; and `resync` when some were missed.
#[utoipa::path(
    get, path = "/events", tag = "device", params(ListenParams, ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream"), Problem),
)]
pub(super) async fn listen(
    State(app): State<App>,
    Params(params): Params<ListenParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seats = app.shared().event_seats.clone();
    let Ok(seat) = seats.try_acquire_owned() else {
        let detail = "too many event streams are open on this node";
        return Err(Problem::new(Code::RateLimited, detail));
    };
    let events = app.shared().events.clone();
    let seen = match headers.get("last-event-id") {
        // A number that we never gave counts as missed.
        Some(id) => id.to_str().ok().and_then(|id| id.parse().ok()).unwrap_or(0),
        None => params.since.unwrap_or_else(|| events.ring().latest()),
    };
    let stream = Listener::new(events, seen, seat, app.closing).into_stream();
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream).keep_alive(keep_alive).into_response())
}

/// What agents did lately.
#[derive(Serialize, ToSchema)]
pub(super) struct Lately {
    /// Number of the newest event of any kind: what `/events` says after it is not in here.
    latest: u64,
    /// `activity` events as `/events` carries them, oldest first: as many as are kept.
    #[schema(value_type = Vec<Object>)]
    activity: Vec<Box<RawValue>>,
}

/// The activity of agents that is still kept, for a client that comes later: bounded, and forgotten when the node ends.
#[utoipa::path(get, path = "/activity", tag = "device", responses((status = 200, body = Lately), Problem))]
pub(super) async fn lately(State(app): State<App>) -> Json<Lately> {
    let (latest, kept) = {
        let ring = app.shared().events.ring();
        (ring.latest(), ring.of("activity"))
    };
    let read = |event: Arc<Event>| RawValue::from_string(event.data.clone()).ok();
    Json(Lately { latest, activity: kept.into_iter().filter_map(read).collect() })
}

struct Listener {
    events: Events,
    latest: watch::Receiver<u64>,
    seen: u64,
    closing: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Listener {
    fn new(events: Events, seen: u64, seat: OwnedSemaphorePermit, closing: CancellationToken) -> Self {
        Self { latest: events.0.latest.subscribe(), events, seen, closing, _seat: seat }
    }

    /// A first comment shows that the stream stands, then events until the listener goes or the node ends.
    fn into_stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        let hello = stream::iter([Ok(sse::Event::default().comment("listening"))]);
        let batches = stream::unfold(self, |mut listener| async move {
            let batch = listener.next_batch().await?;
            Some((stream::iter(batch.into_iter().map(Ok)), listener))
        });
        hello.chain(batches.flatten())
    }

    async fn next_batch(&mut self) -> Option<Vec<sse::Event>> {
        loop {
            if self.closing.is_cancelled() {
                return None;
            }
            self.latest.mark_unchanged();
            let read = self.events.ring().after(self.seen);
            match read {
                Read::Missed { latest } => {
                    self.seen = latest;
                    return Some(vec![resync(latest)]);
                }
                Read::Events(events) => {
                    if let Some(last) = events.last() {
                        self.seen = last.number;
                        return Some(events.iter().map(|event| render(event)).collect());
                    }
                }
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                changed = self.latest.changed() => changed.ok()?,
            }
        }
    }
}

fn render(event: &Event) -> sse::Event {
    let id = event.number.to_string();
    sse::Event::default().id(id).event(event.kind).data(&event.data)
}

fn resync(latest: u64) -> sse::Event {
    sse::Event::default().id(latest.to_string()).event("resync").data("{}")
}
