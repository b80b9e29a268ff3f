//! The servers that all contenders share.

use tokio::task::spawn_blocking;
use voicefleet_testkit::servers::{RabbitServer, RedisServer};

use crate::options::Servers;

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
}
