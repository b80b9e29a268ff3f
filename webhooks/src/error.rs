//! Why something asked of the webhooks was not done.

use voicefleet_core::ports::DocumentError;

use crate::{DeliveryId, EndpointId, MAX_ENDPOINTS, MAX_PAYLOAD, UrlRefused};

/// Why something asked of the webhooks was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The tenant has no such endpoint.
    #[error("there is no webhook endpoint '{0}'")]
    NoEndpoint(EndpointId),
    /// The endpoint has no such delivery, or had it more than seven days ago.
    #[error("there is no delivery '{0}'")]
    NoDelivery(DeliveryId),
    /// The URL may not be an endpoint.
    #[error(transparent)]
    Url(#[from] UrlRefused),
    /// The tenant has as many endpoints as it may have.
    #[error("a tenant may have {MAX_ENDPOINTS} webhook endpoints; delete one first")]
    TooManyEndpoints,
    /// Nothing is delivered to an endpoint that is disabled.
    #[error("the webhook endpoint is disabled; enable it first")]
    EndpointDisabled,
    /// The payload has so many bytes.
    #[error("the payload has {0} bytes, more than {MAX_PAYLOAD}")]
    PayloadTooLarge(usize),
    /// Others changed the same thing again and again meanwhile.
    #[error("others are changing this at the same time; try again")]
    Contended,
    /// The documents do not answer.
    #[error("the documents are unavailable: {0}")]
    Unavailable(String),
    /// A document cannot be read.
    #[error("a document cannot be read: {0}")]
    Damaged(String),
    /// The operating system gave no randomness for a secret.
    #[error("no randomness for a secret: {0}")]
    NoRandomness(#[from] getrandom::Error),
}

impl From<DocumentError> for WebhookError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Unavailable(why) => Self::Unavailable(why),
            DocumentError::Conflict => Self::Contended,
        }
    }
}

impl From<serde_json::Error> for WebhookError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}
