//! A raw client: one connection a call, every header as the test says.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::{Node, TOKEN, soon, spawner};

/// One request in the making.
pub(super) struct Call<'a> {
    node: &'a Node,
    socket: bool,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("the body is JSON")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that this is a problem document that repeats its status, and gives status and code.
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        let code = json["code"].as_str().unwrap().to_owned();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["type"], format!("urn:starling:problem:{code}"));
        for field in ["title", "detail", "hint"] {
            assert!(!json[field].as_str().unwrap().is_empty(), "{field} of {json}");
        }
        (self.status.as_u16(), code)
    }
}

impl Node {
    /// A request over TCP with `Host` and nothing else.
    pub(super) fn bare(&self, method: &str, path: &str) -> Call<'_> {
        Call {
            node: self,
            socket: false,
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: vec![("host".to_owned(), self.http.to_string())],
            body: Vec::new(),
        }
    }

    /// A request over TCP with the token.
    pub(super) fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.bare(method, path).bearer(TOKEN)
    }

    /// A request over the Unix socket.
    pub(super) fn local(&self, method: &str, path: &str) -> Call<'_> {
        let mut call = self.bare(method, path).header("host", "starling");
        call.socket = true;
        call
    }
}

impl<'a> Call<'a> {
    /// Sets a header, in place of one of that name.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(had, _)| had != name);
        self.also(name, value)
    }

    /// Adds a header.
    pub(super) fn also(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(had, _)| had != name);
        self
    }

    pub(super) fn bearer(self, secret: &str) -> Self {
        self.header("authorization", &format!("Bearer {secret}"))
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub(super) fn text(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(super) fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it; the answer's body is still to come.
    pub(super) async fn open(self) -> Response<Incoming> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(self.body))).unwrap();
        if self.socket {
            exchange(UnixStream::connect(&self.node.socket).await.unwrap(), request).await
        } else {
            exchange(TcpStream::connect(self.node.http).await.unwrap(), request).await
        }
    }

    pub(super) async fn send(self) -> Reply {
        let response = soon(self.open()).await;
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            bytes: soon(body.collect()).await.unwrap().to_bytes(),
        }
    }
}

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Response<Incoming> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
    spawner().spawn("client", async move {
        let _ended = connection.await;
    });
    sender.send_request(request).await.unwrap()
}
