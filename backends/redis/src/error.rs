//! Why a store could not be set up or used.

/// Why a setting was refused. Says nothing of what is in a URL, for that may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It does not begin with a scheme that is known.
    #[error(
        "the URL of {store} must begin with redis://, redis+sentinel:// or redis+cluster://, \
         or for TLS with rediss instead of redis"
    )]
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
    /// The prefix of the keys cannot be put into braces, as a cluster needs it.
    #[error("in a cluster the prefix of the keys must be a name without braces")]
    Prefix,
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
    voicefleet_core::ports::BlobError,
    voicefleet_core::ports::DocumentError
);
