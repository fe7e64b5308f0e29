//! The interface over real sockets. Only the node's loop is played: `model` answers from a few hand-made sessions and
//! notes what it was asked. Each file holds one property of the interface.

mod access;
mod asked;
mod client;
mod codes;
mod device;
mod fixtures;
mod health;
mod listening;
mod model;
mod openapi;
mod page;
mod serving;
mod shapes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::{AgentLogs, Ask, Context, Events, HttpConfig, Sizes, serve_tcp, serve_unix};
use crate::spawner::{Spawn, Spawner, Task};
use model::Model;

/// The API token of every node under test.
const TOKEN: &str = "0123456789abcdef-token";
/// No wait of a test is longer.
const WAIT: Duration = Duration::from_secs(10);

/// Bounds a wait.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, what).await.expect("it took too long")
}

struct TestSpawner;

impl Spawn for TestSpawner {
    #[expect(clippy::disallowed_methods, reason = "tests have no shell")]
    fn spawn(&self, _: &'static str, task: Task) {
        tokio::spawn(task);
    }

    fn spawn_blocking(&self, _: &'static str, work: Box<dyn FnOnce() + Send + 'static>) {
        work();
    }
}

pub(super) fn spawner() -> Spawner {
    Spawner::new(TestSpawner)
}

/// Both listeners of one interface, and the played loop behind them.
struct Node {
    http: SocketAddr,
    socket: PathBuf,
    events: Events,
    logs: AgentLogs,
    log: crate::logs::Logs,
    model: Arc<Model>,
    context: Context,
    stop: CancellationToken,
    shutdown: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
    _home: tempfile::TempDir,
}

impl Node {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("starling.sock");
        let unix = UnixListener::bind(&socket).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = tcp.local_addr().unwrap();
        let (ask, questions) = Ask::channel();
        let (stop, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let (events, logs) = (Events::new(1), AgentLogs::default());
        let log = crate::logs::Logs::default();
        let drawn = AtomicU8::new(0);
        let context = Context::new(HttpConfig {
            token: TOKEN.to_owned().into(),
            http: Some(http),
            ask,
            events: events.clone(),
            logs: logs.clone(),
            measure: Arc::new(|| Sizes { home: "/srv/a/b".to_owned(), store_bytes: 1, export_bytes: 2 }),
            log: log.clone(),
            home: crate::config::Home::at(home.path()).unwrap(),
            now_ms: || fixtures::START_MS,
            join_error: None,
            spawner: spawner(),
            entropy: Arc::new(move || [drawn.fetch_add(1, Ordering::Relaxed); 32]),
            stop: stop.clone(),
        });
        let model = Arc::new(Model::default());
        let tasks = tokio_util::task::TaskTracker::new();
        spawner().spawn("loop", model.clone().run(questions));
        let served = serve_tcp(tcp, context.clone(), shutdown.clone());
        spawner().spawn("tcp", tasks.track_future(async { served.await.unwrap() }));
        let served = serve_unix(unix, context.clone(), shutdown.clone());
        spawner().spawn("unix", tasks.track_future(served));
        Self { http, socket, events, logs, log, model, context, stop, shutdown, tasks, _home: home }
    }

    /// Ends both listeners and waits until they are gone.
    async fn end(self) {
        self.shutdown.cancel();
        self.tasks.close();
        soon(self.tasks.wait()).await;
    }
}
