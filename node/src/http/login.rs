//! How a browser is let in: a one-time link sets the cookie and leads on to the page. The cookie is `Strict`, so the link
//! must not redirect by status: a browser that came from elsewhere would not send it along. The answer is a page of its
//! own, from which the browser goes on by itself. Links are checked by `auth`; nothing else is decided here.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::auth::LOGIN_CODE_TTL;
use super::extract::{MaybeInput, Params};
use super::parse;
use super::problem::Problem;
use super::{App, wrong_method};
use crate::machine::request::Code;

/// Bytes of a place of the page: a session's, a line of it, and room.
const PLACE_BYTES_MAX: usize = 200;
/// What is said of a link that is good no more.
const REFUSED: &str = "the login link was used already, or is too old: run `starling open` for a new one";

/// Where to sign a browser in.
#[derive(Serialize, ToSchema)]
pub(super) struct LoginLink {
    /// Good once, and only for a short time.
    #[schema(example = "http://127.0.0.1:4711/login?code=0123abcd")]
    url: String,
    /// For how long.
    expires_in_seconds: u64,
}

/// Where a browser is to end up.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Destination {
    /// A place of the page, at most 200 bytes.
    #[schema(example = "#/sessions/qs-01J9ZD3V9W7Y5C2K8M4N6P0QRS")]
    to: Option<String>,
}

/// Makes a one-time link that signs a browser in.
#[utoipa::path(
    post, path = "/login-link", tag = "device", request_body = Option<Destination>,
    responses((status = 200, body = LoginLink), Problem),
)]
pub(super) async fn link(
    State(app): State<App>,
    MaybeInput(destination): MaybeInput<Destination>,
) -> Result<Json<LoginLink>, Problem> {
    let to = destination.to.as_deref().map(place).transpose()?;
    let Some(address) = app.web_address() else {
        let detail = "this node does not listen on TCP, so there is no web page to open";
        return Err(Problem::new(Code::NotFound, detail));
    };
    let code = app.shared().keys.make_login(Instant::now());
    let to = to.map(|to| format!("&to={}", to.replace('#', "%23"))).unwrap_or_default();
    Ok(Json(LoginLink {
        url: format!("{address}/login?code={}{to}", *code),
        expires_in_seconds: LOGIN_CODE_TTL.as_secs(),
    }))
}

/// A place of the page, which never leads to another site: it begins with `#`.
fn place(text: &str) -> Result<&str, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | '/' | '_' | '.' | ':' | '-');
    if text.starts_with('#') && text.len() <= PLACE_BYTES_MAX && text.chars().all(plain) {
        return Ok(text);
    }
    let reason = format!("give `#` and at most {PLACE_BYTES_MAX} letters, digits and `#/_.:-`");
    Err(parse::field("to", reason))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LoginParams {
    /// The one-time code.
    code: String,
    /// Where the browser goes on to, a place of the page such as `#/sessions`; default: its beginning.
    to: Option<String>,
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
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if method != Method::GET {
        let refused = wrong_method(method).await;
        return Ok(([(header::ALLOW, "GET")], refused).into_response());
    }
    let to = params.to.as_deref().map(place).transpose()?.unwrap_or_default();
    let keys = &app.shared().keys;
    if keys.use_login(&params.code, Instant::now()) {
        return Ok(([(header::SET_COOKIE, keys.set_cookie())], Html(signed_in(to))).into_response());
    }
    let refused = Problem::new(Code::Unauthorized, REFUSED);
    if !wants_html(&headers) {
        return Err(refused);
    }
    Ok((StatusCode::UNAUTHORIZED, Html(refused_page())).into_response())
}

fn signed_in(to: &str) -> String {
    page(
        &format!("<meta http-equiv=refresh content=\"0; url=/{to}\">"),
        &format!(
            "<h1>Signed in</h1><p>This browser may now use this Starling node. <a href=\"/{to}\">Open Starling</a></p>"
        ),
    )
}

fn refused_page() -> String {
    page(
        "",
        "<h1>This link does not work any more</h1><p>A login link is good once, and for two minutes. For a new one, \
         run this in a terminal on this machine:</p><pre>starling open</pre>\
         <p>If this browser is signed in already: <a href=\"/\">open Starling</a>.</p>",
    )
}

fn page(head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <meta name=color-scheme content=\"light dark\">{head}<title>Starling</title>{body}</html>\n"
    )
}

/// Whether the caller would rather read a page than a problem document, as browsers that open a link do.
fn wants_html(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = texts.flat_map(|text| text.split(',')).map(range).collect();
    let quality = |names: &[&str]| {
        let named = ranges.iter().filter(|(name, _)| names.iter().any(|n| n.eq_ignore_ascii_case(name)));
        named.map(|(_, quality)| *quality).fold(0.0, f32::max)
    };
    let html = quality(&["text/html"]);
    html > 0.0 && html >= quality(&["application/json", "application/problem+json"])
}

/// A media range and its weight (RFC 9110, 12.4.2).
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
    (name, quality.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_place_stays_on_this_node() {
        let long = format!("#/{}", "a".repeat(PLACE_BYTES_MAX));
        for bad in
            ["", "/", "//evil.example", "https://evil.example", "#/a b", "#\"><x", "#/é", "#/a?b", &long]
        {
            assert!(place(bad).is_err(), "{bad}");
        }
        for good in ["#", "#/sessions/qs-01J9ZD3V9W7Y5C2K8M4N6P0QRS:L000001", &long[..PLACE_BYTES_MAX]] {
            assert_eq!(place(good).ok(), Some(good));
        }
    }

    #[test]
    fn browsers_get_a_page_and_programs_a_document() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            wants_html(&headers)
        };
        assert!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(wants("application/json;q=0.5, text/html"));
        for program in
            ["*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0", "text/html;q=x"]
        {
            assert!(!wants(program), "{program}");
        }
        assert!(!wants_html(&HeaderMap::new()));
    }
}
