//! Who calls, and what they may do: keys, tenants and their limits.
//!
//! Without any key configured the API is open: whoever calls is the sole tenant and may do everything.
//! As soon as it is told of keys ([`KeyPolicy::required`]) every request needs one, except those that say how
//! the server is.

mod authenticate;
mod caller;
mod directory;
mod key;
mod rate;

pub(crate) use authenticate::{authenticate, count_as_request, is_public, still_admitted};
pub(crate) use caller::{Admin, Caller};
pub(crate) use directory::{Directory, KeyChange, key_not_found};
pub use key::{KeyId, KeyLimits, KeyRecord, KeySecret, NewKey};

/// Which keys there are beside those in the records.
#[derive(Clone, Debug, Default)]
pub struct KeyPolicy {
    /// Whether requests need a key.
    pub required: bool,
    /// Keys from the configuration; they cannot be revoked through the API.
    pub configured: Vec<KeyRecord>,
}
