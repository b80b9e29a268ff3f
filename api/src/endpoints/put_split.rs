//! `PUT /v1/split`: divides the compute anew, while the fleet works.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Request, State},
};
use serde::Deserialize;
use utoipa::ToSchema;
use voicefleet_core::{
    EngineId, ErrorCode, Failure,
    scaling::{Hardware, Split},
};

use super::get_split::{SplitObject, show};
use crate::{
    app::SharedApp,
    http::{
        body::{parse_json, read_json},
        errors::Problem,
    },
    problem::ApiError,
    tenancy::Admin,
};

/// A split.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSplitRequest {
    /// Per cent of the compute that each pool gets while all of them want more: every pool, 100 in all.
    #[schema(example = json!({"piper": 70, "whisper": 20, "kokoro": 10}))]
    shares: BTreeMap<String, u32>,
    /// Slots that the pools on one kind of hardware (`cpu`, `gpu`) may take together. Left out, the
    /// budgets stay as they are; `{}` takes them away.
    #[schema(example = json!({"cpu": 32}))]
    budgets: Option<BTreeMap<String, u32>>,
}

/// Set the split
///
/// Holds from now on for the whole fleet, without a restart: the scaler takes it up within a second.
#[utoipa::path(put, path = "/v1/split", tag = "Scaling", request_body = SetSplitRequest, responses(
    (status = 200, description = "It is set; the answer is what `GET` would give.", body = SplitObject),
    (status = 400, description = "The split cannot be; `field` says what is wrong.",
        body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.",
        body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The queue or the records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn put_split(
    State(app): State<SharedApp>,
    Admin(caller): Admin,
    request: Request,
) -> Result<Json<SplitObject>, ApiError> {
    let body = read_json(request, app.limits.max_json_bytes).await?;
    let wanted: SetSplitRequest = parse_json(&body)?;
    let before = app.ledger.split().await?;
    let before = before.unwrap_or_else(|| app.scaling.split.clone());
    let shares = wanted.shares.into_iter();
    let split = Split {
        shares: shares
            .map(|(name, share)| (EngineId::new(name), share))
            .collect(),
        budgets: match wanted.budgets {
            None => before.budgets.clone(),
            Some(budgets) => by_hardware(budgets)?,
        },
    };
    let engines = app.scaling.engines();
    split
        .check(&engines)
        .map_err(|error| refusal(&error.to_string()))?;
    app.ledger.set_split(&split).await?;
    tracing::info!(target: "audit", before = ?before.shares, now = ?split, by = caller.key_name(), "the split is set");
    show(&app).await
}

fn by_hardware(budgets: BTreeMap<String, u32>) -> Result<BTreeMap<Hardware, u32>, Failure> {
    let slots_of = |(name, slots): (String, u32)| {
        let hardware = name.parse::<Hardware>();
        let hardware = hardware.map_err(|error| refusal(&format!("budgets: {error}")))?;
        Ok((hardware, slots))
    };
    budgets.into_iter().map(slots_of).collect()
}

/// The sentence begins with the field.
fn refusal(sentence: &str) -> Failure {
    let field = sentence.split(':').next().unwrap_or_default().to_owned();
    Failure::of_field(ErrorCode::InvalidRequest, field, sentence.to_owned())
}
