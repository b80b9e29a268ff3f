//! From a message to a delivery.

use std::time::Duration;

use lapin::message::Delivery as Message;
use voicefleet_core::{Envelope, Tier, envelope::EnvelopeError, ports::Delivery};

use super::{Fetching, fetching::Got};
use crate::{
    delivery::{RabbitDelivery, Received, moved},
    headers,
    topology::{Lane, step_for},
};

impl Fetching {
    /// The delivery, unless its moment has not come yet or it cannot be read.
    pub(super) async fn accepted(&self, tier: Tier, got: Got) -> Option<Box<dyn Delivery>> {
        let Got {
            channel, message, ..
        } = got;
        let lane = &self.lanes[tier.rank()];
        if let Some(wait) = self.too_early_by(&message) {
            let queue = lane.delayed(step_for(wait));
            self.put_elsewhere(&queue, message).await;
            return None;
        }
        match Envelope::decode(&message.data) {
            Ok(envelope) => {
                let desk = self.desk.clone();
                desk.lines.begun(&envelope);
                let received = Received {
                    envelope,
                    redelivered: message.redelivered,
                    lane: lane.clone(),
                    _channel: channel,
                    _held: self.hand.hold(tier),
                };
                Some(Box::new(RabbitDelivery::new(received, message.acker, desk)))
            }
            Err(error) => {
                self.set_aside(lane, message, &error).await;
                None
            }
        }
    }

    fn too_early_by(&self, message: &Message) -> Option<Duration> {
        let moment = headers::not_before(&message.properties)?;
        let wait = moment.since(self.desk.clock.now());
        (!wait.is_zero()).then_some(wait)
    }

    /// Left unacknowledged where that fails: the broker delivers it again when the channel has gone.
    async fn put_elsewhere(&self, queue: &str, message: Message) {
        let Message {
            data,
            properties,
            acker,
            ..
        } = message;
        let publisher = &self.desk.publisher;
        if let Err(error) = moved(publisher, queue, &data, properties, &acker).await {
            tracing::warn!(%error, queue, "a message could not be moved on");
        }
    }

    async fn set_aside(&self, lane: &Lane, message: Message, error: &EnvelopeError) {
        tracing::error!(%error, lane = lane.ready(), "a message is set aside, since it cannot be read");
        self.put_elsewhere(&lane.dead(), message).await;
    }
}
