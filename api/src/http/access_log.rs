//! One line for every request: who asked for what, and what came of it. Never what was said in it.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use voicefleet_core::Tenant;

use super::request_id::RequestId;
use crate::tenancy::is_public;

/// The target of the lines, by which a log filter can leave them out.
const TARGET: &str = "access";

/// Logs the request when the head of its answer is there, in seconds since it came. What everybody may ask,
/// such as how the server is, is logged for whoever wants details.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let quiet = is_public(request.uri().path());
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>().cloned();
    let request_id = extensions.get::<RequestId>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let request_id = request_id.as_ref().map_or("", |id| id.0.as_str());
    let tenant = response.extensions().get::<Tenant>();
    let tenant = tenant.map_or("", Tenant::as_str);
    let (status, seconds) = (response.status().as_u16(), began.elapsed().as_secs_f64());
    if quiet {
        tracing::debug!(target: TARGET, %method, route, status, seconds, tenant, request_id, "answered");
    } else {
        tracing::info!(target: TARGET, %method, route, status, seconds, tenant, request_id, "answered");
    }
    response
}
