//! The catalogue, keys, usage, the split, dead letters, and whether somebody is there.

use std::collections::BTreeMap;

use voicefleet_api::{KeyPolicy, KeyRecord, KeySecret};
use voicefleet_client::{
    Client, ClientError, ErrorCode, JobFilter, JobKind, KeyLimits, NewKey, NewSplit, Tier,
};
use voicefleet_core::Timestamp;

use crate::support::{PATIENCE, Service};

#[tokio::test]
async fn the_service_says_what_it_is_and_how_it_is() {
    let service = Service::start().await;
    let client = service.client();
    assert_eq!(client.welcome().await.expect("there").name, "voicefleet");
    client.alive().await.expect("alive");
    client.until_ready(PATIENCE).await.expect("ready");
    assert_eq!(client.metrics().await.expect("there"), "up 1\n");
    service.queue.outage().set_down(true);
    let error = client.ready().await.expect_err("not ready");
    assert_eq!(error.code(), Some(&ErrorCode::Unavailable));
    let error = client
        .until_ready(std::time::Duration::from_millis(50))
        .await;
    assert!(matches!(
        error,
        Err(ClientError::Api { .. } | ClientError::Timeout { .. })
    ));
    client.alive().await.expect("alive");
}

#[tokio::test]
async fn models_and_voices_are_listed() {
    let service = Service::start().await;
    let client = service.client();
    let models = client.models().await.expect("a list");
    let model = client.model("whisper-base").await.expect("a model");
    assert!(models.contains(&model));
    assert_eq!(
        (&model.task, model.installed),
        (&JobKind::Transcription, true)
    );
    let voices = client.voices().await.expect("a list");
    let alloy = voices.iter().find(|voice| voice.id == "af_alloy");
    let alloy = alloy.expect("a voice");
    assert!(alloy.mixable && alloy.aliases.contains(&"alloy".to_owned()));
}

#[tokio::test]
async fn the_split_is_shown_and_set() {
    let service = Service::start().await;
    let client = service.client();
    let shares = [("piper", 60), ("whisper", 30), ("kokoro", 10)];
    let shares: BTreeMap<String, u32> = shares.map(|(name, share)| (name.into(), share)).into();
    let budgets = BTreeMap::from([("cpu".to_owned(), 32)]);
    let wanted = NewSplit::new(shares.clone()).budgets(budgets.clone());
    let set = client.set_split(&wanted).await.expect("set");
    assert_eq!((&set.shares, &set.budgets), (&shares, &budgets));
    let shown = client.split().await.expect("shown");
    let piper = shown.pools.iter().find(|pool| pool.name == "piper");
    assert_eq!(piper.expect("a pool").share, 60);
    let raw = client.get_json("/v1/split").await.expect("shown");
    assert_eq!(raw["object"], "split");
}

#[tokio::test]
async fn dead_letters_are_counted_and_removed() {
    let service = Service::start().await;
    let client = service.client();
    let lanes = client.dead_letters().await.expect("counted");
    assert!(
        lanes
            .iter()
            .any(|lane| lane.engine == "piper" && lane.tier == Tier::Batch)
    );
    let purged = client.purge_dead_letters("piper", Some(Tier::Batch)).await;
    assert_eq!(purged.expect("removed"), 0);
    let unknown = client.purge_dead_letters("festival", None).await;
    let unknown = unknown.expect_err("no such engine");
    assert_eq!(unknown.code(), Some(&ErrorCode::UnknownEngine));
}

/// A server that wants keys, and its administrator.
async fn guarded() -> (Service, Client) {
    let secret = KeySecret::generate();
    let grant = voicefleet_api::NewKey {
        tenant: "operators".parse().expect("a name"),
        name: None,
        admin: true,
        walled: false,
        limits: voicefleet_api::KeyLimits::default(),
    };
    let key = KeyRecord::new(&secret, grant, Timestamp(0));
    let service = Service::custom(|context| {
        context.keys = KeyPolicy {
            required: true,
            configured: vec![key],
        };
    })
    .await;
    let admin = service.builder().api_key(secret.reveal()).build();
    let admin = admin.expect("a client");
    (service, admin)
}

#[tokio::test]
async fn keys_are_made_used_and_revoked() {
    let (service, admin) = guarded().await;
    let limits = KeyLimits::default()
        .highest_tier(Tier::Standard)
        .requests_per_minute(100_u64);
    let wanted = NewKey::new("acme").name("exams").limits(limits.clone());
    let made = admin.create_key(&wanted).await.expect("made");
    assert_eq!((&made.key.limits, made.key.admin), (&limits, false));
    assert!(!format!("{made:?}").contains(made.secret.reveal()));

    let client = service.builder().api_key(made.secret.reveal()).build();
    let client = client.expect("a client");
    let usage = client.usage(1, None).await.expect("of their own");
    assert_eq!((usage.tenant.as_str(), &usage.limits), ("acme", &limits));
    let usage = admin.usage(7, Some("acme")).await.expect("of another");
    assert_eq!(usage.tenant, "acme");
    let refused = client.keys().await.expect_err("not theirs");
    assert_eq!(refused.code(), Some(&ErrorCode::Forbidden));

    let all = admin.keys().await.expect("a list");
    assert!(all.iter().any(|key| key.id == made.key.id));
    let revoked = admin.revoke_key(&made.key.id).await.expect("revoked");
    assert!(revoked.revoked_at.is_some());
    let jobs = client.jobs(JobFilter::default());
    let jobs: Vec<_> = futures::StreamExt::collect(jobs).await;
    let [Err(refused)] = jobs.as_slice() else {
        panic!("{jobs:?}");
    };
    assert_eq!(refused.code(), Some(&ErrorCode::Unauthenticated));
}
