//! The broker goes and comes back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use voicefleet_core::{
    EngineId, Envelope, ErrorCode, Failure, JobId, Tier, Timestamp,
    ports::{Delivery, JobConsumer, JobQueue, QueueError, Settlement},
    time::SystemClock,
};
use voicefleet_rabbitmq::{Address, RabbitConfig, RabbitQueue};
use voicefleet_testkit::{
    Books,
    conformance::{PATIENCE, within_patience},
    memory::MemoryTurns,
    servers::{Link, RabbitServer},
    speech_job,
};

fn envelope() -> Envelope {
    let job = speech_job(&JobId::generate().to_string(), Tier::Standard, Timestamp(0));
    Envelope::for_job(&job)
}

async fn next(consumer: &mut Box<dyn JobConsumer>) -> Box<dyn Delivery> {
    // While the broker is away a consumer may say so; it is to be asked again.
    let delivered = async {
        loop {
            if let Ok(delivery) = consumer.next().await {
                return delivery;
            }
        }
    };
    within_patience(delivered).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_crashes_loses_nothing_that_it_confirmed() {
    let mut server = RabbitServer::start().expect("a broker; run `make setup-test`");
    let piper = EngineId::new("piper");
    let config = RabbitConfig {
        patience: PATIENCE,
        ..RabbitConfig::new(address(&server.url()), vec![piper.clone()])
    };
    let queue = connect(config).await;
    let unknown = queue.gauge(&EngineId::new("festival")).await;
    assert!(
        matches!(&unknown, Err(QueueError::Unavailable(why)) if why.contains("festival")),
        "{unknown:?}"
    );

    let mut consumer = queue.consume(&piper).await.expect("a consumer");
    let mut sent = BTreeSet::new();
    for _ in 0..20 {
        let envelope = envelope();
        queue.publish(&envelope).await.expect("published");
        sent.insert(envelope.job_id);
    }
    let held = next(&mut consumer).await;
    tokio::task::block_in_place(|| server.crash_and_start()).expect("it comes back");
    let lost = held.settle(Settlement::Done).await;
    assert!(lost.is_err(), "what was held is in the queue again");

    // The same queue, the same consumer.
    let envelope = envelope();
    let published = async { while queue.publish(&envelope).await.is_err() {} };
    within_patience(published).await;
    sent.insert(envelope.job_id);
    let mut got = BTreeSet::new();
    while got.len() < sent.len() {
        let delivery = next(&mut consumer).await;
        got.insert(delivery.envelope().job_id);
        delivery.settle(Settlement::Done).await.expect("settled");
    }
    assert_eq!(got, sent);
    queue.close().await;
}

/// One after the other waits in vain; then nobody has to any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_answer_is_not_asked_by_everybody() {
    let server = RabbitServer::start().expect("a broker; run `make setup-test`");
    let link = Link::to(server.port()).await.expect("a link");
    let piper = EngineId::new("piper");
    let config = RabbitConfig {
        patience: Duration::from_millis(300),
        ..RabbitConfig::new(address(&server.url_at(link.port())), vec![piper])
    };
    let queue = connect(config).await;
    link.cut();
    let mut refused_at_once = 0;
    for _ in 0..20 {
        match queue.publish(&envelope()).await {
            Err(QueueError::Unavailable(why)) if why.contains("not asked") => refused_at_once += 1,
            published => assert!(published.is_err(), "nobody was there"),
        }
    }
    assert!(refused_at_once >= 10, "{refused_at_once} of 20");
    link.mend();
    let published = async { while queue.publish(&envelope()).await.is_err() {} };
    within_patience(published).await;
    queue.close().await;
}

