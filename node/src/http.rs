//! The local HTTP interface: the same router on loopback TCP (token) and on the Unix socket (same user).
//!
//! It parses a request into a [`Request`](crate::machine::request::Request), asks the node's loop over a bounded
//! channel ([`Ask`]) and renders the answer as JSON; it decides nothing and stores nothing. In reading order: `ask` (the
//! way to the loop), `auth` (who may call), `login` (browsers), `extract` and `parse` (bytes to types), `sessions`,
//! `turns`, `workspace`, `invites`, `agents`, `device` and `doctor` (the endpoints), `events` (what listeners hear), `dto` and
//! `problem` (the JSON), `assets` (the page's files), `openapi`, `serve`.

mod agents;
mod ask;
mod assets;
mod auth;
mod device;
mod doctor;
mod dto;
mod events;
mod extract;
mod invites;
mod login;
mod metrics;
mod openapi;
mod parse;
mod permissions;
mod policy;
mod problem;
mod qr;
mod serve;
mod sessions;
mod storage;
mod turns;
mod workspace;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

pub use agents::AgentLogs;
pub use ask::{Ask, Question};
pub use auth::Entropy;
pub use events::Events;
pub use serve::{ServeError, serve_tcp, serve_unix};
pub use storage::{Measure, Sizes};

use auth::{Door, Keys};
use problem::Problem;
use storage::Storage;

use crate::config::Home;
use crate::logs::Logs;
use crate::machine::request::Code;
use crate::spawner::Spawner;

/// Event streams at a time: browser tabs and followers of one person; each holds a connection.
const EVENT_STREAMS_MAX: usize = 64;

/// What the shell gives.
pub struct HttpConfig {
    /// The API token, as it stands in `run/token`.
    pub token: Zeroizing<String>,
    /// The bound TCP address, for `status` and login links; `None` when only the socket is served.
    pub http: Option<SocketAddr>,
    /// The way to the loop.
    pub ask: Ask,
    /// What listeners hear.
    pub events: Events,
    /// What the agents of this device said on stderr.
    pub logs: AgentLogs,
    /// Measures what the node keeps on the disk.
    pub measure: Measure,
    /// What the node itself said.
    pub log: Logs,
    /// Where the node keeps its things: looked at by `GET /doctor`.
    pub home: Home,
    /// The clock, ms since 1970.
    pub now_ms: fn() -> u64,
    /// Why a join that this node was told to do came to nothing.
    pub join_error: Option<String>,
    /// Starts connection tasks.
    pub spawner: Spawner,
    /// Random bytes for login codes.
    pub entropy: Entropy,
    /// Cancelled by `POST /shutdown`: the shell then ends the node, and this interface last.
    pub stop: CancellationToken,
}

/// What both listeners share. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Shared>);

struct Shared {
    ask: Ask,
    events: Events,
    logs: AgentLogs,
    log: Logs,
    home: Home,
    now_ms: fn() -> u64,
    event_seats: Arc<Semaphore>,
    keys: Keys,
    http: Option<SocketAddr>,
    storage: Storage,
    join_error: Option<String>,
    spawner: Spawner,
    stop: CancellationToken,
}

impl Context {
    /// Prepares the interface; nothing is bound or started yet.
    #[must_use]
    pub fn new(config: HttpConfig) -> Self {
        let port = config.http.map(|address| address.port());
        Self(Arc::new(Shared {
            keys: Keys::new(&config.token, port, config.entropy),
            ask: config.ask,
            events: config.events,
            logs: config.logs,
            log: config.log,
            home: config.home,
            now_ms: config.now_ms,
            event_seats: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)),
            http: config.http,
            storage: Storage::new(config.measure),
            join_error: config.join_error,
            spawner: config.spawner,
            stop: config.stop,
        }))
    }
}

/// What handlers of one listener see.
#[derive(Clone)]
struct App {
    context: Context,
    door: Arc<Door>,
    /// This listener closes: streams and long polls end.
    closing: CancellationToken,
}

impl App {
    fn new(context: Context, door: Door, closing: CancellationToken) -> Self {
        Self { context, door: Arc::new(door), closing }
    }

    fn shared(&self) -> &Shared {
        &self.context.0
    }

    /// The web address, `http://127.0.0.1:port`.
    fn web_address(&self) -> Option<String> {
        self.shared().http.map(|address| format!("http://{address}"))
    }
}

impl FromRef<App> for AgentLogs {
    fn from_ref(app: &App) -> Self {
        app.shared().logs.clone()
    }
}

impl FromRef<App> for Ask {
    fn from_ref(app: &App) -> Self {
        app.shared().ask.clone()
    }
}

/// Endpoints that need the API token, its cookie, or the socket.
fn private_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sessions::create, sessions::list))
        .routes(routes!(sessions::show))
        .routes(routes!(sessions::write))
        .routes(routes!(sessions::title))
        .routes(routes!(sessions::archive))
        .routes(routes!(sessions::unarchive))
        .routes(routes!(sessions::stop))
        .routes(routes!(sessions::retry))
        .routes(routes!(sessions::resolve))
        .routes(routes!(workspace::agents, workspace::add_agent))
        .routes(routes!(workspace::remove_agent))
        .routes(routes!(workspace::hand_over))
        .routes(routes!(permissions::list))
        .routes(routes!(permissions::answer))
        .routes(routes!(agents::logs))
        .routes(routes!(agents::detected))
        .routes(routes!(workspace::members))
        .routes(routes!(workspace::remove_member))
        .routes(routes!(workspace::revoke_device))
        .routes(routes!(invites::list, invites::create))
        .routes(routes!(invites::revoke))
        .routes(routes!(invites::join))
        .routes(routes!(device::peers, device::add_peer))
        .routes(routes!(device::ping))
        .routes(routes!(device::status))
        .routes(routes!(doctor::check))
        .routes(routes!(doctor::logs))
        .routes(routes!(device::sync))
        .routes(routes!(device::pause))
        .routes(routes!(device::resume))
        .routes(routes!(device::export))
        .routes(routes!(device::shutdown))
        .routes(routes!(metrics::show))
        .routes(routes!(events::listen))
        .routes(routes!(events::lately))
        .routes(routes!(login::link))
        .routes(routes!(openapi::show))
}

/// Endpoints that check their caller themselves, or have nothing to hide.
fn public_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(turns::title))
        .routes(routes!(turns::reply))
        .routes(routes!(turns::summary))
        .routes(routes!(login::login))
        .routes(routes!(device::health))
}

/// The whole interface behind one door.
fn router(app: App) -> Router {
    let (private, _) = private_routes().split_for_parts();
    let (public, _) = public_routes().split_for_parts();
    let private = private.route_layer(from_fn_with_state(app.clone(), auth::require_caller));
    let page = Router::new().route("/", get(assets::index)).route("/web/{*path}", get(assets::file));
    guarded(private.merge(public).merge(page), app)
}

/// What holds for every request, whatever it asks: the outermost guard comes last.
fn guarded(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(no_such_endpoint)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), auth::check_door))
        .layer(CatchPanicLayer::custom(problem::on_panic))
        .layer(from_fn(auth::secure_headers))
        .with_state(app)
}

async fn no_such_endpoint() -> Problem {
    Problem::new(Code::NoSuchEndpoint, "there is nothing at this path")
}

async fn wrong_method(method: Method) -> Problem {
    Problem::new(Code::NoSuchEndpoint, format!("this path does not answer to {method}")).with_status(405)
}

#[cfg(test)]
mod tests;
