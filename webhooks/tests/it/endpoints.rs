//! What a tenant does with its endpoints.

use std::time::Duration;

use tokio::task::JoinSet;
use voicefleet_core::{Clock, Tenant};
use voicefleet_webhooks::{
    DeliveryStatus, EndpointChange, EventKind, MAX_ENDPOINTS, NewEndpoint, Secret, UrlPolicy,
    WebhookError, Webhooks,
};

use crate::support::{
    Fleet, OPEN, Received, Receiver, Reply, endpoint_at, log_of, succeeded, tenant,
};

fn new(url: &str, events: &[EventKind]) -> NewEndpoint {
    NewEndpoint {
        url: url.to_owned(),
        events: events.to_vec(),
    }
}

#[tokio::test]
async fn endpoints_are_made_read_changed_and_deleted() {
    let fleet = Fleet::new();
    let webhooks = fleet.server(UrlPolicy::default());
    let wanted = [
        EventKind::JobFailed,
        EventKind::JobSucceeded,
        EventKind::JobFailed,
    ];
    let made = webhooks
        .create(&tenant(), new("https://a.example/", &wanted))
        .await;
    let (first, secret) = made.unwrap();
    assert_eq!(
        first.events,
        [EventKind::JobSucceeded, EventKind::JobFailed]
    );
    assert!(secret.reveal().starts_with("whsec_"));
    fleet.clock.advance(Duration::from_secs(1));
    let second = webhooks
        .create(&tenant(), new("https://b.example/", &[]))
        .await;
    let (second, _) = second.unwrap();
    assert_eq!(
        webhooks.list(&tenant()).await.unwrap(),
        [first.clone(), second.clone()]
    );

    let change = EndpointChange {
        url: Some("https://c.example/".to_owned()),
        events: Some(Vec::new()),
        enabled: Some(false),
    };
    let changed = webhooks.update(&tenant(), &first.id, change).await.unwrap();
    assert_eq!(
        (changed.url.as_str(), changed.events.len()),
        ("https://c.example/", 0)
    );
    assert_eq!(changed.disabled.unwrap().why.name(), "asked");
    assert_eq!(webhooks.get(&tenant(), &first.id).await.unwrap(), changed);

    webhooks.delete(&tenant(), &first.id).await.unwrap();
    for refused in [
        webhooks.delete(&tenant(), &first.id).await.err(),
        webhooks.get(&tenant(), &first.id).await.err(),
        webhooks.rotate_secret(&tenant(), &first.id).await.err(),
        webhooks
            .deliveries(&tenant(), &first.id, None, 1)
            .await
            .err(),
        webhooks
            .update(&tenant(), &first.id, EndpointChange::default())
            .await
            .err(),
    ] {
        assert!(
            matches!(refused, Some(WebhookError::NoEndpoint(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_sees_and_tells_its_own_only() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    // Its name begins with the other's.
    let other: Tenant = "acme-2".parse().unwrap();
    let made = webhooks
        .create(&other, new(&receiver.url("/other"), &[]))
        .await;
    let (theirs, _) = made.unwrap();
    let (ours, _) = endpoint_at(&webhooks, &receiver.url("/ours")).await;
    assert_eq!(webhooks.list(&tenant()).await.unwrap(), [ours]);
    let seen = webhooks.get(&tenant(), &theirs.id).await;
    assert!(matches!(seen, Err(WebhookError::NoEndpoint(_))));
    webhooks.enqueue(&succeeded()).await.unwrap();
    webhooks.deliverer().tick().await.unwrap();
    let paths: Vec<_> = receiver
        .received()
        .into_iter()
        .map(|got| got.path)
        .collect();
    assert_eq!(paths, ["/ours"]);
}

#[tokio::test]
async fn an_endpoint_is_told_what_it_wants() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    for (path, events) in [
        ("/failed", [EventKind::JobFailed].as_slice()),
        (
            "/succeeded",
            &[EventKind::JobSucceeded, EventKind::JobExpired],
        ),
        ("/all", &[]),
    ] {
        let made = webhooks
            .create(&tenant(), new(&receiver.url(path), events))
            .await;
        made.unwrap();
    }
    assert_eq!(webhooks.enqueue(&succeeded()).await.unwrap(), 2);
    webhooks.deliverer().tick().await.unwrap();
    let mut paths: Vec<_> = receiver
        .received()
        .into_iter()
        .map(|got| got.path)
        .collect();
    paths.sort();
    assert_eq!(paths, ["/all", "/succeeded"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_is_room_for_twenty_however_many_come_at_once() {
    let fleet = Fleet::new();
    let webhooks = fleet.server(UrlPolicy::default());
    let mut many = JoinSet::new();
    for _ in 0..2 * MAX_ENDPOINTS {
        let webhooks = webhooks.clone();
        many.spawn(async move {
            let made = webhooks
                .create(&tenant(), new("https://a.example/", &[]))
                .await;
            made.is_ok()
        });
    }
    let made = many
        .join_all()
        .await
        .into_iter()
        .filter(|made| *made)
        .count();
    assert!(made <= MAX_ENDPOINTS);
    assert_eq!(webhooks.list(&tenant()).await.unwrap().len(), made);
    for _ in made..MAX_ENDPOINTS {
        endpoint_at(&webhooks, "https://a.example/").await;
    }
    let list = webhooks.list(&tenant()).await.unwrap();
    let refused = webhooks
        .create(&tenant(), new("https://a.example/", &[]))
        .await;
    assert!(matches!(refused, Err(WebhookError::TooManyEndpoints)));
    webhooks.delete(&tenant(), &list[0].id).await.unwrap();
    assert!(
        webhooks
            .create(&tenant(), new("https://a.example/", &[]))
            .await
            .is_ok()
    );
}

async fn told(webhooks: &Webhooks, receiver: &Receiver) -> Received {
    let told = webhooks.enqueue(&succeeded()).await;
    told.expect("enqueued");
    let deliverer = webhooks.deliverer();
    deliverer.tick().await.expect("documents");
    receiver.received().pop().expect("a request")
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, first) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let tenant = tenant();
    let rotate = || webhooks.rotate_secret(&tenant, &endpoint.id);
    let signed = |got: &Received, secrets: &[&Secret]| {
        let by: Vec<_> = secrets
            .iter()
            .map(|secret| got.signed_with(secret))
            .collect();
        assert_eq!(got.header("webhook-signature"), by.join(" "));
    };
    let (rotated, second) = rotate().await.unwrap();
    let day = Duration::from_hours(24);
    assert_eq!(rotated.old_secret_until, Some(fleet.clock.now().after(day)));
    signed(&told(&webhooks, &receiver).await, &[&second, &first]);
    // Never more than two.
    let (_, third) = rotate().await.unwrap();
    signed(&told(&webhooks, &receiver).await, &[&third, &second]);
    fleet
        .clock
        .advance(day.checked_sub(Duration::from_millis(1)).unwrap());
    signed(&told(&webhooks, &receiver).await, &[&third, &second]);
    fleet.clock.advance(Duration::from_millis(1));
    signed(&told(&webhooks, &receiver).await, &[&third]);
    let endpoint = webhooks.get(&tenant, &endpoint.id).await.unwrap();
    assert_eq!(endpoint.old_secret_until, None);
}

#[tokio::test]
async fn the_log_comes_in_pages_newest_first() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let mut event = succeeded();
        event.at = fleet.clock.now();
        webhooks.enqueue(&event).await.unwrap();
        ids.insert(0, event.id);
        fleet.clock.advance(Duration::from_secs(1));
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = webhooks
            .deliveries(&tenant(), &endpoint.id, after.as_ref(), 2)
            .await
            .unwrap();
        after = page.deliveries.last().map(|last| last.id.clone());
        seen.extend(page.deliveries.into_iter().map(|delivery| delivery.event));
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn what_waits_for_a_deleted_endpoint_is_dropped_and_what_is_not_there_is_not_repeated() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Status(200)).await);
    let webhooks = fleet.server(OPEN);
    let (endpoint, _) = endpoint_at(&webhooks, &receiver.url("/hook")).await;
    let unknown = "8232774399999_none".parse().unwrap();
    let repeated = webhooks.redeliver(&tenant(), &endpoint.id, &unknown).await;
    assert!(matches!(repeated, Err(WebhookError::NoDelivery(_))));
    webhooks.enqueue(&succeeded()).await.unwrap();
    assert_eq!(
        log_of(&webhooks, &endpoint).await[0].status,
        DeliveryStatus::Pending
    );
    webhooks.delete(&tenant(), &endpoint.id).await.unwrap();
    assert_eq!(webhooks.deliverer().tick().await.unwrap(), None);
    assert!(receiver.received().is_empty());
}
