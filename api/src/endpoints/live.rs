//! `GET /v1/live`: a session over a WebSocket.

use axum::{
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use voicefleet_core::{ErrorCode, Failure};

use crate::{
    app::{App, SharedApp},
    http::{errors::Problem, tracing_context::trace_context},
    live::{MAX_READ, SUBPROTOCOL, Visitor, converse},
    problem::ApiError,
    tenancy::Caller,
};

/// Open a live session
///
/// A WebSocket for the many short texts and recordings of one conversation: utterances are spoken in the order
/// asked, sentence by sentence while they are being written, and stopped at once; recordings are pushed and
/// transcribed. Jobs, cache, tiers and limits of keys are those of all other endpoints; each utterance and each
/// recording counts as a request.
///
/// What clients send is in the schema `LiveClientMessage`, what they are sent in `LiveServerEvent`. The first
/// message is `session.start`. The subprotocol is `voicefleet.live.v1`, if any is offered. Where the server
/// wants keys, `Authorization` has it, or for pages, which cannot set headers, one more subprotocol:
/// `voicefleet.key.` and the key. A server that wants no keys refuses pages of other origins.
///
/// The session is closed with 1001 when the server stops, 1002 for what is no WebSocket message, 1008 when the
/// key has been revoked or ten messages in a row were refused, 1009 for a message larger than 1 MiB, and 4408
/// after ten minutes (unless configured otherwise) without a message and without anything to do.
#[utoipa::path(get, path = "/v1/live", tag = "Live",
    responses(
        (status = 101, description = "The session is open."),
        (status = 400, description = "The handshake is not that of a WebSocket.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A page of another origin, and no key.", body = Problem, content_type = "application/problem+json"),
        (status = 426, description = "Not a WebSocket.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many live sessions, or the server is stopping; see `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn open_live_session(
    State(app): State<SharedApp>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| refusal(&rejection, &headers))?;
    check_origin(&app, &headers)?;
    if app.stop.draining.is_cancelled() || app.stop.closing.is_cancelled() {
        let message = "the server is stopping; open another session";
        return Err(ApiError::new(ErrorCode::Unavailable, message));
    }
    let visitor = Visitor {
        caller,
        trace: trace_context(&headers),
        room: app.room_for_live()?,
    };
    // A server that stops waits for it.
    let known = app.stop.live.token();
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_frame_size(MAX_READ)
        .max_message_size(MAX_READ)
        // Messages wait in a queue of ours, and are handed on one by one.
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(async move |socket| {
        let _known = known;
        converse(app, visitor, socket).await;
    }))
}

/// Why a request is no handshake.
fn refusal(rejection: &WebSocketUpgradeRejection, headers: &HeaderMap) -> ApiError {
    let asks = headers.contains_key(header::UPGRADE);
    let text = rejection.body_text();
    if asks && rejection.status() == StatusCode::BAD_REQUEST {
        return Failure::new(ErrorCode::InvalidRequest, text).into();
    }
    let message = "this is a WebSocket: ask for it with Connection: Upgrade and Upgrade: websocket";
    let mut error = ApiError::new(ErrorCode::UpgradeRequired, message);
    let wanted = HeaderValue::from_static("websocket");
    error.headers.push((header::UPGRADE, wanted));
    error
}

/// Browsers let any page open sockets to anywhere. Where nobody shows a key, only the server's own may.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| !app.keys.required) else {
        return Ok(());
    };
    let origin = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    if origin.is_some_and(|origin| host == Some(origin.as_str())) {
        return Ok(());
    }
    let message = "pages of other origins need a key, which this server does not ask for";
    Err(Failure::new(ErrorCode::Forbidden, message))
}
