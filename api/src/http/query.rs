//! Query strings, with refusals of ours.

use axum::extract::{Query, rejection::QueryRejection};
use voicefleet_core::{ErrorCode, Failure};

use crate::problem::ApiError;

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
