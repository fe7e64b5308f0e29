//! The page at `/`. It shows no data and needs no login: it says what answers here and how to go on from the command
//! line. It is plain HTML without script or style, so the strictest policy fits it.

use axum::response::Html;

const PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
<title>Starling</title><h1>Starling</h1><p>A Starling node answers here. It has no hub page yet; in a terminal:</p>\
<pre>starling session new --agent scribe --follow -m \"Hello!\"\nstarling session list\nstarling status</pre>\
<p>Programs speak to it over HTTP: <a href=\"/openapi.json\">/openapi.json</a> (with a login by <code>starling open</code>, \
or the token in the home's <code>run/token</code>).</p></html>";

/// `GET /`.
pub(super) async fn index() -> Html<&'static str> {
    Html(PAGE)
}
