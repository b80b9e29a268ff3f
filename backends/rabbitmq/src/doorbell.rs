//! How an idle worker hears of new work.

use futures::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// A queue of this worker's own that holds at most one ring.
pub(crate) struct Doorbell {
    channel: Channel,
    rings: Consumer,
}

impl Doorbell {
    /// Listens at the exchange `exchange`, which must have been declared.
    pub(crate) async fn listen(channel: Channel, exchange: &str) -> lapin::Result<Self> {
        // A name of our own, since the broker's would be another after a reconnect.
        let queue = format!("{exchange}.{}", uuid::Uuid::now_v7());
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
        channel
            .queue_declare(queue.as_str().into(), options, arguments)
            .await?;
        channel
            .queue_bind(
                queue.as_str().into(),
                exchange.into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let rings = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        Ok(Self { channel, rings })
    }

    /// Waits for a ring. Where the connection broke, until it has come back: that counts as one.
    pub(crate) async fn rung(&mut self) -> lapin::Result<()> {
        match self.rings.next().await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => self.channel.wait_for_recovery(error).await,
            // Cancelled by the broker. Looking by itself is enough.
            None => std::future::pending().await,
        }
    }
}
