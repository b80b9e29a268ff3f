//! `GET /v1/batches`: the batches, newest first.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure};

use super::create_batch::BatchObject;
use crate::{
    app::SharedApp,
    batches::{record::BatchRecord, store},
    http::{
        errors::OpenAiError,
        query::{PageQuery, query},
    },
    problem::ApiError,
    tenancy::Caller,
};

/// A page of batches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchList {
    /// Always `list`.
    object: &'static str,
    /// Newest first.
    data: Vec<BatchObject>,
    /// Id of the first in `data`.
    first_id: Option<String>,
    /// Id of the last in `data`: `after` of the next page.
    last_id: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// List batches
#[utoipa::path(get, path = "/v1/batches", tag = "Batches", params(PageQuery), responses(
    (status = 200, description = "A page of batches, newest first.", body = BatchList),
    (status = 400, description = "A parameter is not as documented; `param` names it.", body = OpenAiError),
    (status = 503, description = "The store does not answer.", body = OpenAiError),
))]
pub(crate) async fn list_batches(
    State(app): State<SharedApp>,
    caller: Caller,
    parsed: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<BatchList>, ApiError> {
    let page = query(parsed)?;
    let after = page.after()?.map(str::parse).transpose();
    let after = after.map_err(|_| {
        let message = "the cursor is not the id of a batch";
        Failure::of_field(ErrorCode::InvalidRequest, "after", message)
    })?;
    let (found, has_more) = store::list(&app, &caller.tenant, after, page.limit()?).await?;
    let id = |batch: &BatchRecord| batch.id.to_string();
    Ok(Json(BatchList {
        object: "list",
        first_id: found.first().map(id),
        last_id: found.last().map(id),
        has_more,
        data: found.into_iter().map(BatchObject::from).collect(),
    }))
}
