//! Whom nothing is posted to, and what is no success.

use std::time::Duration;

use voicefleet_core::Clock;
use voicefleet_webhooks::{
    Attempt, Delivery, DeliveryStatus, DisabledWhy, EndpointChange, NewEndpoint, UrlPolicy,
    UrlRefused, WebhookError,
};

use crate::support::{Fleet, OPEN, Receiver, Reply, endpoint_at, log_of, succeeded, tenant};

const CLOSED: UrlPolicy = UrlPolicy {
    allow_http: true,
    allow_private: false,
};

/// What is written down of one attempt with one event.
async fn one_delivery(fleet: &Fleet, url: &str, deliver_under: UrlPolicy) -> Delivery {
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, url).await;
    let told = webhooks.enqueue(&succeeded()).await;
    told.expect("enqueued");
    let deliverer = fleet.server(deliver_under).deliverer();
    deliverer.tick().await.expect("documents");
    log_of(&webhooks, &endpoint).await.remove(0)
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let elsewhere = Receiver::start(Reply::Status(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let to = Reply::With(status, "location", elsewhere.url("/"));
        let (fleet, receiver) = (Fleet::new(), Receiver::start(to).await);
        let delivery = one_delivery(&fleet, &receiver.url("/hook"), OPEN).await;
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        let expected = Attempt {
            at: fleet.clock.now(),
            status: Some(status),
            error: Some("redirects are not followed".to_owned()),
            duration_ms: 0,
        };
        assert_eq!(delivery.attempts, [expected]);
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_public_is_never_reached() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let by_name = format!("http://localhost:{}/hook", receiver.port());
    let cases = [
        (receiver.url("/hook"), "127.0.0.1 is not a public address"),
        (by_name, "localhost has an address that is not public"),
    ];
    for (url, why) in cases {
        let delivery = one_delivery(&fleet, &url, CLOSED).await;
        assert_eq!(delivery.status, DeliveryStatus::Pending);
        assert_eq!(delivery.attempts[0].error.as_deref(), Some(why));
    }
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn such_an_endpoint_is_not_even_made() {
    let fleet = Fleet::new();
    let webhooks = fleet.server(CLOSED);
    let new = |url: &str| NewEndpoint {
        url: url.to_owned(),
        events: Vec::new(),
    };
    let address = "169.254.169.254".parse().unwrap();
    let refused = webhooks
        .create(&tenant(), new("http://169.254.169.254/latest"))
        .await;
    let expected = UrlRefused::Address(address);
    assert!(
        matches!(&refused, Err(WebhookError::Url(why)) if *why == expected),
        "{refused:?}"
    );

    let (endpoint, _) = webhooks
        .create(&tenant(), new("https://example.com/"))
        .await
        .unwrap();
    let change = EndpointChange {
        url: Some("http://[::1]/".to_owned()),
        ..EndpointChange::default()
    };
    let refused = webhooks.update(&tenant(), &endpoint.id, change).await;
    assert!(matches!(
        refused,
        Err(WebhookError::Url(UrlRefused::Address(_)))
    ));
    assert_eq!(
        webhooks.get(&tenant(), &endpoint.id).await.unwrap(),
        endpoint
    );
}

#[tokio::test]
async fn gone_disables_the_endpoint_and_what_waits_for_it_is_dropped() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(500)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let deliverer = webhooks.deliverer();
    webhooks.enqueue(&succeeded()).await.unwrap();
    let next = deliverer.tick().await.unwrap().unwrap();
    receiver.reply(Reply::Status(410));
    let second = succeeded();
    webhooks.enqueue(&second).await.unwrap();
    deliverer.tick().await.unwrap();
    let disabled = webhooks
        .get(&tenant(), &endpoint.id)
        .await
        .unwrap()
        .disabled;
    assert_eq!(disabled.unwrap().why, DisabledWhy::Gone);
    fleet.go_to(next);
    assert_eq!(deliverer.tick().await.unwrap(), None);
    assert_eq!(receiver.received().len(), 2);
    for delivery in log_of(&webhooks, &endpoint).await {
        let expected = if delivery.event == second.id {
            DeliveryStatus::Failed
        } else {
            DeliveryStatus::Dropped
        };
        assert_eq!(delivery.status, expected);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Endless).await);
    let delivery = one_delivery(&fleet, &receiver.url("/hook"), OPEN).await;
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    // More than was read may be on its way, but not as much as 20 s take.
    let held = receiver.until(|_| true).await;
    assert!(held.chunks < 64 * 1_024, "{} kB", held.chunks);
}

#[tokio::test]
async fn nobody_there_is_a_failure_that_says_so() {
    let fleet = Fleet::new();
    // Nobody has this port any more.
    let url = Receiver::start(Reply::Status(200)).await.url("/hook");
    let delivery = one_delivery(&fleet, &url, OPEN).await;
    let error = delivery.attempts[0].error.clone().unwrap();
    assert!(error.starts_with("not connected: "), "{error}");
    let next = delivery.next_try.unwrap().since(fleet.clock.now());
    assert!(next >= Duration::from_millis(4_500), "{next:?}");
}
