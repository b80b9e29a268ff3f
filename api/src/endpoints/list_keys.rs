//! `GET /v1/keys`: the keys there are.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::create_key::KeyObject;
use crate::{
    app::SharedApp,
    http::errors::Problem,
    problem::ApiError,
    tenancy::{Admin, Directory},
};

/// All keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Always `list`.
    object: &'static str,
    /// Those of the configuration first; at most 1,000 others.
    data: Vec<KeyObject>,
}

/// List keys
///
/// Without their secrets; revoked ones are among them.
#[utoipa::path(get, path = "/v1/keys", tag = "Keys", responses(
    (status = 200, description = "The keys.", body = KeyList),
    (status = 503, description = "The records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_keys(
    State(app): State<SharedApp>,
    _admin: Admin,
) -> Result<Json<KeyList>, ApiError> {
    let keys = Directory(&app).list().await?;
    Ok(Json(KeyList {
        object: "list",
        data: keys.into_iter().map(KeyObject::from).collect(),
    }))
}