/// It would be no other the next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_refuses_is_not_sent_until_patience_ends() {
    let server = RabbitServer::start().expect("a broker; run `make setup-test`");
    let config = RabbitConfig {
        patience: 10 * PATIENCE,
        ..RabbitConfig::new(address(&server.url()), vec![EngineId::new("piper")])
    };
    let queue = connect(config).await;
    tokio::task::block_in_place(|| server.forbid_publishing()).expect("forbidden");
    let published = within_patience(queue.publish(&envelope())).await;
    assert!(
        matches!(&published, Err(QueueError::Unavailable(why)) if why.contains("ACCESS_REFUSED")),
        "{published:?}"
    );
    queue.close().await;
}

/// Waits until the broker feeds somebody from the lane of that tier.
async fn is_fed(server: &RabbitServer, tier: Tier) {
    let connected = Connection::connect(&server.url(), ConnectionProperties::default()).await;
    let connection = connected.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asking = async {
        loop {
            let lane = format!("v1.piper.{tier}").into();
            let asked = channel.queue_declare(lane, passive, FieldTable::default());
            if asked.await.expect("the lane is there").consumer_count() > 0 {
                return;
            }
        }
    };
    within_patience(asking).await;
    let closed = connection.close(200, "asked".into()).await;
    closed.expect("closed");
}

/// What feeds a worker is given up with it, whenever that is: whoever comes next gets what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fed_consumer_that_ends_while_the_broker_is_away_keeps_nothing_from_the_next() {
    let server = RabbitServer::start().expect("a broker; run `make setup-test`");
    let link = Link::to(server.port()).await.expect("a link");
    let piper = EngineId::new("piper");
    let config = RabbitConfig::new(address(&server.url_at(link.port())), vec![piper.clone()]);
    let queue = connect(config).await;
    let mut consumer = queue.consume(&piper).await.expect("a consumer");
    tokio::select! {
        _ = consumer.next() => unreachable!("nothing was published"),
        // Fed from the most urgent lane first.
        () = is_fed(&server, Tier::Batch) => {}
    }

    link.cut();
    let noticed = async { while queue.gauge(&piper).await.is_ok() {} };
    within_patience(noticed).await;
    drop(consumer);
    link.mend();

    let envelope = envelope();
    let published = async { while queue.publish(&envelope).await.is_err() {} };
    within_patience(published).await;
    let consuming = async {
        loop {
            if let Ok(consumer) = queue.consume(&piper).await {
                return consumer;
            }
        }
    };
    let mut consumer = within_patience(consuming).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.envelope().job_id, envelope.job_id);
    delivery.settle(Settlement::Done).await.expect("settled");
    queue.close().await;
}

/// What it had asked when the broker went is not waited for when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_asks_while_the_broker_goes_asks_again() {
    let server = RabbitServer::start().expect("a broker; run `make setup-test`");
    let link = Link::to(server.port()).await.expect("a link");
    let piper = EngineId::new("piper");
    let config = RabbitConfig::new(address(&server.url_at(link.port())), vec![piper.clone()]);
    let queue = connect(config).await;
    let elsewhere = connect(RabbitConfig::new(
        address(&server.url()),
        vec![piper.clone()],
    ))
    .await;
    let mut consumer = queue.consume(&piper).await.expect("a consumer");

    // One that wants realtime jobs alone is not fed, and asks now and then.
    let outage = async {
        link.stall();
        link.has_swallowed().await;
        link.cut();
        link.has_refused(4).await;
        link.mend();
        let job = speech_job(
            "01a20000-0000-7000-8000-000000000000",
            Tier::Realtime,
            Timestamp(0),
        );
        let envelope = Envelope::for_job(&job);
        while queue.publish(&envelope).await.is_err() {}
        std::future::pending::<()>().await;
    };
    let asking = async {
        loop {
            if let Ok(delivery) = consumer.next_of(Tier::Realtime).await {
                return delivery;
            }
        }
    };
    let delivery = within_patience(async {
        tokio::select! {
            delivery = asking => delivery,
            () = outage => unreachable!("it does not end"),
        }
    });
    let settled = delivery.await.settle(Settlement::Done).await;
    settled.expect("settled");
    elsewhere.close().await;
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_short_of_memory_is_relieved_of_what_it_has() {
    let server = RabbitServer::start().expect("a broker");
    let piper = EngineId::new("piper");
    let config = RabbitConfig {
        patience: Duration::from_secs(1),
        ..RabbitConfig::new(address(&server.url()), vec![piper.clone()])
    };
    let queue = connect(config).await;
    let mut consumer = queue.consume(&piper).await.expect("a consumer");
    let sent = [envelope(), envelope(), envelope()];
    for envelope in &sent {
        queue.publish(envelope).await.expect("published");
    }
    let first = next(&mut consumer).await;
    tokio::task::block_in_place(|| server.short_of_memory(true)).expect("short of memory");
    let refused = queue.publish(&envelope()).await;
    assert!(
        matches!(refused, Err(QueueError::Unavailable(_))),
        "{refused:?}"
    );
    let mut done = BTreeSet::new();
    let mut delivery = first;
    loop {
        done.insert(delivery.envelope().job_id);
        delivery.settle(Settlement::Done).await.expect("settled");
        if done.len() == sent.len() {
            break;
        }
        delivery = next(&mut consumer).await;
    }
    tokio::task::block_in_place(|| server.short_of_memory(false)).expect("enough again");
    within_patience(async { while queue.publish(&envelope()).await.is_err() {} }).await;
    drop(consumer);
    queue.close().await;
}

