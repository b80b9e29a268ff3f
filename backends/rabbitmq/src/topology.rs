//! The queues and their names. Declaring them again changes nothing.

use std::time::Duration;

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use voicefleet_core::{EngineId, Tenant, Tier};

/// The steps of the delay ladder, milliseconds. A queue for each, because a queue lets go of its
/// messages in their order, whatever their own times.
pub(crate) const DELAYS_MS: [u32; 6] = [250, 1_000, 5_000, 30_000, 300_000, 3_600_000];

/// RabbitMQ 4 sets a message aside after 20 deliveries, and counts those that were given back.
/// How often a job may be tried is decided by its record, so this only ends what nobody else ends.
const DELIVERY_LIMIT: i32 = 1_000;

/// A worker that has a message for longer is taken for dead (RabbitMQ 4.0 and later; 3.x takes its
/// default of 30 minutes from the broker's own file).
const CONSUMER_TIMEOUT_MS: i64 = 4 * 3_600_000;

/// The queue of one engine and tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    name: String,
    engine: EngineId,
    tier: Tier,
}

impl Lane {
    pub(crate) fn new(prefix: &str, engine: &EngineId, tier: Tier) -> Self {
        Self {
            name: format!("{prefix}.{engine}.{tier}"),
            engine: engine.clone(),
            tier,
        }
    }

    pub(crate) fn engine(&self) -> &EngineId {
        &self.engine
    }

    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Where envelopes wait for a worker.
    pub(crate) fn ready(&self) -> &str {
        &self.name
    }

    /// Where they wait for `delay_ms`, one of [`DELAYS_MS`].
    pub(crate) fn delayed(&self, delay_ms: u32) -> String {
        format!("{}.retry.{delay_ms}", self.name)
    }

    /// Where they wait for a person.
    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.name)
    }

    /// Where the envelopes of a tenant wait for a turn in the lane.
    pub(crate) fn behind(&self, tenant: &Tenant) -> String {
        format!("{}.of.{tenant}", self.name)
    }

    /// Declares the queue behind the lane.
    pub(crate) async fn declare_behind(
        &self,
        channel: &Channel,
        tenant: &Tenant,
    ) -> lapin::Result<()> {
        declare(channel, &self.behind(tenant), &self.of_work()).await
    }

    /// How queues are declared that hold what is to be worked on.
    fn of_work(&self) -> Vec<(&'static str, AMQPValue)> {
        let mut arguments = dead_letters_to(&self.dead());
        arguments.push(("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)));
        arguments
    }

    /// Declares the queues of the lane.
    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        declare(channel, &self.dead(), &[]).await?;
        let mut ready = self.of_work();
        ready.push((
            "x-consumer-timeout",
            AMQPValue::LongLongInt(CONSUMER_TIMEOUT_MS),
        ));
        declare(channel, self.ready(), &ready).await?;
        for delay in DELAYS_MS {
            let mut delayed = dead_letters_to(self.ready());
            delayed.push(("x-message-ttl", AMQPValue::LongLongInt(i64::from(delay))));
            declare(channel, &self.delayed(delay), &delayed).await?;
        }
        Ok(())
    }
}

/// The exchange that wakes the idle workers of an engine.
pub(crate) fn doorbell(prefix: &str, engine: &EngineId) -> String {
    format!("{prefix}.{engine}.doorbell")
}

/// Declares the lanes and doorbells of these engines.
pub(crate) async fn declare_all(
    channel: &Channel,
    prefix: &str,
    engines: &[EngineId],
) -> lapin::Result<()> {
    for engine in engines {
        for tier in Tier::ALL {
            Lane::new(prefix, engine, tier).declare(channel).await?;
        }
        declare_doorbell(channel, &doorbell(prefix, engine)).await?;
    }
    Ok(())
}

async fn declare_doorbell(channel: &Channel, name: &str) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            name.into(),
            ExchangeKind::Fanout,
            options,
            FieldTable::default(),
        )
        .await
}

async fn declare(
    channel: &Channel,
    name: &str,
    arguments: &[(&'static str, AMQPValue)],
) -> lapin::Result<()> {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    for (key, value) in arguments {
        table.insert((*key).into(), value.clone());
    }
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(name.into(), options, table).await?;
    Ok(())
}

/// Dead lettering that waits for the confirmation of the other queue, which quorum queues only do
/// together with `reject-publish`.
fn dead_letters_to(queue: &str) -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(queue)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// The longest step of the ladder that is not longer than `wait`, else the shortest.
pub(crate) fn step_for(wait: Duration) -> u32 {
    let fits = |delay: &u32| Duration::from_millis(u64::from(*delay)) <= wait;
    DELAYS_MS
        .into_iter()
        .rev()
        .find(fits)
        .unwrap_or(DELAYS_MS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_engine_tier_and_purpose() {
        let lane = Lane::new("v1", &EngineId::new("piper"), Tier::Batch);
        assert_eq!(lane.ready(), "v1.piper.batch");
        assert_eq!(lane.delayed(250), "v1.piper.batch.retry.250");
        assert_eq!(lane.dead(), "v1.piper.batch.dead");
        let acme = "acme".parse().expect("a name");
        assert_eq!(lane.behind(&acme), "v1.piper.batch.of.acme");
    }

    #[test]
    fn a_wait_is_climbed_down_without_passing_its_end() {
        for (wait_ms, step) in [
            (0, 250),
            (249, 250),
            (999, 250),
            (1_000, 1_000),
            (29_999, 5_000),
            (7_200_000, 3_600_000),
        ] {
            assert_eq!(step_for(Duration::from_millis(wait_ms)), step, "{wait_ms}");
        }
    }
}
