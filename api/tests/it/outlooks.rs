//! When a job will be done: what its object and its refusals say of it.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use voicefleet_core::{
    EngineId, JobId, Progress, Timestamp, Timings,
    ports::{JobChange, JobRecords, WorkerPresence},
};
use voicefleet_testkit::start_at;

use crate::support::{Api, catalog, limits};

const NOW: Timestamp = Timestamp(1_767_225_601_000);

/// A worker for Kokoro with `slots` slots that stays.
async fn up(api: &Api, slots: u32) {
    let worker = WorkerPresence {
        id: Uuid::new_v4(),
        engine: EngineId::new("kokoro"),
        slots,
    };
    let noted = api
        .context
        .ledger
        .note_worker(&worker, Duration::from_hours(1));
    noted.await.expect("noted");
}

async fn submitted(api: &Api, text: &str, tier: &str) -> Value {
    let body = json!({"kind": "speech", "input": text, "voice": "af_heart", "tier": tier});
    api.post("/v1/jobs", &body).await.expect(202).json()
}

/// The job, by a survey that is taken now.
async fn looked_at(api: &Api, job: &Value) -> Value {
    api.clock.advance(Duration::from_secs(1));
    api.get(&path(job)).await.expect(200).json()
}

fn path(job: &Value) -> String {
    format!("/v1/jobs/{}", job["id"].as_str().expect("an id"))
}

fn id_of(job: &Value) -> JobId {
    let id = job["id"].as_str().expect("an id");
    id.parse().expect("an id")
}

fn seconds(job: &Value, member: &str) -> f64 {
    let seconds = job[member].as_f64();
    seconds.unwrap_or_else(|| panic!("no {member}: {job}"))
}

/// About `seconds`: estimates are rounded to hundredths.
#[track_caller]
fn assert_about(estimate: f64, seconds: f64) {
    assert!(
        (estimate - seconds).abs() < 0.02,
        "{estimate}, not {seconds}"
    );
}

fn long(number: u32) -> String {
    format!(
        "{number}. {}",
        "A sentence that takes its time. ".repeat(40)
    )
}

#[tokio::test]
async fn a_waiting_job_says_what_comes_first_and_when_it_will_be_done() {
    let api = Api::new();
    up(&api, 2).await;
    let mut ahead = 0.0;
    for number in 0..4 {
        ahead += seconds(
            &submitted(&api, &long(number), "standard").await,
            "cost_seconds",
        );
    }
    let bulk = submitted(&api, &long(9), "batch").await;
    let job = submitted(&api, &long(5), "standard").await;
    let cost = seconds(&job, "cost_seconds");
    let job = looked_at(&api, &job).await;
    assert_eq!(job["queue_position"], 4, "those of its tier");
    assert_about(seconds(&job, "eta_seconds"), ahead / 2.0 + cost);
    let bulk = looked_at(&api, &bulk).await;
    assert_eq!(bulk["queue_position"], 5);
    let urgent = submitted(&api, "Now!", "realtime").await;
    let urgent = looked_at(&api, &urgent).await;
    assert_eq!(urgent["queue_position"], 0);
    assert_about(
        seconds(&urgent, "eta_seconds"),
        seconds(&urgent, "cost_seconds"),
    );
}

#[tokio::test]
async fn clients_are_told_to_come_back_when_it_should_be_done() {
    let api = Api::new();
    up(&api, 1).await;
    for number in 0..3 {
        submitted(&api, &long(number), "standard").await;
    }
    let job = submitted(&api, "Short.", "standard").await;
    let job = looked_at(&api, &job).await;
    let eta = seconds(&job, "eta_seconds");
    assert!(eta > seconds(&job, "cost_seconds") + 1.0, "{job}");
    let advice = format!("{:.0}", eta.ceil().clamp(1.0, 60.0));
    let answer = api.get(&path(&job)).await.expect(200);
    assert_eq!(answer.header("retry-after"), advice);
    let early = api.get(&format!("{}/result", path(&job))).await;
    assert_eq!(early.expect(409).header("retry-after"), advice);
    // Never more than a minute: clients that obey would not come back.
    let huge = submitted(&api, &long(7).repeat(6), "batch").await;
    let answer = api
        .get(&path(&looked_at(&api, &huge).await))
        .await
        .expect(200);
    assert!(seconds(&answer.json(), "eta_seconds") > 60.0);
    assert_eq!(answer.header("retry-after"), "60");
}

