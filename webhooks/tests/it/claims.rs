//! Servers that share the work, and servers that are lost with it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    Clock,
    ports::{Collection, DocumentRange, DocumentWrite, Documents, Precondition},
};
use voicefleet_webhooks::DeliveryStatus;

use crate::support::{Fleet, OPEN, Receiver, Reply, endpoint_at, log_of, succeeded, tenant};

const CLAIM: Duration = Duration::from_mins(1);

async fn tickets(fleet: &Fleet) -> Vec<(String, String)> {
    let range = DocumentRange {
        limit: 100,
        ..DocumentRange::default()
    };
    let found = fleet.documents.list(Collection::Deliveries, &range).await;
    let found = found.expect("documents").into_iter();
    found.map(|ticket| (ticket.id, ticket.body)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_share_the_work_deliver_each_event_once() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    for path in ["/a", "/b", "/c"] {
        endpoint_at(&webhooks, &receiver.url(path)).await;
    }
    for _ in 0..40 {
        webhooks.enqueue(&succeeded()).await.unwrap();
    }
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let deliverer = fleet.server(OPEN).deliverer();
        servers.spawn(async move { deliverer.tick().await.unwrap() });
    }
    servers.join_all().await;
    let mut told: Vec<_> = receiver
        .received()
        .iter()
        .map(|got| (got.path.clone(), got.id().to_owned()))
        .collect();
    assert_eq!(told.len(), 120);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 120);
    assert!(tickets(&fleet).await.is_empty());
}

#[tokio::test]
async fn what_a_lost_server_had_claimed_is_delivered_after_its_claim() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Silence).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let event = succeeded();
    webhooks.enqueue(&event).await.unwrap();
    let lost = webhooks.deliverer();
    tokio::select! {
        _ = lost.tick() => panic!("the receiver does not answer"),
        _ = receiver.until(|held| held.received == 1) => {}
    }
    drop(lost);

    receiver.reply(Reply::Status(200));
    let other = fleet.server(OPEN).deliverer();
    let free = fleet.clock.now().after(CLAIM);
    assert_eq!(other.tick().await.unwrap(), Some(free));
    assert_eq!(receiver.received().len(), 1);
    fleet.go_to(free);
    assert_eq!(other.tick().await.unwrap(), None);
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(receiver.received()[1].id(), event.id.as_str());
    let delivery = log_of(&webhooks, &endpoint).await.remove(0);
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    let errors: Vec<_> = delivery
        .attempts
        .iter()
        .map(|made| made.error.clone())
        .collect();
    let lost = Some("the server that made this attempt was lost".to_owned());
    assert_eq!(errors, [lost, None]);
}

#[tokio::test]
async fn a_ticket_that_a_crash_has_left_behind_tells_nothing_twice() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &receiver.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let (id, body) = tickets(&fleet).await.remove(0);
    let put_back = DocumentWrite {
        collection: Collection::Deliveries,
        id,
        body,
        ttl: None,
        only_if: Precondition::None,
    };
    let deliverer = webhooks.deliverer();
    let next = deliverer.tick().await.unwrap();
    // As if nobody had come to throw it away after the delivery was put off...
    fleet.documents.put(put_back.clone()).await.unwrap();
    // ... nor to make the next ticket.
    let (new, _) = tickets(&fleet).await.pop().unwrap();
    let delete = fleet
        .documents
        .delete(Collection::Deliveries, &new, Precondition::None);
    delete.await.unwrap();
    assert_eq!(deliverer.tick().await.unwrap(), next);
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(tickets(&fleet).await.len(), 1);

    receiver.reply(Reply::Status(200));
    fleet.go_to(next.unwrap());
    deliverer.tick().await.unwrap();
    fleet.documents.put(put_back).await.unwrap();
    assert_eq!(deliverer.tick().await.unwrap(), None);
    assert_eq!(receiver.received().len(), 2);
    assert!(tickets(&fleet).await.is_empty());
}

#[tokio::test]
async fn an_event_without_a_ticket_gets_one_when_it_is_enqueued_again() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let event = succeeded();
    webhooks.enqueue(&event).await.unwrap();
    let (ticket, _) = tickets(&fleet).await.remove(0);
    let delete = fleet
        .documents
        .delete(Collection::Deliveries, &ticket, Precondition::None);
    delete.await.unwrap();
    let deliverer = webhooks.deliverer();
    deliverer.tick().await.unwrap();
    assert!(receiver.received().is_empty());
    webhooks.enqueue(&event).await.unwrap();
    deliverer.tick().await.unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn while_the_documents_are_away_nothing_is_lost() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &receiver.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let deliverer = webhooks.deliverer();
    fleet.documents.outage().set_down(true);
    assert!(deliverer.tick().await.is_err());
    assert!(webhooks.enqueue(&succeeded()).await.is_err());
    fleet.documents.outage().set_down(false);
    deliverer.tick().await.unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn what_another_server_enqueues_is_found_while_a_post_is_under_way() {
    let (fleet, slow) = (Fleet::new(), Receiver::start(Reply::Gate).await);
    let quick = Receiver::start(Reply::Status(200)).await;
    let webhooks = fleet.server(OPEN);
    let (first, _) = endpoint_at(&webhooks, &slow.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let deliverer = webhooks.deliverer();
    let told = async {
        slow.until(|held| held.paths.len() == 1).await;
        let other = fleet.server(OPEN);
        other.delete(&tenant(), &first.id).await.unwrap();
        endpoint_at(&other, &quick.url("/hook")).await;
        other.enqueue(&succeeded()).await.unwrap();
        quick.until(|held| held.received == 1).await;
        slow.open_gate();
    };
    let (done, ()) = tokio::join!(deliverer.tick(), told);
    assert_eq!(done.unwrap(), None);
}

#[tokio::test]
async fn a_running_deliverer_is_woken_by_what_is_enqueued_and_finishes_what_it_has_begun() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Gate).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let stop = CancellationToken::new();
    let mut task = tokio::task::JoinSet::new();
    task.spawn(webhooks.deliverer().run(stop.clone()));
    webhooks.enqueue(&succeeded()).await.unwrap();
    receiver.until(|held| held.paths.len() == 1).await;
    // While one is under way, too.
    webhooks.enqueue(&succeeded()).await.unwrap();
    receiver.until(|held| held.paths.len() == 2).await;
    stop.cancel();
    receiver.open_gate();
    task.join_all().await;
    let log = log_of(&webhooks, &endpoint).await;
    assert!(
        log.iter()
            .all(|made| made.status == DeliveryStatus::Delivered)
    );
    assert_eq!(log.len(), 2);
}
