//! `GET /docs`: this API for people. Swagger UI from the binary; the browser fetches nothing elsewhere.

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::Response,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Has the browser itself refuse anything from elsewhere. Swagger UI styles elements inline and has
/// its icons in data: URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' blob:",
);

/// The pages below `/docs`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // The online validator would be asked about every document that is not on localhost.
    let config = Config::from("/openapi.json").validator_url("none");
    let pages: Router<S> = SwaggerUi::new("/docs").config(config).into();
    pages.layer(map_response(confined))
}

async fn confined(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
