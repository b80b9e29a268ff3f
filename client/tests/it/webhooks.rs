//! Webhooks, from their making to their end.

use futures::TryStreamExt;
use voicefleet_client::{
    DeliveryStatus, ErrorCode, JobEventKind, NewWebhook, SpeechJob, WebhookChange,
};

use crate::support::Service;

const URL: &str = "https://example.com/events";

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted() {
    let service = Service::start().await;
    let client = service.client();
    let wanted = NewWebhook::new(URL).events([JobEventKind::Failed]);
    let made = client.create_webhook(&wanted).await.expect("made");
    assert!(made.secret.reveal().starts_with("whsec_"));
    assert!(!format!("{made:?}").contains("whsec_"));
    let id = made.webhook.id.clone();
    assert_eq!(client.webhooks().await.expect("a list"), [made.webhook]);
    let change = WebhookChange::default().enabled(false).events(Vec::new());
    let changed = client.update_webhook(&id, &change).await.expect("changed");
    assert_eq!(changed.disabled_because.as_deref(), Some("asked"));
    assert_eq!(client.webhook(&id).await.expect("there"), changed);
    let rotated = client.rotate_webhook(&id).await.expect("rotated");
    assert!(rotated.secret != made.secret && rotated.webhook.old_secret_until.is_some());
    client.delete_webhook(&id).await.expect("deleted");
    let gone = client.webhook(&id).await.expect_err("gone");
    assert_eq!(gone.code(), Some(&ErrorCode::WebhookNotFound));
}

#[tokio::test]
async fn what_it_was_told_is_listed_and_told_again() {
    let service = Service::start().await;
    let client = service.client();
    let made = client.create_webhook(&NewWebhook::new(URL)).await;
    let id = made.expect("made").webhook.id;
    let job = client.submit_speech(&SpeechJob::new("Hello.")).await;
    client
        .cancel(&job.expect("accepted").id)
        .await
        .expect("withdrawn");
    let told: Vec<_> = client.deliveries(&id).try_collect().await.expect("a list");
    let [delivery] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (&delivery.event, &delivery.status),
        (&JobEventKind::Cancelled, &DeliveryStatus::Pending)
    );
    assert!(delivery.payload.contains("job.cancelled"));
    let again = client.redeliver(&id, &delivery.id).await;
    let again = again.expect("told again");
    assert_eq!(again.event_id, delivery.event_id);
    assert!(again.next_try_at.is_some());
}
