//! One tenant's flood, and another's few jobs in the same tier.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use voicefleet_tests::{Client, Cluster};

use crate::{
    load::{self, Work},
    quantile,
};

const OPERATOR: &str = "vf_operator_0123456789abcdef0123456789abcdef0123456789abcdef";
const FLOOD: usize = 5_000;
const PROBES: usize = 60;
/// Far from its half of what the pool computes.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Jobs of each of two that flood, when their weights are looked at.
const SHARED: usize = 400;
const HALF: u64 = 200;
const TIER: &str = "standard";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn a_few_jobs_beside_another_tenants_flood() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("piper_slots", "2");
    cluster.set("admin_key", OPERATOR);
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let anybody = api.client().expect("a client");
    let small = tenant(&anybody, "small", 1).await;
    let flood = tenant(&anybody, "flood", 1).await;
    load::spoken(&small, TIER, "Warm.").await.expect("spoken");

    let alone = waits(&small, "alone").await;
    let works: Vec<Work> = (0..FLOOD).map(|number| page("flood", number)).collect();
    load::submit_all(std::slice::from_ref(&flood), &works).await;
    let beside = waits(&small, "beside").await;
    let left = flood.get("/v1/jobs?status=queued&limit=1").await;
    let left = left.and_then(|answer| answer.accepted()).expect("a list");
    println!(
        "{TIER} wait of {PROBES} jobs p50/p95/longest: {:.0}/{:.0}/{:.0} ms alone, {:.0}/{:.0}/{:.0} ms \
         beside {FLOOD} jobs of another tenant",
        quantile(&alone, 0.5),
        quantile(&alone, 0.95),
        quantile(&alone, 1.0),
        quantile(&beside, 0.5),
        quantile(&beside, 0.95),
        quantile(&beside, 1.0),
    );
    let still_waiting = left["data"].as_array().map_or(0, Vec::len);
    assert!(still_waiting > 0, "the flood was over before the probes");
    api.stop().await.expect("stops");
    worker.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn two_floods_get_compute_by_their_weights() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("piper_slots", "2");
    cluster.set("admin_key", OPERATOR);
    let api = cluster.api().await.expect("an API server");
    let anybody = api.client().expect("a client");
    let light = tenant(&anybody, "light", 1).await;
    let heavy = tenant(&anybody, "heavy", 3).await;
    for (client, name) in [(&light, "light"), (&heavy, "heavy")] {
        let works: Vec<Work> = (0..SHARED).map(|number| page(name, number)).collect();
        load::submit_all(std::slice::from_ref(client), &works).await;
    }
    let worker = cluster.worker("piper").await.expect("a worker");
    // Until half of what the heavier one has is done, both have more.
    while computed(&heavy).await < HALF {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let done: BTreeMap<_, _> = [
        ("light", computed(&light).await),
        ("heavy", computed(&heavy).await),
    ]
    .into();
    println!("jobs done by weights of 1 and 3: {done:?}");
    let (light, heavy) = (done["light"] * 3, done["heavy"]);
    assert!(
        light * 4 >= heavy * 3 && light * 3 <= heavy * 4,
        "{done:?} is not one to three"
    );
    worker.stop().await.expect("stops");
    api.stop().await.expect("stops");
}

/// The client of a tenant that is made for it.
async fn tenant(anybody: &Client, name: &str, weight: u32) -> Client {
    let operator = anybody.with_key(OPERATOR).expect("a client");
    let wanted = json!({"tenant": name, "limits": {"weight": weight}});
    let made = operator.post("/v1/keys", &wanted).await;
    let made = made.and_then(|answer| answer.accepted()).expect("a key");
    let secret = made["secret"].as_str().expect("a secret");
    anybody.with_key(secret).expect("a client")
}

fn page(of: &str, number: usize) -> Work {
    Work::Speech {
        text: format!("Page {number} of the {of} has a sentence or two. Nobody waits for it."),
        tier: TIER,
    }
}

/// Milliseconds that jobs waited which came one after the other.
async fn waits(client: &Client, when: &str) -> Vec<f64> {
    let mut ticks = interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut probes = JoinSet::new();
    for number in 0..PROBES {
        ticks.tick().await;
        let (client, text) = (client.clone(), format!("Question {number}, {when}."));
        probes.spawn(async move { load::spoken(&client, TIER, &text).await.expect("spoken") });
    }
    let jobs = probes.join_all().await;
    jobs.iter().map(waited).collect()
}

fn waited(job: &Value) -> f64 {
    let phase = |name: &str| job["timings"][name].as_f64().unwrap_or_default();
    phase("queue_ms") + phase("pause_ms")
}

/// How many of a tenant's jobs have been computed today.
async fn computed(client: &Client) -> u64 {
    let answer = client.get("/v1/usage").await;
    let usage = answer.and_then(|answer| answer.accepted()).expect("usage");
    usage["days"][0]["jobs"].as_u64().expect("a count")
}
