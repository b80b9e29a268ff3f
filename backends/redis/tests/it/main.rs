//! The Redis backend over real servers: the conformance suites, and what it promises beyond them.

mod blobs;
mod breaker;
mod cluster;
mod conformance;
mod lifetimes;
mod outage;
mod records;
mod sentinel;
mod server;
mod tls;
mod two_servers;
