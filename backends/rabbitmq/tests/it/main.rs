//! The queue over a real RabbitMQ. The broker takes long to start, so one serves all cases.

mod bench;
mod outage;

use voicefleet_testkit::{durable_queue_cases, queue_cases, servers::RabbitServer};

use crate::bench::{BROKER, Lanes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_queue_promises() {
    let server = RabbitServer::start().expect("a broker; run `make setup-test`");
    BROKER.set(server.url()).expect("set once");
    queue_cases! { in_turn Lanes }
    durable_queue_cases! { in_turn Lanes }
    drop(server);
}
