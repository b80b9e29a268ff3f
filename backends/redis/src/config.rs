//! What can be set.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{Clock, time::SystemClock};

const DAY: Duration = Duration::from_hours(24);

/// How the Redis backend is set up.
///
/// A URL is one of
/// - `redis://[user:password@]host[:port][/db]`: a server;
/// - `redis+sentinel://[user:password@]host[:port],host[:port].../master-name[/db]`: a master that Sentinels
///   watch, with the Sentinels' addresses and the master's user and password;
/// - `redis+cluster://[user:password@]host[:port],host[:port]...`: a cluster, with some of its nodes.
///
/// With `rediss` instead of `redis` all connections go over TLS. Servers are believed that Mozilla's
/// authorities vouch for or, with `?ca_file=PATH` at the end, only those that a certificate in that PEM
/// file vouches for. Sentinels that want to know who asks are told by `?sentinel_user=...` and
/// `&sentinel_password=...`. What has a special character in it is percent-encoded.
#[derive(Clone)]
pub struct RedisConfig {
    /// The server that keeps the job records. It must not evict (`maxmemory-policy noeviction`) and
    /// should write an append-only file.
    pub records_url: String,
    /// The server that keeps results, if it is another one. What is pinned lies with the records
    /// nevertheless, and so do results that are made while this server is away. On a server with blobs,
    /// `maxmemory-policy` should be `noeviction` or `volatile-lru`: everything else may take away what is
    /// pinned.
    pub cache_url: Option<String>,
    /// Goes before the name of every key and channel; in a cluster as `{prefix}:`, which may then hold no
    /// braces. Fleets that share a server need one each.
    pub key_prefix: String,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a command may take, and a read or write of a blob may wait for its turn.
    pub response_timeout: Duration,
    /// How long finished jobs are kept.
    pub finished_ttl: Duration,
    /// How long a job in flight is kept that nobody has changed: by then its envelope is lost, and
    /// identical jobs must not follow it for ever.
    pub unfinished_ttl: Duration,
    /// How long a cached blob is kept that nobody has used.
    pub cache_ttl: Duration,
    /// How long a blob stays pinned that nobody unpins.
    pub pinned_ttl: Duration,
    /// Bound on uploads and cached results together, on each server, bytes, with a few hundred bytes for
    /// the keeping of each. The server needs some 20 % more, for fragmentation.
    pub blob_limit_bytes: u64,
    /// Blobs that may be read at the same time. One connection carries them all, and more at once only
    /// make all of them late.
    pub max_blob_reads: usize,
    /// Blobs that may be written at the same time.
    pub max_blob_writes: usize,
    /// Callers that may wait for a job to change at the same time.
    pub max_waiters: usize,
    /// How often jobs that callers wait for are read though nothing was heard of them: what is
    /// published while the connection is down is heard by nobody.
    pub look_interval: Duration,
    /// Where the time comes from that moves without one of their own are dated with. What is kept how
    /// long goes by the server's clock.
    pub clock: Arc<dyn Clock>,
}

impl RedisConfig {
    /// The server at `records_url` for everything; finished jobs for 7 days, unfinished ones and
    /// pinned blobs for 30, cached blobs for 7 days after their last use, 1 GiB of blobs in all; 32
    /// reads and 8 writes of blobs at a time, 10 000 waiting callers, looked for every 1.5 s; 2 s to
    /// connect and 10 s to answer; the system's clock.
    pub fn new(records_url: impl Into<String>) -> Self {
        Self {
            records_url: records_url.into(),
            cache_url: None,
            key_prefix: "voicefleet:".to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(10),
            finished_ttl: 7 * DAY,
            unfinished_ttl: 30 * DAY,
            cache_ttl: 7 * DAY,
            pinned_ttl: 30 * DAY,
            blob_limit_bytes: 1 << 30,
            max_blob_reads: 32,
            max_blob_writes: 8,
            max_waiters: 10_000,
            look_interval: Duration::from_millis(1_500),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Milliseconds, as Redis counts them: it takes zero as "delete", and cannot add centuries to a date.
pub(crate) fn millis(span: Duration) -> u64 {
    let bounded = span.clamp(Duration::from_millis(1), 36_500 * DAY);
    u64::try_from(bounded.as_millis()).unwrap_or(u64::MAX)
}
