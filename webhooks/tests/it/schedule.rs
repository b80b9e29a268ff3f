//! Attempts over days of the virtual clock.

use std::time::Duration;

use voicefleet_core::{Clock, Timestamp};
use voicefleet_webhooks::{DeliveryStatus, DisabledWhy, EndpointChange, SCHEDULE, WebhookError};

use crate::support::{Fleet, OPEN, Receiver, Reply, endpoint_at, log_of, succeeded, tenant};

/// One server makes one attempt, is stopped, and another one goes on.
async fn one_attempt(fleet: &Fleet) -> Option<Timestamp> {
    let server = fleet.server(OPEN);
    let deliverer = server.deliverer();
    deliverer.tick().await.expect("documents")
}

fn assert_within_jitter(wait: Duration, step: Duration) {
    let (wait, step) = (wait.as_secs_f64(), step.as_secs_f64());
    assert!(
        (0.899 * step..=1.101 * step).contains(&wait),
        "{wait} s, not {step} s"
    );
}

#[tokio::test]
async fn a_receiver_that_comes_back_at_the_tenth_attempt_is_told_once() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, secret) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let event = succeeded();
    assert_eq!(webhooks.enqueue(&event).await.unwrap(), 1);
    for step in &SCHEDULE[1..] {
        let next = one_attempt(&fleet).await.expect("another attempt");
        assert_within_jitter(next.since(fleet.clock.now()), *step);
        // Nothing happens before its time.
        fleet.go_to(Timestamp(next.0 - 1));
        let made = receiver.received().len();
        assert_eq!(one_attempt(&fleet).await, Some(next));
        assert_eq!(receiver.received().len(), made);
        fleet.go_to(next);
    }
    receiver.reply(Reply::Status(204));
    assert_eq!(one_attempt(&fleet).await, None);
    assert_eq!(one_attempt(&fleet).await, None);

    let requests = receiver.received();
    assert_eq!(requests.len(), 10);
    for request in &requests {
        assert_eq!(request.id(), event.id.as_str());
        assert_eq!(
            request.header("webhook-signature"),
            request.signed_with(&secret)
        );
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.body, requests[0].body);
    }
    let last: i64 = requests[9].header("webhook-timestamp").parse().unwrap();
    assert_eq!(last, fleet.clock.now().0 / 1_000);
    let payload: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(payload["type"], "job.succeeded");
    assert_eq!(payload["data"]["id"], event.data["id"]);

    let log = log_of(&webhooks, &endpoint).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].status, DeliveryStatus::Delivered);
    assert_eq!(log[0].next_try, None);
    let answers: Vec<_> = log[0]
        .attempts
        .iter()
        .filter_map(|made| made.status)
        .collect();
    assert_eq!(answers, [500, 500, 500, 500, 500, 500, 500, 500, 500, 204]);
    let endpoint = webhooks.get(&tenant(), &endpoint.id).await.unwrap();
    assert_eq!(endpoint.disabled, None);
}

