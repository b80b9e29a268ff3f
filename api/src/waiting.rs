//! Waiting for a job to end, with a bound.

use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    ErrorCode, Failure, Job,
    ports::{JobRecords, RecordError},
};

/// Waits until the job has ended, at most `patience` and not beyond `closing`; gives it as it is then.
pub(crate) async fn until_ended(
    records: &dyn JobRecords,
    closing: &CancellationToken,
    mut job: Job,
    patience: Duration,
) -> Result<Job, RecordError> {
    let deadline = Instant::now() + patience;
    while !job.state.is_terminal() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let change = records.wait_for_end(job.id, (job.state, job.progress), left);
        let Some(changed) = closing.run_until_cancelled(change).await else {
            break;
        };
        job = changed?;
    }
    Ok(job)
}

/// How long a client wants to wait: `?wait=N`, else `Prefer: wait=N` (RFC 7240), seconds. More than
/// `most` means `most`.
pub(crate) fn asked_for(
    query: Option<u64>,
    headers: &HeaderMap,
    most: Duration,
) -> Result<Option<Duration>, Failure> {
    let seconds = match query {
        Some(seconds) => Some(seconds),
        None => preferred(headers)?,
    };
    Ok(seconds.map(|seconds| Duration::from_secs(seconds).min(most)))
}

fn preferred(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let values = headers.get_all("prefer").iter();
    let text = values.filter_map(|value| value.to_str().ok());
    let preferences = text.flat_map(|text| text.split([',', ';']));
    for preference in preferences {
        let Some((name, seconds)) = preference.split_once('=') else {
            continue;
        };
        if name.trim().eq_ignore_ascii_case("wait") {
            let seconds = seconds.trim().trim_matches('"').parse().map_err(|_| {
                let message = "Prefer: wait= takes a whole number of seconds";
                Failure::of_field(ErrorCode::InvalidRequest, "Prefer", message)
            })?;
            return Ok(Some(seconds));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(query: Option<u64>, prefer: &'static str) -> Result<Option<u64>, ErrorCode> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(prefer));
        asked_for(query, &headers, Duration::from_mins(1))
            .map(|wait| wait.map(|wait| wait.as_secs()))
            .map_err(|failure| failure.code)
    }

    #[test]
    fn the_wait_is_read_from_the_query_or_the_preference_and_bounded() {
        assert_eq!(asked(Some(5), "wait=9"), Ok(Some(5)));
        assert_eq!(asked(None, "respond-async, wait=9"), Ok(Some(9)));
        assert_eq!(asked(None, "handling=lenient; Wait=\"7\""), Ok(Some(7)));
        assert_eq!(asked(None, "wait=3600"), Ok(Some(60)));
        assert_eq!(asked(None, "respond-async"), Ok(None));
        assert_eq!(asked(None, "wait=soon"), Err(ErrorCode::InvalidRequest));
        assert_eq!(asked(None, "wait=-1"), Err(ErrorCode::InvalidRequest));
    }
}
