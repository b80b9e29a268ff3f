//! `GET /v1/models/{id}`: one model.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use voicefleet_core::{ErrorCode, Failure};

use super::list_models::ModelObject;
use crate::{
    app::SharedApp,
    http::{errors::Problem, path::segment},
    problem::ApiError,
};

/// Get a model
#[utoipa::path(get, path = "/v1/models/{id}", tag = "Catalogue",
    params(("id" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "The model.", body = ModelObject),
        (status = 404, description = "There is no such model.",
            body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_model(
    State(app): State<SharedApp>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ModelObject>, ApiError> {
    let id = segment(id, ErrorCode::UnknownModel)?;
    let catalog = app.catalog_now();
    let model = catalog.model(&id).ok_or_else(|| {
        let message = format!("there is no model '{id}'; GET /v1/models lists them");
        Failure::of_field(ErrorCode::UnknownModel, "model", message)
    })?;
    Ok(Json(ModelObject::from(model)))
}
