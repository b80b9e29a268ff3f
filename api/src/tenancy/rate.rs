//! Requests a minute.
//!
//! Counted in whole minutes for the whole tenant and by all API servers together. The headers are those of
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use voicefleet_core::{ErrorCode, Failure, Timestamp};

use super::Caller;
use crate::{app::App, problem::ApiError};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const WINDOW_MS: i64 = 60_000;

/// What is left of a minute's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    quota: u32,
    left: u32,
    /// Seconds until the next minute, 1 to 60.
    reset: u64,
}

impl Allowance {
    fn new(quota: u32, used: i64, now: Timestamp) -> Self {
        let left = i64::from(quota).saturating_sub(used).max(0);
        let passed = now.0.rem_euclid(WINDOW_MS);
        Self {
            quota,
            left: u32::try_from(left).unwrap_or(0),
            reset: u64::try_from(WINDOW_MS - passed)
                .unwrap_or(0)
                .div_ceil(1000),
        }
    }

    /// Tells the client.
    pub(super) fn write_to(self, headers: &mut HeaderMap) {
        let Self { quota, left, reset } = self;
        for (name, text) in [
            (POLICY, format!("\"default\";q={quota};w=60")),
            (LIMIT, format!("\"default\";r={left};t={reset}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// Counts the request; `None` where there is no limit. The refusal says when to come back.
pub(super) async fn take(
    app: &App,
    caller: &Caller,
) -> Result<Option<Allowance>, (ApiError, Allowance)> {
    let Some(quota) = caller.limits.requests_per_minute else {
        return Ok(None);
    };
    let now = app.clock.now();
    let minute = now.0.div_euclid(WINDOW_MS);
    let counter = format!("requests:{}:{minute}", caller.tenant);
    let sum = app
        .documents
        .count(&counter, 1, Duration::from_mins(2))
        .await;
    let used = match sum {
        Ok(used) => used,
        Err(error) => return Err((error.into(), Allowance::new(quota, 0, now))),
    };
    let allowance = Allowance::new(quota, used, now);
    if used <= i64::from(quota) {
        return Ok(Some(allowance));
    }
    let message = format!("more than {quota} requests in this minute");
    let refusal = Failure::new(ErrorCode::RateLimited, message);
    let refusal = ApiError::from(refusal).retry_after(allowance.reset);
    Err((refusal, allowance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_until_when_is_told() {
        let mut headers = HeaderMap::new();
        Allowance::new(100, 40, Timestamp(120_500)).write_to(&mut headers);
        assert_eq!(headers[POLICY], "\"default\";q=100;w=60");
        assert_eq!(headers[LIMIT], "\"default\";r=60;t=60");
        let over = Allowance::new(100, 140, Timestamp(179_999));
        assert_eq!((over.left, over.reset), (0, 1));
    }
}
