//! The endpoints and what every request passes on its way to them.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer, trace::TraceLayer,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use voicefleet_core::{ErrorCode, Failure};

use crate::{
    app::{App, SharedApp},
    context::ApiContext,
    endpoints as e,
    http::{access_log, errors, request_id, tracing_context::request_span},
    openapi::Frame,
    problem::ApiError,
    telemetry,
    tenancy::authenticate,
};

/// The API over `context`, ready to be served.
///
/// Its metrics go to the meter provider that is global at this moment, and its spans to the current
/// tracing subscriber: set both up before.
pub fn router(context: ApiContext) -> Router {
    let body_idle = context.limits.body_idle;
    let app = Arc::new(App::new(context));
    let (endpoints, _) = endpoints().split_for_parts();
    // The last layer is the first that a request meets.
    endpoints
        .merge(e::docs::router())
        .fallback(nothing_here)
        // Bodies have the bounds of `ApiLimits`, not axum's 2 MB.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyTimeoutLayer::new(body_idle))
        .layer(from_fn_with_state(Arc::clone(&app), authenticate))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(access_log::log))
        .layer(from_fn(errors::render))
        .layer(from_fn_with_state(Arc::clone(&app), telemetry::measure))
        .layer(TraceLayer::new_for_http().make_span_with(request_span))
        .layer(from_fn(request_id::assign))
        .with_state(app)
}

/// Every documented endpoint.
pub(crate) fn endpoints() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::with_openapi(Frame::openapi())
        .routes(routes!(e::create_speech::create_speech))
        .routes(routes!(e::create_transcription::create_transcription))
        .routes(routes!(e::create_translation::create_translation))
        .routes(routes!(e::create_job::create_job, e::list_jobs::list_jobs))
        .routes(routes!(e::get_job::get_job, e::cancel_job::delete_job))
        .routes(routes!(e::get_result::get_result))
        .routes(routes!(e::job_events::job_events))
        .routes(routes!(e::cancel_job::cancel_job))
        .routes(routes!(e::retry_job::retry_job))
        .routes(routes!(
            e::list_dead_letters::list_dead_letters,
            e::purge_dead_letters::purge_dead_letters
        ))
        .routes(routes!(e::get_split::get_split, e::put_split::put_split))
        .routes(routes!(e::create_key::create_key, e::list_keys::list_keys))
        .routes(routes!(e::revoke_key::revoke_key))
        .routes(routes!(e::get_usage::get_usage))
        .routes(routes!(
            e::webhooks::create::create_webhook,
            e::webhooks::list::list_webhooks
        ))
        .routes(routes!(
            e::webhooks::get::get_webhook,
            e::webhooks::update::update_webhook,
            e::webhooks::delete::delete_webhook
        ))
        .routes(routes!(e::webhooks::rotate::rotate_webhook))
        .routes(routes!(e::webhooks::deliveries::list_deliveries))
        .routes(routes!(e::webhooks::redeliver::redeliver))
        .routes(routes!(
            e::create_batch::create_batch,
            e::list_batches::list_batches
        ))
        .routes(routes!(e::get_batch::get_batch))
        .routes(routes!(e::cancel_batch::cancel_batch))
        .routes(routes!(
            e::create_file::create_file,
            e::list_files::list_files
        ))
        .routes(routes!(e::get_file_content::get_file_content))
        .routes(routes!(e::get_file::get_file, e::delete_file::delete_file))
        .routes(routes!(e::live::open_live_session))
        .routes(routes!(e::list_models::list_models))
        .routes(routes!(e::get_model::get_model))
        .routes(routes!(e::list_voices::list_voices))
        .routes(routes!(e::root::root))
        .routes(routes!(e::livez::livez))
        .routes(routes!(e::readyz::readyz))
        .routes(routes!(e::metrics::metrics))
        .routes(routes!(e::openapi_json::openapi_json))
}

async fn nothing_here() -> ApiError {
    Failure::new(ErrorCode::NotFound, "there is nothing at this path").into()
}

/// The panic's text may hold anything, so it goes to the log only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands it over by value"
)]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(text.unwrap_or("a handler panicked")).into_response()
}
