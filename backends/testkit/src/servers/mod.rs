//! Real servers for tests: on free loopback ports, with data folders of their own, ended by process id.

mod rabbitmq;

pub use rabbitmq::RabbitServer;

use std::net::TcpListener;

/// A port of the loopback interface that nobody listens at now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
