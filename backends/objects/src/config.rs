//! What can be set.

use std::time::Duration;

/// Where the objects are, and how patient to be.
#[derive(Clone)]
pub struct ObjectsConfig {
    /// `s3://bucket[/prefix]`, or `file:///path` for a folder that must be there.
    pub url: String,
    /// Where an S3 store is that is not Amazon's: `https://host[:port]`, or `http://` for one that nobody
    /// can listen to. What is not set here is taken from `AWS_ENDPOINT`, and so on for the others.
    pub endpoint: Option<String>,
    /// The region, which some stores want to know (`AWS_REGION`).
    pub region: Option<String>,
    /// Who asks (`AWS_ACCESS_KEY_ID`). Without keys, the machine's or the pod's own role is used.
    pub access_key_id: Option<String>,
    /// The proof of it (`AWS_SECRET_ACCESS_KEY`).
    pub secret_access_key: Option<String>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a call may take with what is repeated of it, and how long it may wait for its turn.
    pub call_timeout: Duration,
    /// Blobs that may be on their way at the same time: each is in memory as a whole.
    pub max_transfers: usize,
}

impl ObjectsConfig {
    /// The store at `url`, everything else from the environment; 5 s to connect and 60 s for a call, 8
    /// blobs at a time.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_mins(1),
            max_transfers: 8,
        }
    }
}

/// Why the settings were refused. Names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It begins with no scheme that is known.
    #[error("the URL of the object store must begin with s3:// or file:///")]
    Scheme,
    /// There is no such folder.
    #[error("the object store's folder {0} is not there")]
    NoFolder(
        /// Its path.
        String,
    ),
    /// Something in it cannot be used.
    #[error("the object store cannot be set up: {0}")]
    Unusable(
        /// What is wrong.
        String,
    ),
}