#[tokio::test]
async fn after_ten_failures_a_delivery_is_given_up_its_endpoint_disabled_and_redelivered_on_request()
 {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, secret) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let event = succeeded();
    webhooks.enqueue(&event).await.unwrap();
    while let Some(next) = one_attempt(&fleet).await {
        fleet.go_to(next);
    }
    assert_eq!(receiver.received().len(), 10);
    let disabled = webhooks
        .get(&tenant(), &endpoint.id)
        .await
        .unwrap()
        .disabled;
    assert_eq!(disabled.unwrap().why, DisabledWhy::Failing);
    let given_up = log_of(&webhooks, &endpoint).await.remove(0);
    assert_eq!(given_up.status, DeliveryStatus::Failed);

    // A disabled endpoint is told nothing, neither new nor old.
    assert_eq!(webhooks.enqueue(&succeeded()).await.unwrap(), 0);
    let again = webhooks
        .redeliver(&tenant(), &endpoint.id, &given_up.id)
        .await;
    assert!(matches!(again, Err(WebhookError::EndpointDisabled)));

    receiver.reply(Reply::Status(200));
    let enable = EndpointChange {
        enabled: Some(true),
        ..EndpointChange::default()
    };
    webhooks
        .update(&tenant(), &endpoint.id, enable)
        .await
        .unwrap();
    let again = webhooks
        .redeliver(&tenant(), &endpoint.id, &given_up.id)
        .await
        .unwrap();
    assert_eq!(again.repeats, Some(given_up.id.clone()));
    assert_eq!(one_attempt(&fleet).await, None);
    let requests = receiver.received();
    assert_eq!(requests.len(), 11);
    assert_eq!(requests[10].id(), event.id.as_str());
    assert_eq!(
        requests[10].header("webhook-signature"),
        requests[10].signed_with(&secret)
    );
    let log = log_of(&webhooks, &endpoint).await;
    let states: Vec<_> = log.iter().map(|delivery| delivery.status).collect();
    assert_eq!(states, [DeliveryStatus::Delivered, DeliveryStatus::Failed]);

    // The log is kept for seven days.
    fleet.clock.advance(Duration::from_hours(7 * 24));
    assert!(log_of(&webhooks, &endpoint).await.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_fails_with_one_event_only_stays_enabled() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let mut next = one_attempt(&fleet).await;
    receiver.reply(Reply::Status(200));
    webhooks.enqueue(&succeeded()).await.unwrap();
    one_attempt(&fleet).await;
    receiver.reply(Reply::Status(500));
    while let Some(moment) = next {
        fleet.go_to(moment);
        next = one_attempt(&fleet).await;
    }
    assert_eq!(receiver.received().len(), 11);
    assert_eq!(
        webhooks
            .get(&tenant(), &endpoint.id)
            .await
            .unwrap()
            .disabled,
        None
    );
}

#[tokio::test]
async fn retry_after_puts_the_next_attempt_off() {
    let throttled = Reply::With(503, "retry-after", "60".to_owned());
    let (fleet, receiver) = (Fleet::new(), Receiver::start(throttled).await);
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &receiver.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let next = one_attempt(&fleet).await.unwrap();
    assert_eq!(next, fleet.clock.now().after(Duration::from_mins(1)));
}

#[tokio::test]
async fn a_delivery_that_waits_can_be_made_due_now() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let next = one_attempt(&fleet).await.unwrap();
    receiver.reply(Reply::Status(200));
    let waiting = log_of(&webhooks, &endpoint).await.remove(0);
    webhooks
        .redeliver(&tenant(), &endpoint.id, &waiting.id)
        .await
        .unwrap();
    one_attempt(&fleet).await;
    assert_eq!(receiver.received().len(), 2);
    // The ticket of before is thrown away in its time.
    fleet.go_to(next);
    assert_eq!(one_attempt(&fleet).await, None);
    assert_eq!(receiver.received().len(), 2);
    let log = log_of(&webhooks, &endpoint).await;
    assert_eq!((log.len(), log[0].status), (1, DeliveryStatus::Delivered));
}

#[tokio::test]
async fn an_event_that_is_enqueued_by_several_is_told_once() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &receiver.url("/one")).await;
    endpoint_at(&webhooks, &receiver.url("/other")).await;
    let event = succeeded();
    for server in [&webhooks, &fleet.server(OPEN), &webhooks] {
        assert_eq!(server.enqueue(&event).await.unwrap(), 2);
    }
    one_attempt(&fleet).await;
    // Also when it has been told already.
    webhooks.enqueue(&event).await.unwrap();
    one_attempt(&fleet).await;
    let mut paths: Vec<_> = receiver
        .received()
        .into_iter()
        .map(|got| got.path)
        .collect();
    paths.sort();
    assert_eq!(paths, ["/one", "/other"]);
}
