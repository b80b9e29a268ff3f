//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// What a job costs that is no work.
#[derive(Parser)]
pub(crate) struct Options {
    /// How often each contender is measured; the medians count.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Requests of the client that is alone.
    #[arg(long, default_value_t = 300)]
    pub(crate) requests: usize,
    /// Clients of the crowd.
    #[arg(long, default_value_t = 64)]
    pub(crate) clients: usize,
    /// How long the crowd asks, seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where `benches/peers/celery/setup` has put Celery and `FastAPI`; without it only we are measured.
    #[arg(long)]
    pub(crate) celery: Option<PathBuf>,
    /// Only what the broker alone takes for a message.
    #[arg(long)]
    pub(crate) bare: bool,
    /// What a child process of the bench does.
    #[arg(long, hide = true, requires_all = ["amqp", "redis"])]
    pub(crate) role: Option<Role>,
    #[arg(long, hide = true)]
    amqp: Option<String>,
    #[arg(long, hide = true)]
    redis: Option<String>,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How long the crowd asks.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// The servers that a role is to use.
    pub(crate) fn servers(&self) -> Option<Servers> {
        Some(Servers {
            amqp: self.amqp.clone()?,
            redis: self.redis.clone()?,
        })
    }
}

/// A part of our fleet.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Api,
    Worker,
}

/// Where RabbitMQ and Redis are.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) amqp: String,
    pub(crate) redis: String,
}
