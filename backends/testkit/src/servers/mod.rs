//! Real servers for tests: on free loopback ports, with data folders of their own, ended by process id;
//! and links to them that can be cut.

mod link;
mod rabbitmq;
mod redis;

pub use link::Link;
pub use rabbitmq::RabbitServer;
pub use redis::RedisServer;

use std::net::TcpListener;

/// A port of the loopback interface that nobody listens at now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
