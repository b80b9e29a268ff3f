//! Nobody with a headset on notices that an archive is being spoken.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use voicefleet_tests::{Client, Cluster};

use crate::{
    load::{self, Work},
    quantile,
};

const FLOOD: usize = 2_000;
const PROBE_EVERY: Duration = Duration::from_millis(200);
const PROBES: usize = 150;
/// One standard job among so many probes.
const STANDARD_EVERY: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn realtime_probes_beside_a_batch_flood() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    cluster.set("piper_slots", "2");
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let client = api.client().expect("a client");
    // The voice is in memory from now on.
    load::spoken(&client, "realtime", "Warm.")
        .await
        .expect("spoken");

    let unloaded = probe(&client, "quiet").await;
    let flood: Vec<Work> = (0..FLOOD).map(archive).collect();
    let ids = load::submit_all(std::slice::from_ref(&client), &flood).await;
    let loaded = probe(&client, "loud").await;
    let batch = load_of(&client, &ids).await;

    let (quiet, loud) = (unloaded.waits("realtime"), loaded.waits("realtime"));
    let standard = loaded.waits("standard");
    println!(
        "realtime wait p50/p95: {:.0}/{:.0} ms unloaded, {:.0}/{:.0} ms beside {FLOOD} batch jobs; \
         longest wait of {} standard jobs {:.0} ms; batch had {:.0} % of the compute",
        quantile(&quiet, 0.5),
        quantile(&quiet, 0.95),
        quantile(&loud, 0.5),
        quantile(&loud, 0.95),
        standard.len(),
        quantile(&standard, 1.0),
        100.0 * batch.compute_ms / (batch.compute_ms + loaded.compute_ms()),
    );
    assert!(
        batch.waiting > 0,
        "the flood was over before the probes were"
    );
    assert!(batch.compute_ms > 0.0, "batch starved");
    assert_eq!(loud.len() + standard.len(), PROBES);
    api.stop().await.expect("stops");
    worker.stop().await.expect("stops");
}

fn archive(number: usize) -> Work {
    Work::Speech {
        text: format!("Page {number} of the archive has a sentence or two. Nobody waits for it."),
        tier: "batch",
    }
}

/// Probes that were answered.
struct Probes(Vec<Value>);

impl Probes {
    /// Milliseconds that the jobs of a tier waited, in the queue and for a core.
    fn waits(&self, tier: &str) -> Vec<f64> {
        let of_tier = self.0.iter().filter(|job| job["tier"] == tier);
        of_tier
            .map(|job| milliseconds(job, "queue_ms") + milliseconds(job, "pause_ms"))
            .collect()
    }

    fn compute_ms(&self) -> f64 {
        self.0
            .iter()
            .map(|job| milliseconds(job, "compute_ms"))
            .sum()
    }
}

/// A realtime prompt now and then, and a standard one among them; each is another one.
async fn probe(client: &Client, when: &str) -> Probes {
    let mut ticks = interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut probes = JoinSet::new();
    for number in 0..PROBES {
        ticks.tick().await;
        let tier = match number % STANDARD_EVERY {
            0 => "standard",
            _ => "realtime",
        };
        let (client, text) = (client.clone(), format!("Probe {number}, {when}."));
        probes.spawn(async move { load::spoken(&client, tier, &text).await.expect("spoken") });
    }
    Probes(probes.join_all().await)
}

/// What came of the flood while the probes ran.
struct Batch {
    waiting: usize,
    compute_ms: f64,
}

async fn load_of(client: &Client, ids: &[String]) -> Batch {
    let mut batch = Batch {
        waiting: 0,
        compute_ms: 0.0,
    };
    for id in ids {
        let job = client.get(&format!("/v1/jobs/{id}")).await.expect("answer");
        let job = job.accepted().expect("the job");
        batch.waiting += usize::from(job["status"] == "queued");
        batch.compute_ms += milliseconds(&job, "compute_ms");
    }
    batch
}

fn milliseconds(job: &Value, phase: &str) -> f64 {
    job["timings"][phase].as_f64().unwrap_or_default()
}