/// Or it would be nobody's until its channel closes, which may be days.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_cannot_be_set_aside_comes_again() {
    let server = RabbitServer::start().expect("a broker");
    let piper = EngineId::new("piper");
    let config = RabbitConfig::new(address(&server.url()), vec![piper.clone()]);
    let queue = connect(config).await;
    let mut consumer = queue.consume(&piper).await.expect("a consumer");
    let envelope = envelope();
    queue.publish(&envelope).await.expect("published");
    let delivery = next(&mut consumer).await;
    delete_queue(&server, "v1.piper.standard.dead").await;

    let failure = Failure::new(ErrorCode::Cancelled, "withdrawn");
    let set_aside = delivery.settle(Settlement::DeadLetter(failure)).await;
    assert!(
        matches!(&set_aside, Err(QueueError::Unavailable(why)) if why.contains(".dead")),
        "{set_aside:?}"
    );
    let again = next(&mut consumer).await;
    assert_eq!(again.envelope().job_id, envelope.job_id);
    assert!(again.redelivered());
    again.settle(Settlement::Done).await.expect("settled");
    queue.close().await;
}

async fn delete_queue(server: &RabbitServer, name: &str) {
    let connected = Connection::connect(&server.url(), ConnectionProperties::default()).await;
    let connection = connected.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    deleted.await.expect("deleted");
    let closed = connection.close(200, "done".into()).await;
    closed.expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_longer_than_anybody_waits_is_made_all_the_same() {
    let server = RabbitServer::start().expect("a broker");
    let link = Link::to(server.port()).await.expect("a link");
    let piper = EngineId::new("piper");
    let config = RabbitConfig {
        // Far below what it takes to declare the lanes of so many engines.
        patience: Duration::from_millis(30),
        engines: (0..10)
            .map(|n| EngineId::new(format!("e{n}")))
            .chain([piper.clone()])
            .collect(),
        ..RabbitConfig::new(address(&server.url_at(link.port())), vec![])
    };
    let queue = connect(config).await;
    link.cut();
    assert!(queue.gauge(&piper).await.is_err());
    link.mend();
    within_patience(async { while queue.gauge(&piper).await.is_err() {} }).await;
    queue.close().await;
}

fn address(url: &str) -> Address {
    url.parse().expect("an address")
}

async fn connect(config: RabbitConfig) -> RabbitQueue {
    let (loads, turns) = (Arc::new(Books::default()), Arc::new(MemoryTurns::default()));
    let connecting = RabbitQueue::connect(config, loads, turns, Arc::new(SystemClock));
    connecting.await.expect("connected")
}
