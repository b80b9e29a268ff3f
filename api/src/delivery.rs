//! A result on its way to a client who may have it, or part of it, already.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use serde_json::json;
use voicefleet_core::{ErrorCode, Job};

use crate::{
    http::{etag, range::Wanted},
    problem::ApiError,
    results,
};

/// The whole, a part of it, or that nothing has changed, as the request's headers ask.
pub(crate) fn deliver(
    job: &Job,
    headers: &HeaderMap,
    content_type: &'static str,
    body: Bytes,
) -> Result<Response, ApiError> {
    let tag = etag::of_result(&job.fingerprint, &body);
    let length = body.len();
    let mut response = if etag::is_known(headers, &tag) {
        not_modified(job)
    } else {
        match Wanted::of(headers, &tag, length) {
            Wanted::Whole => results::response(job, content_type, body),
            Wanted::Part(part) => {
                let place = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                let mut response = results::response(job, content_type, body.slice(part));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                insert(&mut response, header::CONTENT_RANGE, &place);
                response
            }
            Wanted::Nothing => return Err(out_of_range(job, length)),
        }
    };
    insert(&mut response, header::ETAG, &tag);
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    Ok(response)
}

/// Without what describes a body: there is none.
fn not_modified(job: &Job) -> Response {
    let mut response = results::response(job, "", Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

fn out_of_range(job: &Job, length: usize) -> ApiError {
    let message = format!("the result has {length} bytes, and none of those that are asked for");
    let mut error = ApiError::new(ErrorCode::RangeNotSatisfiable, message)
        .about_job(job)
        .member("length", json!(length));
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        error.headers.push((header::CONTENT_RANGE, value));
    }
    error
}

fn insert(response: &mut Response, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}
