//! Query strings, with refusals of ours.

use axum::extract::{Query, rejection::QueryRejection};
use serde::Deserialize;
use utoipa::IntoParams;
use voicefleet_core::{ErrorCode, Failure};

use crate::problem::ApiError;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Longest cursor, bytes.
const MAX_CURSOR: usize = 128;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Only what comes after this id: `last_id` of the page before.
    after: Option<String>,
    /// How many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

impl PageQuery {
    /// The id after which the page begins.
    pub(crate) fn after(&self) -> Result<Option<&str>, Failure> {
        let shown = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match self.after.as_deref() {
            Some(after) if after.len() > MAX_CURSOR || !after.bytes().all(shown) => {
                let message = "the cursor is not an id";
                let code = ErrorCode::InvalidRequest;
                Err(Failure::of_field(code, "after", message))
            }
            after => Ok(after),
        }
    }

    /// How many at most.
    pub(crate) fn limit(&self) -> Result<usize, Failure> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        let message = format!("the limit must be between 1 and {MAX_LIMIT}, not {limit}");
        Err(Failure::of_field(
            ErrorCode::InvalidRequest,
            "limit",
            message,
        ))
    }
}

/// The query, or a refusal that names the parameter where serde does.
pub(crate) fn query<T>(parsed: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    match parsed {
        Ok(Query(value)) => Ok(value),
        Err(rejection) => {
            let message = format!("the query is not as documented: {}", rejection.body_text());
            let mut failure = Failure::new(ErrorCode::InvalidRequest, message);
            failure.field = named(&rejection.body_text());
            Err(failure.into())
        }
    }
}

/// The parameter in "...: limit: invalid digit ..." or "unknown field `x`".
fn named(message: &str) -> Option<String> {
    let quoted = message
        .split_once(" field `")
        .and_then(|(_, rest)| rest.split_once('`'))
        .map(|(name, _)| name);
    let prefixed = || {
        let mut parts = message.split(": ");
        let (_, name) = (parts.next()?, parts.next()?);
        parts.next().map(|_| name)
    };
    quoted
        .or_else(prefixed)
        .filter(|name| name.len() <= 64 && !name.contains(' '))
        .map(str::to_owned)
}
