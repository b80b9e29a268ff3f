//! Everything but the servers is killed in the middle of a flood: what the scaler that comes next counts is
//! what the broker counts.

use std::time::{Duration, Instant};

use voicefleet_tests::{Client, Cluster};

use crate::load::{self, Work};

const JOBS: usize = 300;
const WORKERS: usize = 3;
/// The kill comes when so many have ended.
const ENDED_BEFORE: usize = 30;
/// Longest wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Jobs of Piper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    waiting: u64,
    in_flight: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn the_gauge_after_all_were_killed_is_what_the_broker_counts() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("piper_slots", "2");
    let api = cluster.api().await.expect("an API server");
    let mut doomed = vec![cluster.scaler().await.expect("a scaler")];
    for _ in 0..WORKERS {
        doomed.push(cluster.worker("piper").await.expect("a worker"));
    }
    let clients = [api.client().expect("a client")];
    let works: Vec<Work> = (0..JOBS)
        .map(|number| Work::Speech {
            text: load::long_answer(number, 2),
            tier: ["realtime", "standard", "batch"][number % 3],
        })
        .collect();
    let ids = load::submit_all(&clients, &works).await;
    clients[0].ended(&ids[ENDED_BEFORE]).await.expect("ended");
    doomed.push(api);
    for process in doomed {
        process.kill().await.expect("killed");
    }

    let scaler = cluster.scaler().await.expect("a scaler");
    let metrics = scaler.client().expect("a client");
    let begun = Instant::now();
    let (counted, gauge) = loop {
        let counted = broker(&cluster);
        let gauge = gauge(&metrics).await;
        if gauge == Some(counted) {
            break (counted, gauge);
        }
        assert!(begun.elapsed() < PATIENCE, "{gauge:?}, not {counted:?}");
    };
    println!(
        "after kill -9 of a scaler, an API server and {WORKERS} workers in the middle of {JOBS} jobs: \
         the broker {counted:?}, the gauge {gauge:?}, after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(
        counted.waiting > 0,
        "the kill came too late to show anything"
    );
    assert_eq!(counted.in_flight, 0);

    // With workers again it stays so, and everything is done.
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let clients = [api.client().expect("a client")];
    let jobs = load::all_ended(&clients, &ids).await;
    assert_eq!(load::statuses(&jobs).get("succeeded"), Some(&JOBS));
    let nothing = Counts {
        waiting: 0,
        in_flight: 0,
    };
    let begun = Instant::now();
    while gauge_and_broker(&cluster, &metrics).await != (Some(nothing), nothing) {
        assert!(begun.elapsed() < PATIENCE, "something is left");
    }
    for process in [api, worker, scaler] {
        process.stop().await.expect("stops with exit code 0");
    }
}

async fn gauge_and_broker(cluster: &Cluster, metrics: &Client) -> (Option<Counts>, Counts) {
    (gauge(metrics).await, broker(cluster))
}

/// The broker's word on Piper's lanes.
fn broker(cluster: &Cluster) -> Counts {
    let counts = cluster.broker_counts().expect("the broker's counts");
    let lanes = counts.iter().filter(|(name, _)| is_lane_of_piper(name));
    let mut sum = Counts {
        waiting: 0,
        in_flight: 0,
    };
    for (_, (ready, unacked)) in lanes {
        sum.waiting += ready;
        sum.in_flight += unacked;
    }
    sum
}

fn is_lane_of_piper(queue: &str) -> bool {
    queue.contains("piper") && !queue.contains("dead")
}

/// What the scaler says; `None` until it has read.
async fn gauge(metrics: &Client) -> Option<Counts> {
    let text = metrics.get("/metrics").await.expect("answered");
    let text = String::from_utf8(text.body.clone()).expect("text");
    let value = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(name) && line.contains("\"piper\""))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    Some(Counts {
        waiting: value("voicefleet_pool_waiting_jobs{")?,
        in_flight: value("voicefleet_pool_in_flight_jobs{")?,
    })
}
