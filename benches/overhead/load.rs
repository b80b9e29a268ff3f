//! One client alone, and a crowd.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use tokio::time::sleep;

use crate::http::{Client, Endpoint};

/// No two jobs of a run are the same: nothing is found in a cache.
static JOBS: AtomicU64 = AtomicU64::new(0);

/// How long a fleet may take to start.
const START: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the requests took, and all of them together.
pub(crate) struct Answers {
    sorted_ms: Vec<f64>,
    took: Duration,
}

impl Answers {
    fn new(mut latencies: Vec<Duration>, took: Duration) -> Self {
        latencies.sort_unstable();
        let milliseconds = |latency: &Duration| latency.as_secs_f64() * 1_000.0;
        Self {
            sorted_ms: latencies.iter().map(milliseconds).collect(),
            took,
        }
    }

    /// What so many per cent of the requests stayed within, milliseconds.
    pub(crate) fn percentile(&self, per_cent: usize) -> f64 {
        let rank = (self.sorted_ms.len() * per_cent).div_ceil(100).max(1);
        self.sorted_ms.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub(crate) fn count(&self) -> f64 {
        self.sorted_ms.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.took.as_secs_f64()
    }
}

/// Waits until the fleet has done its first job.
pub(crate) async fn until_it_works(endpoint: Endpoint) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        match one_after_another(endpoint, 1).await {
            Err(_) if began.elapsed() < START => sleep(LOOK_EVERY).await,
            done => return done.map(drop),
        }
    }
}

/// One client, each request after the answer to the one before.
pub(crate) async fn one_after_another(
    endpoint: Endpoint,
    requests: usize,
) -> anyhow::Result<Answers> {
    let mut client = Client::connect(endpoint).await?;
    let began = Instant::now();
    let mut latencies = Vec::with_capacity(requests);
    for _ in 0..requests {
        latencies.push(timed(&mut client).await?);
    }
    Ok(Answers::new(latencies, began.elapsed()))
}

/// So many clients side by side for so long.
pub(crate) async fn crowd(
    endpoint: Endpoint,
    clients: usize,
    span: Duration,
) -> anyhow::Result<Answers> {
    let clients = try_join_all((0..clients).map(|_| Client::connect(endpoint))).await?;
    let began = Instant::now();
    let each = clients.into_iter().map(|mut client| async move {
        let mut latencies = Vec::new();
        while began.elapsed() < span {
            latencies.push(timed(&mut client).await?);
        }
        anyhow::Ok(latencies)
    });
    let latencies = try_join_all(each).await?;
    Ok(Answers::new(latencies.concat(), began.elapsed()))
}

async fn timed(client: &mut Client) -> anyhow::Result<Duration> {
    let number = JOBS.fetch_add(1, Ordering::Relaxed);
    let began = Instant::now();
    client.job(&format!("Job {number}.")).await?;
    Ok(began.elapsed())
}
