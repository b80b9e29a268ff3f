//! Tenants beside one that floods.

use std::time::Duration;

use serde_json::{Value, json};
use voicefleet_core::{
    EngineId, Envelope,
    ports::{JobQueue, Settlement},
};

use crate::{steering::up, tenancy::Guarded};

/// About this many short sentences are what a tenant may have before another's.
const FEW: usize = 60;

/// One slot of Piper, with more work by one tenant than it does in minutes; the key of that one, and of
/// another.
async fn flooded() -> (Guarded, String, String) {
    let guarded = Guarded::custom(|context| {
        for pool in &mut context.scaling.pools {
            pool.max_workers = 1;
        }
    });
    up(&guarded.api, "piper", 1).await;
    let flood = guarded.key("flood", json!({})).await;
    let small = guarded.key("small", json!({"limits": {"weight": 3}})).await;
    let sentence = "A sentence that takes its time. ".repeat(8);
    for number in 0..300 {
        let text = format!("{number} {sentence}");
        submit(&guarded, &flood, &text, json!({})).await;
    }
    guarded.api.clock.advance(Duration::from_secs(2));
    (guarded, flood, small)
}

fn job(text: &str, more: Value) -> Value {
    let mut job = json!({"kind": "speech", "input": text, "engine": "piper", "tier": "realtime"});
    let Value::Object(more) = more else {
        panic!("no object");
    };
    job.as_object_mut().expect("an object").extend(more);
    job
}

async fn submit(guarded: &Guarded, key: &str, text: &str, more: Value) -> Value {
    let accepted = guarded.post(key, "/v1/jobs", &job(text, more)).await;
    accepted.expect(202).json()
}

/// What is delivered before `id`, and its envelope.
async fn delivered_until(guarded: &Guarded, id: &Value) -> (usize, Envelope) {
    let piper = EngineId::new("piper");
    let consumer = guarded.api.queue.consume(&piper).await;
    let mut consumer = consumer.expect("a consumer");
    for before in 0.. {
        let delivery = consumer.next().await.expect("a delivery");
        let envelope = delivery.envelope().clone();
        delivery.settle(Settlement::Done).await.expect("settled");
        if json!(envelope.job_id) == *id {
            return (before, envelope);
        }
    }
    unreachable!()
}

#[tokio::test]
async fn who_wants_little_comes_soon_with_the_weight_of_its_key() {
    let (guarded, _, small) = flooded().await;
    let wanted = submit(&guarded, &small, "Soon.", json!({})).await;
    let (before, envelope) = delivered_until(&guarded, &wanted["id"]).await;
    assert!(before < FEW, "{before} came first");
    assert_eq!(
        (envelope.tenant.as_str(), envelope.weight.get()),
        ("small", 3)
    );
}

#[tokio::test]
async fn what_another_has_asked_for_already_does_not_wait_for_the_rest_of_its_work() {
    let (guarded, flood, small) = flooded().await;
    let theirs = submit(&guarded, &flood, "Wanted by both.", json!({})).await;
    let ours = submit(&guarded, &small, "Wanted by both.", json!({})).await;
    assert_ne!(ours["id"], theirs["id"]);
    let (before, _) = delivered_until(&guarded, &theirs["id"]).await;
    assert!(before < FEW, "{before} came first");
}

#[tokio::test]
async fn only_who_floods_is_told_that_it_would_be_too_late() {
    let (guarded, flood, small) = flooded().await;
    let wanted = job("By then.", json!({"deadline": 30}));
    let refused = guarded.post(&flood, "/v1/jobs", &wanted).await.expect(503);
    assert_eq!(refused.json()["code"], "too_late");
    guarded.post(&small, "/v1/jobs", &wanted).await.expect(202);
}

#[tokio::test]
async fn the_outlook_of_who_wants_little_leaves_out_most_of_the_flood() {
    let (guarded, flood, small) = flooded().await;
    let mut outlooks = Vec::new();
    for key in [&small, &flood] {
        let text = format!("The next of {}.", key.len() + outlooks.len());
        let wanted = submit(&guarded, key, &text, json!({})).await;
        let path = format!("/v1/jobs/{}", wanted["id"].as_str().expect("an id"));
        let seen = guarded.get(key, &path).await.expect(200).json();
        let number = |member: &str| seen[member].as_f64().expect("a number");
        outlooks.push((number("queue_position"), number("eta_seconds")));
    }
    let [(position, eta), (last, much_later)] = outlooks[..] else {
        panic!("two outlooks");
    };
    assert!(
        position < last / 4.0 && eta < much_later / 4.0,
        "{outlooks:?}"
    );
}
