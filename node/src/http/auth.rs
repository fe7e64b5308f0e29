//! Who may call. On TCP anyone on the machine, and any web page in a browser on it, can connect: so the host that the
//! request names must be ours (DNS rebinding), an origin, if sent, too (other sites), and the caller must hold the token
//! or the cookie of a one-time login. On the Unix socket the kernel has named the user already (`serve`). No CORS header is
//! ever sent. Which session a caller may change is the machine's question.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::extract::{NoInput, Params};
use super::problem::Problem;
use super::{App, wrong_method};
use crate::machine::request::Code;

/// Gives random bytes; injected by the shell.
pub type Entropy = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// Open login codes at a time: a person opens the page on a few browsers.
const LOGIN_CODES_MAX: usize = 8;
/// How long a login code is good.
const LOGIN_CODE_TTL: Duration = Duration::from_secs(120);
/// Separates the cookie's value from all other uses of the token.
const COOKIE_CONTEXT: &str = "starling 2026 http cookie v1";
/// What the login page needs besides nothing at all.
const LOGIN_PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Starling</title>\
     <h1>Signed in</h1><p>This browser may now use this Starling node. <a href=\"/\">Open Starling</a></p></html>";

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

    /// A new one-time code; the oldest is forgotten when there are too many.
    fn make_login(&self, now: Instant) -> Zeroizing<String> {
        let code = Zeroizing::new(HEXLOWER.encode(&(self.entropy)()));
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= LOGIN_CODES_MAX {
            logins.pop_front();
        }
        logins.push_back(Login { code: blake3::hash(code.as_bytes()), until: now + LOGIN_CODE_TTL });
        code
    }

    /// Whether the code is good; it is not a second time.
    fn use_login(&self, code: &str, now: Instant) -> bool {
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

/// Where to sign a browser in.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginLink {
    /// Good once, and only for a short time.
    #[schema(example = "http://127.0.0.1:4711/login?code=0123abcd")]
    url: String,
    /// For how long.
    expires_in_seconds: u64,
}

/// Makes a one-time link that signs a browser in.
#[utoipa::path(post, path = "/login-link", tag = "device", responses((status = 200, body = LoginLink), Problem))]
pub(super) async fn login_link(State(app): State<App>, _: NoInput) -> Result<Json<LoginLink>, Problem> {
    let Some(address) = app.web_address() else {
        let detail = "this node does not listen on TCP, so there is no web page to open";
        return Err(Problem::new(Code::NotFound, detail));
    };
    let code = app.shared().keys.make_login(Instant::now());
    Ok(Json(LoginLink {
        url: format!("{address}/login?code={}", *code),
        expires_in_seconds: LOGIN_CODE_TTL.as_secs(),
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LoginParams {
    /// The one-time code.
    code: String,
}

/// Signs a browser in with a one-time code. Only GET does: a HEAD, with which link checkers and previews look at an
/// address, must not use the code up.
#[utoipa::path(
    get, path = "/login", tag = "device", params(LoginParams), security(()),
    responses((status = 200, description = "Signed in: the cookie is set", content_type = "text/html"), Problem),
)]
pub(super) async fn login(
    method: Method,
    State(app): State<App>,
    Params(params): Params<LoginParams>,
) -> Result<Response, Problem> {
    if method != Method::GET {
        let refused = wrong_method(method).await;
        return Ok(([(header::ALLOW, "GET")], refused).into_response());
    }
    let keys = &app.shared().keys;
    if !keys.use_login(&params.code, Instant::now()) {
        let detail = "the login link was used already, or is too old: run `starling open` for a new one";
        return Err(Problem::new(Code::Unauthorized, detail));
    }
    let (name, value) = (&keys.cookie_name, &*keys.cookie);
    let cookie = format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/");
    Ok(([(header::SET_COOKIE, cookie)], Html(LOGIN_PAGE)).into_response())
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
