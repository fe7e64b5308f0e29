//! Connections: who is let in, how many, and how they end. HTTP/1.1 only. A connection that sends no request in time is
//! closed; at the end open requests are finished within a bound, then cut.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::auth::Door;
use super::{App, Context, router};
use crate::spawner::Spawner;

/// Connections of one listener: a person's tabs, scripts and agents. More wait in the kernel's queue.
const CONNECTIONS_MAX: u32 = 256;
/// How long a connection may take for the head of its next request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long open requests may take to finish when the node ends.
const GRACE: Duration = Duration::from_secs(5);
/// How long cut connections may take to be gone.
const CUT: Duration = Duration::from_secs(1);
/// Bytes of a request's head, and of what is buffered before a slow reader stops the writer.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Why an interface cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener does not say where it listens.
    #[error("the listener's address cannot be read: {0}")]
    Address(#[from] io::Error),
    /// Others on the network could connect: bind 127.0.0.1 or `::1`.
    #[error("{0} is no loopback address: bind 127.0.0.1 or ::1")]
    NotLoopback(std::net::SocketAddr),
}

/// Serves the interface on loopback TCP until `shutdown`; returns when all connections are gone, at latest some seconds
/// later.
///
/// # Errors
/// [`ServeError`] when the listener is not bound to loopback; nothing was served then.
pub async fn serve_tcp(
    listener: TcpListener,
    context: Context,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let spawner = context.0.spawner.clone();
    let app = App::new(context, Door::tcp(address), shutdown.clone());
    serve(listener, router(app), spawner, shutdown).await;
    Ok(())
}

/// Serves the interface on a Unix socket to processes of our own user, until `shutdown`, likewise.
pub async fn serve_unix(listener: UnixListener, context: Context, shutdown: CancellationToken) {
    let uid = rustix::process::geteuid().as_raw();
    let spawner = context.0.spawner.clone();
    let app = App::new(context, Door::Socket, shutdown.clone());
    serve(OneUser { listener, uid }, router(app), spawner, shutdown).await;
}

/// A Unix socket that only one user's processes get through.
pub(super) struct OneUser {
    pub(super) listener: UnixListener,
    pub(super) uid: u32,
}

impl Listener for OneUser {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == self.uid => return (stream, address),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "refused another user on the socket"),
                Err(error) => tracing::warn!(%error, "refused a connection of unknown user"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Accepts until `shutdown`, then ends what is open.
pub(super) async fn serve<L: Listener>(
    mut listener: L,
    app: Router,
    spawner: Spawner,
    shutdown: CancellationToken,
) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let cut = CancellationToken::new();
    while let Some((io, seat)) = next_connection(&mut listener, &seats, &shutdown).await {
        let connection =
            Connection { app: app.clone(), shutdown: shutdown.clone(), cut: cut.clone(), _seat: seat };
        spawner.spawn("http connection", connection.serve(io));
    }
    drop(listener);
    if tokio::time::timeout(GRACE, seats.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        cut.cancel();
        let _gone = tokio::time::timeout(CUT, seats.acquire_many(CONNECTIONS_MAX)).await;
    }
}

/// The next connection, as soon as there is a seat for it; `None` at the end.
async fn next_connection<L: Listener>(
    listener: &mut L,
    seats: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(L::Io, OwnedSemaphorePermit)> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        next = async {
            let seat = seats.clone().acquire_owned().await.ok()?;
            let (io, _) = listener.accept().await;
            Some((io, seat))
        } => next,
    }
}

struct Connection {
    app: Router,
    shutdown: CancellationToken,
    cut: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(BUFFER_BYTES_MAX);
        let service = TowerToHyperService::new(self.app);
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
        let mut ending = false;
        loop {
            tokio::select! {
                biased;
                () = self.cut.cancelled() => return,
                () = self.shutdown.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                done = connection.as_mut() => {
                    if let Err(error) = done {
                        tracing::debug!(%error, "a connection broke");
                    }
                    return;
                }
            }
        }
    }
}
