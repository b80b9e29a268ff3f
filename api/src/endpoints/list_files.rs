//! `GET /v1/files`: the files there are.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::create_file::FileObject;
use crate::{
    app::SharedApp,
    files,
    http::{
        errors::Problem,
        query::{PageQuery, query},
    },
    problem::ApiError,
    tenancy::Caller,
};

/// A page of files.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileList {
    /// Always `list`.
    object: &'static str,
    /// In the order of their ids.
    data: Vec<FileObject>,
    /// Id of the first in `data`.
    first_id: Option<String>,
    /// Id of the last in `data`: `after` of the next page.
    last_id: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// List files
#[utoipa::path(get, path = "/v1/files", tag = "Files", params(PageQuery), responses(
    (status = 200, description = "A page of files, in the order of their ids.", body = FileList),
    (status = 400, description = "A parameter is not as documented; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The store does not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_files(
    State(app): State<SharedApp>,
    caller: Caller,
    parsed: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<FileList>, ApiError> {
    let page = query(parsed)?;
    let (after, limit) = (page.after()?, page.limit()?);
    let (found, has_more) = files::list(&app, &caller.tenant, after, limit).await?;
    let id = |file: &files::FileRecord| file.id.clone();
    Ok(Json(FileList {
        object: "list",
        first_id: found.first().map(id),
        last_id: found.last().map(id),
        has_more,
        data: found.into_iter().map(FileObject::from).collect(),
    }))
}
