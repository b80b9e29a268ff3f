//! What every request goes through: its id, its span, its metrics, and the form of its errors.

pub(crate) mod access_log;
pub(crate) mod body;
pub(crate) mod errors;
pub(crate) mod etag;
pub(crate) mod form;
pub(crate) mod path;
pub(crate) mod query;
pub(crate) mod range;
pub(crate) mod request_id;
pub(crate) mod tracing_context;
