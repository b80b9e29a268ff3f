//! Blobs in an object store (S3 and what speaks its language) or on a shared disk: for what is too large
//! for a server's memory.
//!
//! [`ObjectBlobs`] is such a store, [`LargeBlobs`] puts it behind one that is quick and small.
//!
//! # What it promises
//! - A call that returned `Ok` is done as durably as the store does it. A shared disk is not told to flush.
//! - An object is written whole or not at all, and begins with its media type: two bytes that say how long
//!   that is, the highest first, and its text.
//! - Calls end in time, only so many run at once, and a store that does not answer is soon not asked.
//!
//! Of an S3 store it asks for `PutObject`, `GetObject`, `HeadObject` and `DeleteObjects`.
//!
//! # What it leaves to the store
//! Nothing is ever evicted, and a pinned blob is kept like any other. So the bucket needs lifecycle rules,
//! by the first part of an object's name below the prefix: `result/` and `rendering/` can be made again
//! and may go after some days; `upload/` must stay for as long as jobs may wait, and a month is plenty.
//! On a disk, something that deletes old files there does the same.

mod blobs;
mod config;
mod frame;
mod large;
mod place;

pub use blobs::ObjectBlobs;
pub use config::{ConfigError, ObjectsConfig};
pub use large::LargeBlobs;
