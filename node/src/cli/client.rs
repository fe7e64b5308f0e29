//! HTTP over the node's Unix socket: one connection a call, driven inside the call's own future, so that no
//! task is left when a command is interrupted. Knows statuses and bodies, not what they mean. Writes that
//! carry a request id may be repeated when the connection broke; nothing else is.

pub(super) mod events;
pub(super) mod paths;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use starling_crdt::limits::{BODY_BYTES_MAX, SESSION_RECORDS_MAX};
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::failure::{Exit, Failure};
use crate::machine::request::Code;

/// Bytes of an answer: the largest session there can be, and as much again for JSON's escapes.
const ANSWER_BYTES_MAX: usize = 2 * SESSION_RECORDS_MAX * BODY_BYTES_MAX;
/// Tries of a write that is safe to repeat.
const TRIES_MAX: u32 = 3;
/// Between two tries: long enough for a node to come back from a restart of its listener.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// The way to one node.
#[derive(Debug, Clone)]
pub(super) struct Client {
    socket: PathBuf,
}

/// What to ask of it.
#[derive(Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    bearer: Option<Zeroizing<String>>,
    repeatable: bool,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// A JSON document, as a rule.
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { repeatable: method == Method::GET, method, path: path.into(), body, bearer: None }
    }

    /// With a turn's secret.
    pub(super) fn bearer(mut self, secret: Zeroizing<String>) -> Self {
        self.bearer = Some(secret);
        self
    }

    /// The node recognises a repetition, by a request id or because the call sets a state.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let json = self.body.as_ref().map(Value::to_string);
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(HOST, "localhost")
            .header(ACCEPT, "application/json");
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(secret) = &self.bearer {
            let mut value = HeaderValue::try_from(format!("Bearer {}", secret.as_str()))
                .map_err(|_| Failure::of(Code::Unauthorized, "the turn's secret is malformed"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::from(json.unwrap_or_default())).map_err(|error| broken(&error))
    }
}

impl Answer {
    /// The body as a type.
    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::new(Exit::Failed, "bad_answer", format!("the node's answer makes no sense: {error}"))
                .hint("client and node are of different versions: restart the node")
        })
    }
}

impl Client {
    /// The client of the node that listens on `socket`. Nothing is opened yet.
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks, and returns the answer of a call that succeeded.
    ///
    /// # Errors
    /// No node; a broken connection; the node's refusal, with the exit status that stands for it.
    pub(super) async fn ask(&self, call: Call) -> Result<Answer, Failure> {
        let mut tries = 1;
        loop {
            match self.try_once(&call).await {
                Err(failure) if failure.code == BROKEN && call.repeatable && tries < TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    async fn try_once(&self, call: &Call) -> Result<Answer, Failure> {
        let mut reply = self.open(call.request()?).await?;
        let status = reply.response.status();
        let body = reply.read_all().await?;
        if status.is_success() {
            return Ok(Answer { body });
        }
        Err(Failure::refused(status.as_u16(), &body))
    }

    /// Sends a request and waits for the head of its answer.
    async fn open(&self, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let mut connection: Connection =
            Box::pin(async move { connection.await.map_err(|error| broken(&error)) });
        let mut answer = Box::pin(sender.send_request(request));
        let response = tokio::select! {
            biased;
            response = &mut answer => response.map_err(|error| broken(&error))?,
            ended = &mut connection => {
                // The head may have come together with the end of the connection.
                let head = answer.await.map_err(|error| broken(&error));
                ended.and(head)?
            }
        };
        Ok(Reply { response, connection: Some(connection) })
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Failure::of(Code::Unauthorized, format!("{} belongs to another user", self.socket.display()))
            }
            io::ErrorKind::InvalidInput => Failure::of(
                Code::InvalidField,
                format!("{} is too long for the path of a socket", self.socket.display()),
            ),
            _ => Failure::not_running(error),
        }
    }
}

/// The code of a connection that broke.
const BROKEN: &str = "connection_lost";

fn broken(error: &dyn std::error::Error) -> Failure {
    let detail = format!("the connection to the node broke: {error}");
    Failure::new(Exit::Failed, BROKEN, detail)
        .hint("`starling status` tells whether the node runs; then try again")
}

type Connection = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// An answer whose body still comes in. The connection moves only while the body is read.
pub(super) struct Reply {
    response: Response<Incoming>,
    connection: Option<Connection>,
}

impl Reply {
    /// The next bytes of the body; `None` at its end.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = match &mut self.connection {
                Some(connection) => tokio::select! {
                    biased;
                    frame = self.response.body_mut().frame() => frame,
                    ended = connection => {
                        self.connection = None;
                        ended?;
                        continue;
                    }
                },
                None => self.response.body_mut().frame().await,
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    async fn read_all(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let detail = format!("the node's answer has more than {ANSWER_BYTES_MAX} bytes");
                return Err(Failure::new(Exit::Failed, "bad_answer", detail));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests;
