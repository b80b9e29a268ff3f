//! `GET /v1/jobs`: the jobs, newest first.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use voicefleet_core::{ErrorCode, Failure, ports::JobFilter};

use crate::{
    app::SharedApp,
    http::{errors::Problem, query::query},
    job_object::JobObject,
    problem::ApiError,
    schema::{StatusName, TierName},
    tenancy::Caller,
    urgency,
};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only jobs older than this one: `last_id` of the page before.
    #[param(format = Uuid)]
    after: Option<String>,
    /// How many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Only in this status.
    #[param(value_type = Option<StatusName>)]
    status: Option<String>,
    /// Only in this tier.
    #[param(value_type = Option<TierName>)]
    tier: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Always `list`.
    object: &'static str,
    /// Newest first.
    data: Vec<JobObject>,
    /// Id of the first in `data`.
    first_id: Option<String>,
    /// Id of the last in `data`: `after` of the next page.
    last_id: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// List jobs
///
/// Pages stay as they are while new jobs come in: those are before the first page. `queue_position` and
/// `eta_seconds` are null here; a job by itself has them.
#[utoipa::path(get, path = "/v1/jobs", tag = "Jobs", params(ListQuery), responses(
    (status = 200, description = "A page of jobs, newest first.", body = JobList),
    (status = 400, description = "A parameter is not as documented; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The job records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_jobs(
    State(app): State<SharedApp>,
    caller: Caller,
    parsed: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<JobList>, ApiError> {
    let filter = JobFilter {
        tenant: caller.scope(),
        ..filter(query(parsed)?)?
    };
    let page = app.records.list(&filter).await?;
    let id = |job: &voicefleet_core::Job| job.id.to_string();
    Ok(Json(JobList {
        object: "list",
        first_id: page.jobs.first().map(id),
        last_id: page.jobs.last().map(id),
        has_more: page.has_more,
        data: page.jobs.iter().map(JobObject::from).collect(),
    }))
}

fn filter(query: ListQuery) -> Result<JobFilter, Failure> {
    let refuse =
        |field: &str, message: String| Failure::of_field(ErrorCode::InvalidRequest, field, message);
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = format!("the limit must be between 1 and {MAX_LIMIT}, not {limit}");
        return Err(refuse("limit", message));
    }
    let after = query.after.map(|after| after.parse()).transpose();
    let state = query.status.map(|status| status.parse()).transpose();
    Ok(JobFilter {
        state: state.map_err(|error: voicefleet_core::state::UnknownState| {
            refuse("status", error.to_string())
        })?,
        tier: match query.tier.as_deref() {
            None => None,
            name => Some(urgency::tier(name, voicefleet_core::Tier::default())?),
        },
        tenant: None,
        after: after.map_err(|_| refuse("after", "the cursor is not a job id".to_owned()))?,
        limit,
    })
}
