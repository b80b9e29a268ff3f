//! An envelope with a worker, and what becomes of it.

use std::sync::Arc;

use async_trait::async_trait;
use lapin::{
    Acker, BasicProperties, Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use tokio_util::task::TaskTracker;
use voicefleet_core::{
    Clock, Envelope, Tier,
    ports::{Delivery, QueueError, Settlement},
};

use crate::{
    feed::Held,
    headers,
    lines::Lines,
    publisher::Publisher,
    topology::{Lane, step_for},
};

/// With what deliveries are settled.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) publisher: Publisher,
    pub(crate) lines: Lines,
    pub(crate) clock: Arc<dyn Clock>,
    /// Rung when something comes back that anybody may take.
    pub(crate) doorbell: String,
    /// Owns the giving back of deliveries that were dropped.
    pub(crate) tasks: TaskTracker,
}

/// What came, and on which way.
pub(crate) struct Received {
    pub(crate) envelope: Envelope,
    pub(crate) redelivered: bool,
    pub(crate) lane: Lane,
    /// Kept open: a delivery outlives its consumer, and the broker takes back what a closed channel had.
    pub(crate) _channel: Channel,
    /// Counts it as with the worker.
    pub(crate) _held: Held,
}

/// A delivery from RabbitMQ.
pub(crate) struct RabbitDelivery {
    received: Received,
    desk: Desk,
    /// Taken when it is settled.
    acker: Option<Acker>,
}

impl RabbitDelivery {
    pub(crate) fn new(received: Received, acker: Acker, desk: Desk) -> Self {
        Self {
            received,
            desk,
            acker: Some(acker),
        }
    }
}

#[async_trait]
impl Delivery for RabbitDelivery {
    fn envelope(&self) -> &Envelope {
        &self.received.envelope
    }

    fn redelivered(&self) -> bool {
        self.received.redelivered
    }

    async fn settle(mut self: Box<Self>, settlement: Settlement) -> Result<(), QueueError> {
        let Some(acker) = self.acker.take() else {
            return Ok(());
        };
        let Received { envelope, lane, .. } = &self.received;
        match settlement {
            Settlement::Done => acknowledge(&self.desk.publisher, &acker).await,
            Settlement::GiveBack => give_back(&acker, &self.desk, lane.tier()).await,
            Settlement::Retry { not_before } => {
                let next = Envelope {
                    attempt: envelope.attempt + 1,
                    ..envelope.clone()
                };
                let wait = not_before.since(self.desk.clock.now());
                let queue = lane.delayed(step_for(wait));
                let properties = headers::with_not_before(headers::properties(&next), not_before);
                self.move_to(&queue, &next, properties, &acker).await
            }
            Settlement::DeadLetter(failure) => {
                let properties = headers::with_failure(headers::properties(envelope), &failure);
                self.move_to(&lane.dead(), envelope, properties, &acker)
                    .await
            }
        }
    }
}

impl RabbitDelivery {
    async fn move_to(
        &self,
        queue: &str,
        envelope: &Envelope,
        properties: BasicProperties,
        acker: &Acker,
    ) -> Result<(), QueueError> {
        let body = envelope
            .encode()
            .map_err(|error| QueueError::Unavailable(error.to_string()))?;
        moved(&self.desk.publisher, queue, &body, properties, acker).await
    }
}

/// Puts a message into another queue, then takes it out of its own: between the two it is in both,
/// never in none. What cannot be put there goes back to its place.
pub(crate) async fn moved(
    publisher: &Publisher,
    queue: &str,
    body: &[u8],
    properties: BasicProperties,
    acker: &Acker,
) -> Result<(), QueueError> {
    if let Err(error) = publisher.publish(queue, body, properties).await {
        // Kept, it would be nobody's until the channel closes.
        if let Err(error) = put_back(publisher, acker).await {
            tracing::debug!(%error, "an envelope is not back in its place yet");
        }
        return Err(error);
    }
    acknowledge(publisher, acker).await
}

async fn acknowledge(publisher: &Publisher, acker: &Acker) -> Result<(), QueueError> {
    let sending = acker.ack(BasicAckOptions::default());
    still_ours(publisher.in_time(sending).await?)
}

/// Back to its place in the queue, for anybody.
async fn give_back(acker: &Acker, desk: &Desk, tier: Tier) -> Result<(), QueueError> {
    put_back(&desk.publisher, acker).await?;
    desk.publisher.ring(&desk.doorbell, tier);
    Ok(())
}

/// Unheard, as far as the doorbell goes.
pub(crate) async fn put_back(publisher: &Publisher, acker: &Acker) -> Result<(), QueueError> {
    let options = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    still_ours(publisher.in_time(acker.nack(options)).await?)
}

/// `false` means that the channel on which it came is gone, and the message is in the queue again.
fn still_ours(sent: bool) -> Result<(), QueueError> {
    if sent {
        return Ok(());
    }
    let message = "the connection on which the delivery came is gone; it will come again";
    Err(QueueError::Unavailable(message.to_owned()))
}

impl Drop for RabbitDelivery {
    fn drop(&mut self) {
        let (Some(acker), Ok(runtime)) = (self.acker.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let desk = self.desk.clone();
        let tasks = desk.tasks.clone();
        let tier = self.received.lane.tier();
        let giving_back = async move {
            // Fails only with the connection, and then the broker takes it back by itself.
            if let Err(error) = give_back(&acker, &desk, tier).await {
                tracing::debug!(%error, "a dropped delivery was not given back");
            }
        };
        tasks.spawn_on(giving_back, &runtime);
    }
}
