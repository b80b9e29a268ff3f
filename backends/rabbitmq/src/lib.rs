//! The queue of a cluster: one lane per engine and tier in RabbitMQ (3.10 to 4.x).
//!
//! Begin with [`RabbitQueue::connect`], which declares what it needs; the rest goes through the port
//! [`JobQueue`](voicefleet_core::ports::JobQueue).
//!
//! - [`topology`](self): for each lane a durable quorum queue `v1.<engine>.<tier>`, a ladder of delay
//!   queues `.retry.<ms>` and a `.dead` one.
//! - Publishing is confirmed and mandatory: an `Ok` means that a quorum has it on disk.
//! - Workers fetch envelopes when they have free slots (`basic.get`), the most urgent tier first with
//!   guaranteed shares, and several at a time where as many wait and there is room for them. Nobody
//!   holds envelopes that another could run; that costs a round trip, and the jobs take seconds. A
//!   doorbell that rings with every publish says in which tiers something waits. A worker looks in all
//!   of them once in a second nevertheless, for doorbells can be lost.
//! - A process has two connections, one of them to publish by. One that is lost is made anew, and everything
//!   declared again, for whoever needs it next.
//! - A tenant has only so much in a lane as its [`Turns`](voicefleet_core::ports::Turns) allow. The rest waits
//!   behind it, in a queue `v1.<engine>.<tier>.of.<tenant>`, and is called up as workers take what is before it.
//! - RabbitMQ knows how many envelopes wait, but not what they cost, nor (over AMQP) how many are with
//!   workers. Both come from the job records, through [`LaneLoads`](voicefleet_core::ports::LaneLoads).

mod address;
mod capacity;
mod config;
mod connection;
mod consumer;
mod delivery;
mod doorbell;
mod feed;
mod headers;
mod intake;
mod lines;
mod publisher;
mod queue;
mod rings;
mod topology;

pub use address::{Address, AddressError};
pub use config::RabbitConfig;
pub use connection::ConnectError;
pub use queue::RabbitQueue;
