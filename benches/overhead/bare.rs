//! What the broker alone takes for a message: published and confirmed, fetched or pushed, acknowledged.
//! Nobody's jobs can be cheaper than that at the same durability.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions,
        BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use voicefleet_benches::{process::cpu_seconds_of, report};

use crate::brokers::Brokers;

/// As long as an envelope.
const BODY: [u8; 700] = [b'x'; 700];
/// Channels that fetch side by side, as a worker's do.
const HANDS: usize = 8;
/// Unacknowledged at a time, where the broker pushes.
const PREFETCH: u16 = 64;

/// How messages come to the consumer.
#[derive(Clone, Copy, Debug)]
enum Way {
    Fetched,
    Pushed,
    PushedAndAcknowledgedTogether,
}

/// Messages under way, and what wakes who fetches.
struct Traffic {
    room: Semaphore,
    rung: Notify,
    consumed: AtomicU64,
}

impl Traffic {
    fn consumed(&self, messages: u64) {
        self.consumed.fetch_add(messages, Ordering::Relaxed);
        let permits = usize::try_from(messages).unwrap_or(usize::MAX);
        self.room.add_permits(permits);
    }
}

/// Measures each way with `clients` messages in flight for `span`.
pub(crate) async fn run(brokers: &Brokers, clients: usize, span: Duration) -> anyhow::Result<()> {
    for way in [
        Way::Fetched,
        Way::Pushed,
        Way::PushedAndAcknowledgedTogether,
    ] {
        let connection = connect(brokers).await?;
        let queue = format!("bare.{way:?}");
        declare(&connection, &queue).await?;
        let traffic = Arc::new(Traffic {
            room: Semaphore::new(clients),
            rung: Notify::new(),
            consumed: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        consume(&mut tasks, &connection, &queue, way, &traffic).await?;
        publish(&mut tasks, &connection, &queue, clients, &traffic).await?;
        let (began, before) = (Instant::now(), brokers.account()?.rabbit);
        let own = cpu_seconds_of(std::process::id())?;
        tokio::time::sleep(span).await;
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let messages = traffic.consumed.load(Ordering::Relaxed) as f64;
        let per_message = |seconds: f64| seconds / messages * 1_000.0;
        report(&format!(
            "bare broker, {way:?}: {:.0} messages/s; CPU ms for each: RabbitMQ {:.3}, its client {:.3}",
            messages / began.elapsed().as_secs_f64(),
            per_message(brokers.account()?.rabbit - before),
            per_message(cpu_seconds_of(std::process::id())? - own),
        ));
        tasks.shutdown().await;
        connection.close(200, "done".into()).await?;
    }
    Ok(())
}

async fn connect(brokers: &Brokers) -> anyhow::Result<Connection> {
    let url = brokers.servers().amqp;
    Ok(Connection::connect(&url, ConnectionProperties::default()).await?)
}

async fn declare(connection: &Connection, queue: &str) -> anyhow::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let channel = connection.create_channel().await?;
    channel
        .queue_declare(queue.into(), options, arguments)
        .await?;
    Ok(())
}

async fn publish(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    connection: &Connection,
    queue: &str,
    clients: usize,
    traffic: &Arc<Traffic>,
) -> anyhow::Result<()> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    for _ in 0..clients {
        let (channel, queue, traffic) = (channel.clone(), queue.to_owned(), Arc::clone(traffic));
        tasks.spawn(async move {
            loop {
                traffic.room.acquire().await?.forget();
                let options = BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                };
                let persistent = BasicProperties::default().with_delivery_mode(2);
                channel
                    .basic_publish("".into(), queue.as_str().into(), options, &BODY, persistent)
                    .await?
                    .await?;
                traffic.rung.notify_one();
            }
        });
    }
    Ok(())
}

async fn consume(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    connection: &Connection,
    queue: &str,
    way: Way,
    traffic: &Arc<Traffic>,
) -> anyhow::Result<()> {
    let hands = if matches!(way, Way::Fetched) {
        HANDS
    } else {
        1
    };
    for _ in 0..hands {
        let channel = connection.create_channel().await?;
        let (queue, traffic) = (queue.to_owned(), Arc::clone(traffic));
        match way {
            Way::Fetched => tasks.spawn(fetch(channel, queue, traffic)),
            Way::Pushed => tasks.spawn(take(channel, queue, traffic, 1)),
            Way::PushedAndAcknowledgedTogether => {
                tasks.spawn(take(channel, queue, traffic, usize::from(PREFETCH)))
            }
        };
    }
    Ok(())
}

async fn fetch(channel: Channel, queue: String, traffic: Arc<Traffic>) -> anyhow::Result<()> {
    loop {
        let options = BasicGetOptions::default();
        match channel.basic_get(queue.as_str().into(), options).await? {
            Some(got) => {
                got.delivery.acker.ack(BasicAckOptions::default()).await?;
                traffic.consumed(1);
            }
            None => traffic.rung.notified().await,
        }
    }
}

/// Acknowledges at most `together` of those that are there.
async fn take(
    channel: Channel,
    queue: String,
    traffic: Arc<Traffic>,
    together: usize,
) -> anyhow::Result<()> {
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            options,
            FieldTable::default(),
        )
        .await?;
    let mut chunks = consumer.ready_chunks(together);
    while let Some(chunk) = chunks.next().await {
        let count = chunk.len() as u64;
        let Some(last) = chunk.into_iter().last() else {
            continue;
        };
        let options = BasicAckOptions { multiple: true };
        last?.acker.ack(options).await?;
        traffic.consumed(count);
    }
    Ok(())
}
