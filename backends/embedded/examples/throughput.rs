//! How fast the embedded backend is on this machine: `cargo run --example throughput -- [FOLDER]`.
//!
//! Every figure is the work of one process on a fresh database in FOLDER (default: the folder for
//! temporary files), with as many callers at the same time as the line says.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::{path::Path, sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use voicefleet_core::{
    Clock, EngineId, Envelope, JobId, Progress, Tier, Timings,
    ports::{Blob, BlobKey, JobChange, Retention, Settlement},
    time::SystemClock,
};
use voicefleet_embedded::{Embedded, EmbeddedConfig};
use voicefleet_testkit::{speech_job, start_at};

/// Size of a body: about three seconds of speech as FLAC.
const BODY_BYTES: usize = 150_000;

#[tokio::main]
async fn main() {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(tempfile::tempdir, tempfile::tempdir_in);
    let folder = folder.expect("a folder that can be written to");
    let open = async || {
        let file = folder.path().join(format!("{}.db", JobId::generate()));
        Arc::new(
            Embedded::open(EmbeddedConfig::new(file))
                .await
                .expect("opens"),
        )
    };
    for callers in [1, 16, 64] {
        let embedded = open().await;
        measure(
            "queue: publish + claim + settle",
            callers,
            200 * callers.min(32),
            |_| queue_cycle(Arc::clone(&embedded)),
        )
        .await;
        let embedded = open().await;
        measure(
            "whole job: 6 steps, submit flushed",
            callers,
            50 * callers.min(32),
            |_| whole_job(Arc::clone(&embedded)),
        )
        .await;
    }
    long_queue(&open().await).await;
    for callers in [1, 16] {
        let embedded = open().await;
        measure("blob put, 150 kB", callers, 400, |n| {
            put(Arc::clone(&embedded), n)
        })
        .await;
        measure("blob get, 150 kB", callers, 2_000, |n| {
            get(Arc::clone(&embedded), n % 400)
        })
        .await;
    }
    println!("{}", sizes(folder.path()));
}

/// `total` works by `callers` at a time.
async fn measure<F>(what: &str, callers: usize, total: usize, work: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for n in 0..total {
        if running.len() >= callers {
            running.join_next().await;
        }
        running.spawn(work(n));
    }
    running.join_all().await;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(total).unwrap_or(u32::MAX)) / seconds;
    println!("{what:36} {callers:3} at a time {rate:8.0}/s");
}

async fn queue_cycle(embedded: Arc<Embedded>) {
    let queue = embedded.queue();
    let job = speech_job(
        &JobId::generate().to_string(),
        Tier::Standard,
        SystemClock.now(),
    );
    queue
        .publish(&Envelope::for_job(&job))
        .await
        .expect("published");
    finish_one(&embedded).await;
}

async fn finish_one(embedded: &Embedded) {
    let mut consumer = embedded
        .queue()
        .consume(&EngineId::new("piper"))
        .await
        .expect("a consumer");
    let delivery = consumer.next().await.expect("a delivery");
    delivery.settle(Settlement::Done).await.expect("settled");
}

async fn whole_job(embedded: Arc<Embedded>) {
    let (queue, records) = (embedded.queue(), embedded.records());
    let job = speech_job(
        &JobId::generate().to_string(),
        Tier::Standard,
        SystemClock.now(),
    );
    records.submit(&job).await.expect("submitted");
    queue
        .publish(&Envelope::for_job(&job))
        .await
        .expect("published");
    let mut consumer = queue
        .consume(&EngineId::new("piper"))
        .await
        .expect("a consumer");
    let delivery = consumer.next().await.expect("a delivery");
    let id = delivery.envelope().job_id;
    let start = start_at(SystemClock.now());
    records.change(id, start).await.expect("started");
    let succeed = JobChange::Succeed {
        at: SystemClock.now(),
        timings: Timings::default(),
        progress: Progress {
            chunks_done: 1,
            chunks_total: 1,
        },
        from_cache: false,
    };
    records.change(id, succeed).await.expect("succeeded");
    delivery.settle(Settlement::Done).await.expect("settled");
}

/// Claims from a lane that 100 000 wait in.
async fn long_queue(embedded: &Arc<Embedded>) {
    measure("publish, up to 100 000 waiting", 64, 100_000, |_| {
        let embedded = Arc::clone(embedded);
        async move {
            let job = speech_job(
                &JobId::generate().to_string(),
                Tier::Batch,
                SystemClock.now(),
            );
            embedded
                .queue()
                .publish(&Envelope::for_job(&job))
                .await
                .expect("published");
        }
    })
    .await;
    measure("claim + settle, 100 000 waiting", 64, 5_000, |_| {
        let embedded = Arc::clone(embedded);
        async move { finish_one(&embedded).await }
    })
    .await;
}

async fn put(embedded: Arc<Embedded>, n: usize) {
    let bytes = Bytes::from(vec![7; BODY_BYTES]);
    let blob = Blob {
        bytes,
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Upload(n.to_string());
    embedded
        .blobs()
        .put(&key, blob, Retention::Cache)
        .await
        .expect("stored");
}

async fn get(embedded: Arc<Embedded>, n: usize) {
    let blob = embedded
        .blobs()
        .get(&BlobKey::Upload(n.to_string()))
        .await
        .expect("answered");
    assert_eq!(blob.expect("there").bytes.len(), BODY_BYTES);
}

fn sizes(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes: u64 = files
        .filter_map(|file| file.metadata().ok())
        .map(|data| data.len())
        .sum();
    format!("{} MB on disk", bytes / 1_000_000)
}
