//! `POST /v1/keys`: makes a key.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure, Tenant};

use crate::{
    app::SharedApp,
    http::{
        body::{parse_json, read_json},
        errors::Problem,
    },
    job_object::rfc3339,
    problem::ApiError,
    tenancy::{Admin, Directory, KeyLimits, KeyRecord, NewKey},
};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyObject {
    /// Its public part.
    #[schema(example = "1f8e0c9a7b2d")]
    id: String,
    /// Always `key`.
    object: &'static str,
    /// Whose key it is.
    #[schema(value_type = String)]
    tenant: Tenant,
    /// What it is for.
    name: Option<String>,
    /// Whether its bearer may do everything.
    admin: bool,
    /// Whether what is made with it is kept apart.
    walled: bool,
    /// Its limits.
    limits: KeyLimits,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null while it is of use.
    revoked_at: Option<String>,
}

impl From<KeyRecord> for KeyObject {
    fn from(key: KeyRecord) -> Self {
        let grant = key.grant;
        Self {
            id: key.id.to_string(),
            object: "key",
            tenant: grant.tenant,
            name: grant.name,
            admin: grant.admin,
            walled: grant.walled,
            limits: grant.limits,
            created_at: rfc3339(key.created_at),
            revoked_at: key.revoked_at.map(rfc3339),
        }
    }
}

/// A key that has just been made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    key: KeyObject,
    /// What its bearer shows. It is told this once; only its hash is kept.
    secret: String,
}

/// Create a key
#[utoipa::path(post, path = "/v1/keys", tag = "Keys", request_body = NewKey, responses(
    (status = 201, description = "The key, with its secret.", body = CreatedKey, headers(("Location" = String))),
    (status = 400, description = "A field is not as documented; `field` names it.",
        body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large.",
        body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "The body is not JSON.",
        body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The records do not answer.",
        body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create_key(
    State(app): State<SharedApp>,
    Admin(caller): Admin,
    request: Request,
) -> Result<Response, ApiError> {
    let body = read_json(request, app.limits.max_json_bytes).await?;
    check_limits_are_named(&parse_json(&body)?)?;
    let grant: NewKey = parse_json(&body)?;
    let (key, secret) = Directory(&app).create(grant).await?;
    let (id, by) = (key.id.to_string(), caller.key_name());
    tracing::info!(target: "audit", key = id, tenant = %key.grant.tenant, admin = key.grant.admin, by, "a key is made");
    let location = [(header::LOCATION, format!("/v1/keys/{id}"))];
    let created = CreatedKey {
        key: key.into(),
        secret: secret.reveal(),
    };
    Ok((StatusCode::CREATED, location, Json(created)).into_response())
}

/// A list of limits would be read as well, in an order that nobody has been told.
fn check_limits_are_named(body: &Value) -> Result<(), Failure> {
    match body.get("limits") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => {
            let message = "the limits are an object with the limits by name";
            Err(Failure::of_field(
                ErrorCode::InvalidRequest,
                "limits",
                message,
            ))
        }
    }
}
