//! Job records and blobs on Redis (7.0 or newer): what a cluster keeps in common.
//!
//! [`RedisRecords`] and [`RedisBlobs`] are the places to begin; each has a connection of its own, so
//! that no big blob stands before a small record. Neither needs the server to be there when it is
//! opened: calls fail with `Unavailable` until it is, and again while it is away.
//!
//! # What it promises
//! - Of the records, every change is one step of the server (a script), made only if the record is
//!   still the one that the change was worked out for.
//! - A call that returned `Ok` has been written by the server. What outlives the server's end is what
//!   its append-only file holds: with `appendfsync always` all of it, with `everysec` up to the last two
//!   seconds are lost with the machine. What a failover loses, Redis does not say; the work is then
//!   done again.
//! - Nothing grows without bound: finished jobs go after their time, jobs that nobody touches after a
//!   longer one, blobs by least recent use.
//!
//! # Where the keys of a cluster lie
//! All records in one slot, and all blobs in one: a script is one step because all that it reaches is on
//! one server. So a cluster is as fast and as large as one of its nodes is; what it gives is that a
//! replica takes over. To spread the load, give the cache a server or a cluster of its own.

mod address;
mod blobs;
mod config;
mod documents;
mod error;
mod link;
mod records;
mod script;
mod source;
mod turns;

pub use blobs::RedisBlobs;
pub use config::RedisConfig;
pub use documents::RedisDocuments;
pub use error::ConfigError;
pub use records::RedisRecords;
pub use turns::RedisTurns;
