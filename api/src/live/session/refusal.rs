//! Messages that have no effect.

use voicefleet_core::{ErrorCode, Failure};

use crate::problem::ApiError;

/// A message that is not acted upon.
pub(super) struct Refusal {
    pub(super) id: Option<String>,
    pub(super) error: Box<ApiError>,
    /// Whether it is the client's doing.
    pub(super) counts: bool,
}

impl Refusal {
    /// Something that the client could have known.
    pub(super) fn of(id: &str, error: impl Into<ApiError>) -> Self {
        let error = error.into();
        Self {
            id: Some(id.to_owned()),
            counts: error.retry_after.is_none(),
            error: Box::new(error),
        }
    }

    /// Something that may have crossed with what the server was sending.
    pub(super) fn crossed(id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let message = format!("there is nothing '{shown}' (any more) to which this could be done");
        let failure = Failure::of_field(ErrorCode::InvalidRequest, "id", message);
        Self {
            id: Some(id.to_owned()),
            error: Box::new(failure.into()),
            counts: false,
        }
    }

    pub(super) fn of_session(error: impl Into<ApiError>) -> Self {
        let error = error.into();
        Self {
            id: None,
            counts: error.retry_after.is_none(),
            error: Box::new(error),
        }
    }
}
