//! Confirmed publishing.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lapin::{
    BasicProperties, Confirmation, ErrorKind, options::BasicPublishOptions, protocol::AMQPErrorKind,
};
use tokio_util::task::TaskTracker;
use voicefleet_core::{Tier, ports::QueueError};

use crate::{
    connection::{Broker, Purpose, SteadyChannel},
    rings::{Ring, Rings},
};

/// How long after a connection was lost a message is sent again.
const SEND_AGAIN: Duration = Duration::from_millis(100);

/// How often a message is sent that the broker answers with an error. Such an error closes the channel, also for what others have
/// sent by it: one of them may have been meant, but hardly each time.
const REFUSALS: usize = 3;

/// A channel on which the broker confirms, and one for what need not be.
#[derive(Clone)]
pub(crate) struct Publisher {
    channel: SteadyChannel,
    doorbell: SteadyChannel,
    /// Held while a message is counted and sent.
    turn: Arc<Mutex<()>>,
    rings: Rings,
    patience: Duration,
    /// Owns the rings that wait.
    tasks: TaskTracker,
}

impl Publisher {
    pub(crate) fn new(broker: &Broker, patience: Duration, tasks: TaskTracker) -> Self {
        Self {
            channel: SteadyChannel::new(broker.clone(), Purpose::Confirmed),
            doorbell: SteadyChannel::new(broker.clone(), Purpose::Plain),
            turn: Arc::default(),
            rings: Rings::default(),
            patience,
            tasks,
        }
    }

    /// Puts a message into `queue`; `Ok` means that the broker has it safe.
    ///
    /// A connection that breaks meanwhile is waited for and the message sent again: it may then come
    /// twice, which the job's record notices. What the broker answers with an error several times is sent no more.
    pub(crate) async fn publish(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), QueueError> {
        let mut lost = None;
        let sending = self.until_confirmed(queue, body, properties, &mut lost);
        let sent = tokio::time::timeout(self.patience, sending).await;
        sent.unwrap_or_else(|_| {
            let late = || format!("the broker did not confirm within {:?}", self.patience);
            let why = lost.as_ref().map_or_else(late, lapin::Error::to_string);
            Err(QueueError::Unavailable(why))
        })
    }

    async fn until_confirmed(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
        lost: &mut Option<lapin::Error>,
    ) -> Result<(), QueueError> {
        let mut refusals = 0;
        loop {
            match self.publish_once(queue, body, properties.clone()).await {
                Ok(Confirmation::Ack(None)) => return Ok(()),
                Ok(Confirmation::Ack(Some(returned))) => {
                    return Err(QueueError::Unavailable(format!(
                        "the broker has no queue {queue}: {}",
                        returned.reply_text
                    )));
                }
                Ok(Confirmation::Nack(_)) => {
                    return Err(QueueError::Unavailable(format!(
                        "the broker refused a message for {queue}"
                    )));
                }
                Ok(Confirmation::NotRequested) => {
                    return Err(QueueError::Unavailable(
                        "the broker confirms nothing on this channel".to_owned(),
                    ));
                }
                Err(error) => {
                    refusals += usize::from(is_refusal(&error));
                    if refusals >= REFUSALS {
                        return Err(unavailable(error));
                    }
                    *lost = Some(error);
                    tokio::time::sleep(SEND_AGAIN).await;
                }
            }
        }
    }

    async fn publish_once(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<Confirmation> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let channel = self.channel.get().await?;
        let publishing = channel.basic_publish("".into(), queue.into(), options, body, properties);
        self.in_turn(publishing).await?.await
    }

    /// Two that publish on a channel at the same moment would each take the other's confirmation: lapin (4.12) counts a
    /// message in one step and sends it in another.
    async fn in_turn<T>(&self, publishing: impl Future<Output = T>) -> T {
        let mut publishing = pin!(publishing);
        let sent = poll_fn(|cx| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            publishing.as_mut().poll(cx)
        });
        sent.await
    }

    /// How long the broker is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The broker's answer, unless it does not come in time.
    pub(crate) async fn in_time<T>(
        &self,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, QueueError> {
        let patience = self.patience;
        let answer = tokio::time::timeout(patience, asking).await;
        let late =
            |_| QueueError::Unavailable(format!("the broker did not answer within {patience:?}"));
        answer.map_err(late)?.map_err(unavailable)
    }

    /// Wakes the workers that listen at `exchange`, for `tier`. One that is not heard is made up for by
    /// their own looking, so nobody waits for one.
    pub(crate) fn ring(&self, exchange: &str, tier: Tier) {
        let wish = self.rings.wish(exchange, tier, Instant::now());
        let (publisher, exchange) = (self.clone(), exchange.to_owned());
        match wish {
            Ring::Now => {
                self.tasks
                    .spawn(async move { publisher.ring_now(&exchange, tier).await });
            }
            Ring::After(wait) => {
                self.tasks.spawn(async move {
                    tokio::time::sleep(wait).await;
                    publisher.rings.rung(&exchange, tier, Instant::now());
                    publisher.ring_now(&exchange, tier).await;
                });
            }
            Ring::Comes => {}
        }
    }

    async fn ring_now(&self, exchange: &str, tier: Tier) {
        let ring = async {
            let (exchange, tier) = (exchange.into(), tier.name().into());
            let (options, properties) =
                (BasicPublishOptions::default(), BasicProperties::default());
            let doorbell = self.doorbell.get().await?;
            doorbell
                .basic_publish(exchange, tier, options, &[], properties)
                .await
        };
        match tokio::time::timeout(self.patience, ring).await {
            Ok(Ok(_)) => {}
            outcome => tracing::debug!(exchange, ?outcome, "the doorbell was not rung"),
        }
    }
}

/// Whether the broker does not do what it was asked, and would not the next time: a right that is missing, a message beyond its
/// limits.
fn is_refusal(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    matches!(error.kind(), AMQPErrorKind::Soft(_))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(crate) fn unavailable(error: lapin::Error) -> QueueError {
    QueueError::Unavailable(error.to_string())
}
