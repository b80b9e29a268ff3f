//! A process that is killed in the middle of writing.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use tokio::task::JoinSet;
use voicefleet_core::{
    Clock, EngineId, Envelope, JobId, JobState, Progress, Tier, Timings,
    ports::{Blob, BlobKey, JobChange, JobFilter, Retention, Settlement},
    time::SystemClock,
};
use voicefleet_embedded::{Embedded, EmbeddedConfig, OpenError};
use voicefleet_testkit::{conformance::within_patience, speech_job, start_at};

/// Tells the test binary that it is the process to be killed, and what to write to.
const FILE: &str = "VOICEFLEET_KILL_TEST_FILE";

const ROUNDS: usize = 3;

/// What the process had confirmed before it was killed.
#[derive(Default)]
struct Confirmed {
    accepted: HashSet<JobId>,
    succeeded: HashSet<JobId>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_that_it_confirmed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("voicefleet.db");
    let mut confirmed = Confirmed::default();
    for _ in 0..ROUNDS {
        let mut victim = start_victim(&file);
        let mut lines = BufReader::new(victim.stdout.take().expect("piped")).lines();
        let enough = confirmed.accepted.len() + 150;
        while confirmed.accepted.len() < enough {
            confirmed.note(
                &lines
                    .next()
                    .expect("it goes on for ever")
                    .expect("readable"),
            );
        }
        assert_in_use_by(&victim, &file).await;
        victim.kill().expect("killed");
        victim.wait().expect("gone");
        for line in lines.map_while(Result::ok) {
            confirmed.note(&line);
        }
        confirmed.check(&file).await;
    }
    drain(&file).await;
}

impl Confirmed {
    fn note(&mut self, line: &str) {
        // The last line may be cut off: then it does not count as confirmed.
        let Some((what, id)) = line.split_once(' ') else {
            return;
        };
        let Ok(id) = id.parse() else { return };
        match what {
            "accepted" => drop(self.accepted.insert(id)),
            "succeeded" => drop(self.succeeded.insert(id)),
            _ => {}
        }
    }

    async fn check(&self, file: &Path) {
        let embedded = Embedded::open(EmbeddedConfig::new(file))
            .await
            .expect("opens");
        let (records, blobs) = (embedded.records(), embedded.blobs());
        for id in &self.accepted {
            let job = records.get(*id).await.expect("accepted, so recorded");
            assert!(
                matches!(job.state, JobState::Queued | JobState::Succeeded),
                "{:?}",
                job.state
            );
            if job.state == JobState::Succeeded {
                let key = BlobKey::Result(job.fingerprint);
                let audio = blobs
                    .get(&key)
                    .await
                    .expect("answered")
                    .expect("stored before");
                assert_eq!(audio.bytes.len(), BODY_BYTES);
            }
        }
        for id in &self.succeeded {
            assert_eq!(
                records.get(*id).await.expect("recorded").state,
                JobState::Succeeded
            );
        }
        assert_eq!(
            queued(&embedded).await.len() as u64,
            waiting(&embedded).await
        );
        embedded.close().await.expect("closes");
    }
}

fn start_victim(file: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "kill::the_process_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

async fn assert_in_use_by(victim: &Child, file: &Path) {
    match Embedded::open(EmbeddedConfig::new(file)).await {
        Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, Some(victim.id())),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two processes have it open"),
    }
}

async fn queued(embedded: &Embedded) -> Vec<JobId> {
    let filter = JobFilter {
        state: Some(JobState::Queued),
        limit: 100_000,
        ..JobFilter::default()
    };
    let page = embedded.records().list(&filter).await.expect("listed");
    page.jobs.iter().map(|job| job.id).collect()
}

async fn waiting(embedded: &Embedded) -> u64 {
    let gauge = embedded
        .queue()
        .gauge(&EngineId::new("piper"))
        .await
        .expect("a gauge");
    assert!(
        gauge.tiers.iter().all(|tier| tier.in_flight == 0),
        "{gauge:?}"
    );
    gauge.tiers.iter().map(|tier| tier.ready).sum()
}

/// Everything that was left can be done, once each.
async fn drain(file: &Path) {
    let embedded = Embedded::open(EmbeddedConfig::new(file))
        .await
        .expect("opens");
    let mut left: HashSet<JobId> = queued(&embedded).await.into_iter().collect();
    let mut consumer = embedded
        .queue()
        .consume(&EngineId::new("piper"))
        .await
        .expect("a consumer");
    while !left.is_empty() {
        let delivery = within_patience(consumer.next()).await.expect("a delivery");
        assert!(left.remove(&delivery.envelope().job_id), "delivered twice");
        finish(&embedded, delivery).await;
    }
    assert_eq!(
        (queued(&embedded).await.len(), waiting(&embedded).await),
        (0, 0)
    );
    embedded.close().await.expect("closes");
}

const BODY_BYTES: usize = 20_000;

/// Not a test: what [`a_killed_process_loses_nothing_that_it_confirmed`] starts and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs until it is killed"]
async fn the_process_to_be_killed() {
    let file = std::env::var_os(FILE).expect("started by the test");
    let embedded = std::sync::Arc::new(
        Embedded::open(EmbeddedConfig::new(file))
            .await
            .expect("opens"),
    );
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (publishing, working) = (embedded.clone(), embedded.clone());
        tasks.spawn(async move {
            loop {
                accept(&publishing).await;
            }
        });
        tasks.spawn(async move {
            let piper = EngineId::new("piper");
            let mut consumer = working.queue().consume(&piper).await.expect("a consumer");
            loop {
                let delivery = consumer.next().await.expect("a delivery");
                finish(&working, delivery).await;
            }
        });
    }
    tasks.join_all().await;
}

async fn accept(embedded: &Embedded) {
    let tier = Tier::ALL[fastrand::usize(0..3)];
    let job = speech_job(&JobId::generate().to_string(), tier, SystemClock.now());
    embedded.records().submit(&job).await.expect("submitted");
    embedded
        .queue()
        .publish(&Envelope::for_job(&job))
        .await
        .expect("published");
    confirm("accepted", job.id);
}

async fn finish(embedded: &Embedded, delivery: Box<dyn voicefleet_core::ports::Delivery>) {
    let records = embedded.records();
    let id = delivery.envelope().job_id;
    let start = start_at(SystemClock.now());
    let job = records.change(id, start).await.expect("started");
    let bytes = Bytes::from(vec![1; BODY_BYTES]);
    let blob = Blob {
        bytes,
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Result(job.fingerprint);
    embedded
        .blobs()
        .put(&key, blob, Retention::Cache)
        .await
        .expect("stored");
    let succeed = JobChange::Succeed {
        at: SystemClock.now(),
        timings: Timings::default(),
        progress: Progress::default(),
        from_cache: false,
    };
    records.change(id, succeed).await.expect("succeeded");
    confirm("succeeded", id);
    delivery.settle(Settlement::Done).await.expect("settled");
}

/// One write per line, so that lines are not mixed.
fn confirm(what: &str, id: JobId) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{what} {id}\n").as_bytes())
        .expect("the test listens");
}