#[tokio::test]
async fn a_synchronous_request_that_gives_up_says_when_it_should_be_done() {
    let limits = voicefleet_api::ApiLimits {
        sync_wait: Duration::ZERO,
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let body = json!({"model": "kokoro", "voice": "af_heart", "input": "Hello."});
    let refused = api.post("/v1/audio/speech", &body).await.expect(503);
    // Nobody is up: a worker has to start.
    assert_eq!(refused.header("retry-after"), "16");
}

#[tokio::test]
async fn a_running_job_has_the_rest_of_its_work_before_it() {
    let api = Api::new();
    up(&api, 1).await;
    let job = submitted(&api, &long(0), "standard").await;
    let cost = seconds(&job, "cost_seconds");
    api.records
        .change(id_of(&job), start_at(NOW))
        .await
        .expect("started");
    let advance = JobChange::Advance {
        progress: Progress {
            chunks_done: 3,
            chunks_total: 4,
        },
        timings: Timings::default(),
    };
    api.records
        .change(id_of(&job), advance)
        .await
        .expect("advanced");
    let job = looked_at(&api, &job).await;
    assert_eq!(job["queue_position"], Value::Null);
    assert_about(seconds(&job, "eta_seconds"), cost / 4.0);
}

#[tokio::test]
async fn a_follower_has_the_outlook_of_whom_it_follows() {
    let api = Api::new();
    up(&api, 1).await;
    let leader = submitted(&api, &long(0), "standard").await;
    let follower = submitted(&api, &long(0), "standard").await;
    assert_eq!(follower["follows"], leader["id"]);
    let follower = looked_at(&api, &follower).await;
    assert_eq!(follower["queue_position"], 0);
    assert_about(
        seconds(&follower, "eta_seconds"),
        seconds(&leader, "cost_seconds"),
    );
    api.records
        .change(id_of(&leader), start_at(NOW))
        .await
        .expect("started");
    let follower = looked_at(&api, &follower).await;
    assert_eq!(
        (&follower["status"], &follower["queue_position"]),
        (&json!("queued"), &json!(0))
    );
}

#[tokio::test]
async fn nobody_knows_when_a_job_is_done_that_gets_no_worker() {
    let api = Api::custom(|context| {
        for pool in &mut context.scaling.pools {
            pool.max_workers = 0;
        }
    });
    let job = submitted(&api, "Hello.", "standard").await;
    assert_eq!(looked_at(&api, &job).await["eta_seconds"], Value::Null);
    let answer = api.get(&path(&job)).await.expect(200);
    assert_eq!(answer.header("retry-after"), "1", "by its cost");
}

#[tokio::test]
async fn a_fleet_that_cannot_be_read_makes_no_estimates() {
    let api = Api::new();
    let job = submitted(&api, "Hello.", "standard").await;
    assert!(job["eta_seconds"].is_number() && job["queue_position"].is_number());
    api.queue.outage().set_down(true);
    let job = looked_at(&api, &job).await;
    assert_eq!(
        (&job["eta_seconds"], &job["queue_position"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn an_ended_job_and_a_list_have_no_estimates() {
    let api = Api::new();
    let waiting = submitted(&api, "Wait.", "batch").await;
    let listed = api.get("/v1/jobs").await.expect(200).json();
    assert_eq!(listed["data"][0]["eta_seconds"], Value::Null);
    assert_eq!(listed["data"][0]["queue_position"], Value::Null);
    let _worker = api.worker();
    let ended = api.get(&format!("{}?wait=30", path(&waiting))).await;
    let ended = ended.expect(200).json();
    assert_eq!(ended["status"], "succeeded");
    assert_eq!(ended["eta_seconds"], Value::Null);
    assert_eq!(ended["queue_position"], Value::Null);
}
