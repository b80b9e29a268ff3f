//! Why a store could not be set up or used.

/// Why a URL was refused. Says nothing of what is in it, for it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It does not begin with a scheme that is known.
    #[error("the URL of {store} must begin with redis:// or redis+sentinel://")]
    Scheme {
        /// What the URL was to lead to.
        store: &'static str,
    },
    /// The rest of it cannot be read.
    #[error("the URL of {store} cannot be used: {reason}")]
    Url {
        /// What the URL was to lead to.
        store: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Redis did not do it: gone, too slow, or refusing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

macro_rules! unavailable_is_unavailable {
    ($($error:ty),+) => {$(
        impl From<Unavailable> for $error {
            fn from(error: Unavailable) -> Self {
                Self::Unavailable(error.0)
            }
        }
    )+};
}

unavailable_is_unavailable!(
    voicefleet_core::ports::RecordError,
    voicefleet_core::ports::QueueError,
    voicefleet_core::ports::BlobError
);
