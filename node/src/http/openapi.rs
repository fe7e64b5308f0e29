//! The description of this interface, made from the same routes that serve it, so that the two cannot differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder, response};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use super::problem::Problem;
use super::{private_routes, public_routes};

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// Every endpoint, its bodies and its refusals.
pub(super) fn document() -> OpenApi {
    let mut api = private_routes().merge(public_routes()).into_openapi();
    api.info = InfoBuilder::new()
        .title("Starling")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The local interface of a Starling node. Every refusal is a problem document."))
        .build();
    let components = api.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let bearer = |what: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        SecurityScheme::Http(scheme.description(Some(what)).build())
    };
    let cookie = ApiKey::Cookie(ApiKeyValue::new("starling-<port>"));
    components.add_security_scheme("token", bearer("The API token of the node"));
    components.add_security_scheme("turn", bearer("The secret of a running turn"));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    let none: [&str; 0] = [];
    api.security =
        Some(vec![SecurityRequirement::new("token", none), SecurityRequirement::new("cookie", none)]);
    api
}

/// Shows this document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "device",
    responses((status = 200, description = "OpenAPI", content_type = "application/json"), Problem),
)]
pub(super) async fn show() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], DOCUMENT.as_str()).into_response()
}

/// What any endpoint may answer instead.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        let schema = Ref::from_schema_name(Self::name());
        let refusal = ResponseBuilder::new()
            .description("A refusal (RFC 9457); the store is as it was")
            .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build());
        BTreeMap::from([("default".to_owned(), RefOr::T(refusal.build()))])
    }
}
