//! Finds out who calls, before anything else is done for them.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use voicefleet_core::{ErrorCode, Failure};

use super::{Caller, Directory, KeySecret, rate};
use crate::{
    app::{App, SharedApp},
    problem::ApiError,
};

/// Where a key may stand beside `Authorization: Bearer`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What precedes a key among the subprotocols of a WebSocket.
const KEY_PROTOCOL: &str = "voicefleet.key.";

/// What is told to everybody: how the server is and how to use it. Nothing of anybody's work.
const PUBLIC: [&str; 6] = [
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
];

/// Puts a [`Caller`] into the request, or refuses it.
pub(crate) async fn authenticate(
    State(app): State<SharedApp>,
    mut request: Request,
    next: Next,
) -> Response {
    if !app.keys.required || is_public(request.uri().path()) {
        request.extensions_mut().insert(Caller::anybody());
        return next.run(request).await;
    }
    let caller = match caller_of(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    tracing::Span::current().record("tenant", caller.tenant.as_str());
    let tenant = caller.tenant.clone();
    let mut response = admitted(&app, caller, request, next).await;
    response.extensions_mut().insert(tenant);
    response
}

/// Within the rate of the caller's key.
async fn admitted(app: &App, caller: Caller, mut request: Request, next: Next) -> Response {
    let allowance = match rate::take(app, &caller).await {
        Ok(allowance) => allowance,
        Err((refusal, allowance)) => {
            let mut response = refusal.into_response();
            allowance.write_to(response.headers_mut());
            return response;
        }
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    if let Some(allowance) = allowance {
        allowance.write_to(response.headers_mut());
    }
    response
}

/// The caller as it is now, for one who has been let in some time ago: its key may have been revoked since.
pub(crate) async fn still_admitted(app: &App, caller: &Caller) -> Result<Caller, ApiError> {
    let Some(key) = &caller.key else {
        return Ok(caller.clone());
    };
    let known = Directory(app).standing(key).await?;
    known
        .map(Caller::bearer_of)
        .ok_or_else(|| unauthenticated("the key has been revoked"))
}

/// Counts something that is as much as a request, where none is sent for it.
pub(crate) async fn count_as_request(app: &App, caller: &Caller) -> Result<(), ApiError> {
    let counted = rate::take(app, caller).await;
    counted.map(drop).map_err(|(refusal, _)| refusal)
}

pub(crate) fn is_public(path: &str) -> bool {
    PUBLIC.contains(&path) || path.starts_with("/docs/")
}

async fn caller_of(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let shown = key_in(headers)
        .ok_or_else(|| unauthenticated("this needs a key: Authorization: Bearer vf_..."))?;
    let known = match shown.parse::<KeySecret>() {
        Ok(secret) => Directory(app).find(&secret).await?,
        Err(_) => None,
    };
    known
        .map(Caller::bearer_of)
        .ok_or_else(|| unauthenticated("the key is not known, or has been revoked"))
}

fn key_in(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim());
    bearer
        .or_else(|| headers.get(API_KEY)?.to_str().ok())
        .or_else(|| key_among_protocols(headers))
}

/// Pages cannot set headers of a WebSocket, but name subprotocols.
fn key_among_protocols(headers: &HeaderMap) -> Option<&str> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut names = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','));
    names.find_map(|name| name.trim().strip_prefix(KEY_PROTOCOL))
}

fn unauthenticated(message: &str) -> ApiError {
    let mut error = ApiError::from(Failure::new(ErrorCode::Unauthenticated, message));
    let challenge = HeaderValue::from_static("Bearer realm=\"voicefleet\"");
    error.headers.push((header::WWW_AUTHENTICATE, challenge));
    error
}
