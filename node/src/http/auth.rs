//! Who may call. On TCP anyone on the machine, and any web page in a browser on it, can connect: so the host that the
//! request names must be ours (DNS rebinding), an origin, if sent, too (other sites), and the caller must hold the token
//! or the cookie of a one-time login. On the Unix socket the kernel has named the user already (`serve`). No CORS header is
//! ever sent. Which session a caller may change is the machine's question.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::App;
use super::problem::Problem;
use crate::machine::request::Code;

/// Gives random bytes; injected by the shell.
pub type Entropy = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// Open login codes at a time: a person opens the page on a few browsers.
const LOGIN_CODES_MAX: usize = 8;
/// How long a login code is good.
pub(super) const LOGIN_CODE_TTL: Duration = Duration::from_secs(120);
/// How long a browser keeps the cookie. It is good as long as the token is: with another one all browsers have to sign in again.
const COOKIE_SECONDS: u64 = 90 * 24 * 60 * 60;
/// Separates the cookie's value from all other uses of the token.
const COOKIE_CONTEXT: &str = "starling 2026 http cookie v1";
/// How a caller was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// By the API token, which no browser sends by itself.
    Bearer,
    /// By the cookie, which a browser sends by itself.
    Cookie,
    /// By the kernel, on the Unix socket.
    Socket,
}

/// Where requests come in.
#[derive(Debug)]
pub(super) enum Door {
    /// Loopback TCP: the values that `Host` may have.
    Tcp {
        /// `127.0.0.1:port` and its like.
        hosts: Vec<String>,
    },
    /// The Unix socket.
    Socket,
}

impl Door {
    /// The names of a loopback listener. Browsers leave out port 80.
    pub(super) fn tcp(address: SocketAddr) -> Self {
        let port = address.port();
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned(), "[::1]".to_owned()];
        let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        hosts.push(address.to_string());
        if port == 80 {
            hosts.extend(names);
        }
        Self::Tcp { hosts }
    }
}

/// What opens the TCP door.
pub(super) struct Keys {
    /// Only hashes are compared, so the comparison takes the same time wherever two texts differ.
    token: blake3::Hash,
    cookie_name: String,
    cookie: Zeroizing<String>,
    logins: Mutex<VecDeque<Login>>,
    entropy: Entropy,
}

struct Login {
    code: blake3::Hash,
    until: Instant,
}

impl Keys {
    pub(super) fn new(token: &str, port: Option<u16>, entropy: Entropy) -> Self {
        let cookie = blake3::derive_key(COOKIE_CONTEXT, token.as_bytes());
        Self {
            token: blake3::hash(token.as_bytes()),
            // Browsers keep cookies by host without port: two nodes of one machine need two names.
            cookie_name: format!("starling-{}", port.unwrap_or_default()),
            cookie: Zeroizing::new(HEXLOWER.encode(&cookie)),
            logins: Mutex::new(VecDeque::new()),
            entropy,
        }
    }

    fn knows_token(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == self.token
    }

    fn knows_cookie(&self, headers: &HeaderMap) -> bool {
        let want = blake3::hash(self.cookie.as_bytes());
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
        texts
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie_name && blake3::hash(value.as_bytes()) == want)
    }

    /// What makes a browser send the cookie from now on. `Strict`: never with a request that another site began.
    pub(super) fn set_cookie(&self) -> String {
        let (name, value) = (&self.cookie_name, &*self.cookie);
        format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_SECONDS}")
    }

    /// A new one-time code; the oldest is forgotten when there are too many.
    pub(super) fn make_login(&self, now: Instant) -> Zeroizing<String> {
        let code = Zeroizing::new(HEXLOWER.encode(&(self.entropy)()));
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= LOGIN_CODES_MAX {
            logins.pop_front();
        }
        logins.push_back(Login { code: blake3::hash(code.as_bytes()), until: now + LOGIN_CODE_TTL });
        code
    }

    /// Whether the code is good; it is not a second time.
    pub(super) fn use_login(&self, code: &str, now: Instant) -> bool {
        let got = blake3::hash(code.as_bytes());
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|login| login.until > now);
        let at = logins.iter().position(|login| login.code == got);
        at.and_then(|at| logins.remove(at)).is_some()
    }
}

/// The bearer of an `Authorization` header, if there is exactly one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = only(headers, &header::AUTHORIZATION)?;
    let (scheme, secret) = text.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty()).then_some(secret)
}

/// A header's value, if it is there exactly once and printable.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)?.to_str().ok()
}

/// Refuses requests that a web page of another site could have made. Nothing to check on the socket: no browser reaches
/// it.
pub(super) async fn check_door(State(app): State<App>, request: Request, next: Next) -> Response {
    let verdict = match &*app.door {
        Door::Tcp { hosts } => {
            check_host(hosts, &request).and_then(|()| check_origin(hosts, request.headers()))
        }
        Door::Socket => Ok(()),
    };
    match verdict {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_host(hosts: &[String], request: &Request) -> Result<(), Problem> {
    let ours = |text: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(text));
    let host = only(request.headers(), &header::HOST);
    let target = request.uri().authority().map(|authority| authority.as_str());
    if host.is_some_and(ours) && target.is_none_or(ours) {
        return Ok(());
    }
    let detail = "the `Host` header must be this node's own loopback address";
    Err(Problem::new(Code::BadHost, detail))
}

fn check_origin(hosts: &[String], headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let host = only(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    if host.is_some_and(|host| hosts.iter().any(|own| own.eq_ignore_ascii_case(host))) {
        return Ok(());
    }
    let detail = "the `Origin` header names another site than this node";
    Err(Problem::new(Code::BadOrigin, detail))
}

/// Lets only known callers in, and notes how each was known.
pub(super) async fn require_caller(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Some(caller) = recognise(&app, request.headers()) else {
        let detail = "this needs the API token of the node, or a signed-in browser";
        return Problem::new(Code::Unauthorized, detail).into_response();
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn recognise(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let keys = &app.shared().keys;
    match &*app.door {
        Door::Socket => Some(Caller::Socket),
        Door::Tcp { .. } if headers.contains_key(header::AUTHORIZATION) => {
            bearer(headers).filter(|token| keys.knows_token(token)).map(|_| Caller::Bearer)
        }
        Door::Tcp { .. } => keys.knows_cookie(headers).then_some(Caller::Cookie),
    }
}

/// Headers of every answer: nothing is cached, framed, sniffed or loaded, unless a page says so itself.
pub(super) async fn secure_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_codes_run_out() {
        let keys = Keys::new("token", Some(1), Arc::new(|| [7; 32]));
        let now = Instant::now();
        let code = keys.make_login(now);
        assert!(!keys.use_login(&code, now + LOGIN_CODE_TTL));
        let code = keys.make_login(now);
        assert!(!keys.use_login("another", now));
        assert!(keys.use_login(&code, now + LOGIN_CODE_TTL / 2));
        assert!(!keys.use_login(&code, now));
    }
}
