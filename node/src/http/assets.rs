//! The files of the web page: `index.html` at `/`, all others under `/web/`. They hold no data, so anybody may read them;
//! what they show comes from the private endpoints. In a release they are inside the binary; a debug build reads them
//! from the source tree at each request, so that an edit shows at the next reload. A browser asks each time whether its
//! copy is still good (`no-cache` and an `ETag`), so that a page never runs against a node of another version.

use std::borrow::Cow;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::no_such_endpoint;
use super::problem::Problem;

/// The page's own policy: scripts, styles and data of this node alone, and no string ever becomes markup or code.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);
/// The page.
const INDEX: &str = "index.html";
/// Bytes of a file's digest that name its version.
const VERSION_BYTES: usize = 16;

#[derive(RustEmbed)]
#[folder = "src/web/"]
pub(super) struct Files;

/// `GET /`.
pub(super) async fn index(headers: HeaderMap) -> Response {
    let Some(file) = Files::get(INDEX) else {
        let detail =
            "the page's files are not where this debug build reads them, node/src/web of its source tree";
        return Problem::internal(detail).into_response();
    };
    let mut response = answer(INDEX, file, &headers);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// `GET /web/{path}`.
pub(super) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let found = is_plain(&path).then(|| Files::get(&path)).flatten();
    match found {
        Some(file) if path != INDEX => answer(&path, file, &headers),
        _ => no_such_endpoint().await.into_response(),
    }
}

/// Names of files as we give them: nothing hidden, nothing that leads elsewhere.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

fn answer(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let digest = file.metadata.sha256_hash();
    let version = format!("\"{}\"", HEXLOWER.encode(digest.get(..VERSION_BYTES).unwrap_or_default()));
    let caching =
        [(header::CACHE_CONTROL, Cow::Borrowed("no-cache")), (header::ETAG, Cow::Owned(version.clone()))];
    let caching = caching.map(|(name, value)| (name, value.into_owned()));
    if knows(headers, &version) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, content_type(path))], file.data).into_response()
}

/// Whether the caller has this version already (RFC 9110, 13.1.2: weak comparison).
fn knows(headers: &HeaderMap, version: &str) -> bool {
    let texts = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = texts.flat_map(|text| text.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == version)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of all files but the page itself.
    fn names() -> Vec<String> {
        Files::iter().map(Cow::into_owned).filter(|name| name != INDEX).collect()
    }

    #[test]
    fn every_file_of_the_page_can_be_served() {
        assert!(Files::get(INDEX).is_some());
        for name in names() {
            assert!(is_plain(&name), "{name}");
            assert_ne!(content_type(&name), "application/octet-stream", "{name} needs a content type");
        }
    }

    #[test]
    fn no_path_leads_out() {
        for path in
            ["", ".", "..", "../http.rs", "a/../../http.rs", "/etc/passwd", "a//b", ".git", "a/.b", "a\\b"]
        {
            assert!(!is_plain(path), "{path}");
        }
        assert!(is_plain("views/list.js") && is_plain("app.css"));
    }

    #[test]
    fn a_known_version_is_recognised_in_a_list() {
        let with = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(text));
            headers
        };
        for (text, known) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(knows(&with(text), "\"a\""), known, "{text}");
        }
        assert!(!knows(&HeaderMap::new(), "\"a\""));
    }
}
