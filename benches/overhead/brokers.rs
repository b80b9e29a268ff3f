//! The servers that all contenders share.

use std::process::Command;

use tokio::task::spawn_blocking;
use voicefleet_benches::process::cpu_seconds_of;
use voicefleet_testkit::servers::{RabbitServer, RedisServer};

use crate::options::Servers;

/// What the servers have done since they were started.
pub(crate) struct Account {
    /// CPU seconds.
    pub(crate) rabbit: f64,
    pub(crate) redis: f64,
    /// How often each command was called, and microseconds in all.
    pub(crate) commands: Vec<(String, f64, f64)>,
}

/// A RabbitMQ and a Redis; gone when dropped.
pub(crate) struct Brokers {
    rabbit: RabbitServer,
    redis: RedisServer,
}

impl Brokers {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let (rabbit, redis) = tokio::try_join!(
            spawn_blocking(RabbitServer::start),
            spawn_blocking(RedisServer::start),
        )?;
        Ok(Self {
            rabbit: rabbit?,
            redis: redis?,
        })
    }

    pub(crate) fn servers(&self) -> Servers {
        Servers {
            amqp: self.rabbit.url(),
            redis: self.redis.url(),
        }
    }

    /// What they have done until now.
    pub(crate) fn account(&self) -> anyhow::Result<Account> {
        Ok(Account {
            rabbit: cpu_seconds_of(self.rabbit.process_id())?,
            redis: cpu_seconds_of(self.redis.process_id())?,
            commands: self.commands()?,
        })
    }

    /// From the lines `cmdstat_NAME:calls=N,usec=N,...`.
    fn commands(&self) -> anyhow::Result<Vec<(String, f64, f64)>> {
        let asked = Command::new("redis-cli")
            .args(["-p", &self.redis.port().to_string()])
            .args(["INFO", "commandstats"])
            .output()?;
        let text = String::from_utf8(asked.stdout)?;
        let read = |line: &str| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let mut numbers = figures.split(',').filter_map(|figure| {
                let (_, number) = figure.split_once('=')?;
                number.trim().parse().ok()
            });
            Some((name.to_owned(), numbers.next()?, numbers.next()?))
        };
        Ok(text.lines().filter_map(read).collect())
    }
}
