//! Path segments, with refusals of ours.

use axum::extract::{Path, rejection::PathRejection};
use voicefleet_core::{ErrorCode, Failure, JobId};

use crate::{
    batches::record::{BatchId, UnknownBatch},
    problem::ApiError,
};

/// The one segment of a path. What is no text (broken percent-encoding) names nothing: `missing`.
pub(crate) fn segment(
    parsed: Result<Path<String>, PathRejection>,
    missing: ErrorCode,
) -> Result<String, ApiError> {
    let Path(segment) =
        parsed.map_err(|_| ApiError::new(missing, "the last part of the path is not UTF-8"))?;
    Ok(segment)
}

/// The job id in a path. What is no id names no job.
pub(crate) fn job_id(parsed: Result<Path<String>, PathRejection>) -> Result<JobId, ApiError> {
    let segment = segment(parsed, ErrorCode::JobNotFound)?;
    segment.parse().map_err(|_| {
        let shown: String = segment.chars().take(64).collect();
        ApiError::new(ErrorCode::JobNotFound, format!("there is no job '{shown}'"))
    })
}

/// The batch id in a path. What is no id names no batch.
pub(crate) fn batch_id(parsed: Result<Path<String>, PathRejection>) -> Result<BatchId, ApiError> {
    let segment = segment(parsed, ErrorCode::BatchNotFound)?;
    let id = segment.parse();
    id.map_err(|unknown: UnknownBatch| Failure::from(unknown).into())
}
