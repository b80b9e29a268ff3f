//! Withdrawing jobs.

use axum::http::Method;
use serde_json::{Value, json};
use voicefleet_core::{
    JobSpec, Tier,
    ports::{BlobKey, JobRecords as _, Retention},
};

use crate::{bad_inputs::audio::tone_wav, support::Api};

async fn submitted(api: &Api, tier: &str) -> String {
    let body = json!({"kind": "speech", "input": "Hello.", "tier": tier});
    api.post("/v1/jobs", &body).await.expect(202).id()
}

async fn job(api: &Api, id: &str) -> Value {
    api.get(&format!("/v1/jobs/{id}")).await.expect(200).json()
}

#[tokio::test]
async fn both_spellings_cancel_and_doing_it_again_changes_nothing() {
    for delete in [true, false] {
        let api = Api::new();
        let id = submitted(&api, "batch").await;
        let cancel = async || {
            if delete {
                api.call(Method::DELETE, &format!("/v1/jobs/{id}")).await
            } else {
                api.call(Method::POST, &format!("/v1/jobs/{id}/cancel"))
                    .await
            }
        };
        let first = cancel().await.expect(202).json();
        assert_eq!(
            (&first["status"], &first["error"]["code"]),
            (&json!("cancelled"), &json!("cancelled"))
        );
        assert_eq!(cancel().await.expect(200).json(), first);
        assert_eq!(job(&api, &id).await, first);
    }
}

#[tokio::test]
async fn a_job_that_is_done_stays_done() {
    let api = Api::new();
    let _worker = api.worker();
    let id = submitted(&api, "batch").await;
    api.get(&format!("/v1/jobs/{id}?wait=30")).await.expect(200);
    let answer = api
        .call(Method::POST, &format!("/v1/jobs/{id}/cancel"))
        .await
        .expect(200);
    assert_eq!(answer.json()["status"], "succeeded");
}

#[tokio::test]
async fn followers_outlive_the_one_they_follow() {
    let api = Api::new();
    let leader = submitted(&api, "batch").await;
    let second = submitted(&api, "batch").await;
    let third = submitted(&api, "standard").await;
    api.call(Method::DELETE, &format!("/v1/jobs/{leader}"))
        .await
        .expect(202);
    assert_eq!(job(&api, &second).await["follows"], Value::Null);
    assert_eq!(job(&api, &third).await["follows"], second);
    // The leader's envelopes (its own, and one hastened by the third), then the second's: in the
    // third's lane, the more urgent one.
    assert_eq!(api.waiting("piper").await, [0, 2, 1]);
    assert_eq!(api.next_envelope("piper").await.job_id.to_string(), leader);
    let promoted = api.next_envelope("piper").await;
    assert_eq!(
        (promoted.job_id.to_string(), promoted.tier),
        (second.clone(), Tier::Standard)
    );
    let _worker = api.worker();
    // What is left in the queue belongs to nobody, so put the promoted one back by hand.
    voicefleet_core::ports::JobQueue::publish(&api.queue, &promoted)
        .await
        .expect("published");
    for id in [second, third] {
        let ended = api
            .get(&format!("/v1/jobs/{id}?wait=30"))
            .await
            .expect(200)
            .json();
        assert_eq!(ended["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_cancelled_follower_leaves_the_others_alone() {
    let api = Api::new();
    let leader = submitted(&api, "batch").await;
    let follower = submitted(&api, "batch").await;
    api.call(Method::DELETE, &format!("/v1/jobs/{follower}"))
        .await
        .expect(202);
    assert_eq!(job(&api, &leader).await["status"], "queued");
    assert_eq!(api.waiting("piper").await, [0, 0, 1]);
}

#[tokio::test]
async fn a_follower_that_cannot_be_queued_yet_is_queued_later() {
    let api = Api::new();
    let leader = submitted(&api, "batch").await;
    let follower = submitted(&api, "batch").await;
    api.queue.outage().set_down(true);
    api.call(Method::DELETE, &format!("/v1/jobs/{leader}"))
        .await
        .expect(202);
    // Its client has been promised an answer.
    assert_eq!(job(&api, &follower).await["status"], "queued");
    api.queue.outage().set_down(false);
    api.clock.advance(std::time::Duration::from_mins(1));
    let stop = tokio_util::sync::CancellationToken::new();
    let sweeping = voicefleet_api::queue_what_was_left(api.context.clone(), stop.clone());
    let mut sweeper = tokio::task::JoinSet::new();
    sweeper.spawn(sweeping);
    // The first of the two envelopes is that of the cancelled job.
    let queued = [
        api.next_envelope("piper").await,
        api.next_envelope("piper").await,
    ];
    assert_eq!(queued[1].job_id.to_string(), follower);
    stop.cancel();
    let ended = sweeper.join_next().await.expect("a task");
    ended.expect("ends when it is told to");
}

#[tokio::test]
async fn a_cancellation_that_broke_off_is_completed_by_the_next() {
    let api = Api::new();
    let leader = submitted(&api, "batch").await;
    let follower = submitted(&api, "batch").await;
    let end = voicefleet_core::ports::JobChange::End {
        state: voicefleet_core::JobState::Cancelled,
        at: voicefleet_core::Clock::now(&api.clock),
        failure: voicefleet_core::Failure::new(voicefleet_core::ErrorCode::Cancelled, "by half"),
    };
    let id = leader.parse().expect("an id");
    voicefleet_core::ports::JobRecords::change(&api.records, id, end)
        .await
        .expect("cancelled");
    assert_eq!(job(&api, &follower).await["follows"], leader);
    api.call(Method::DELETE, &format!("/v1/jobs/{leader}"))
        .await
        .expect(200);
    assert_eq!(job(&api, &follower).await["follows"], Value::Null);
}

#[tokio::test]
async fn a_recording_that_nobody_wants_heard_any_more_gives_way() {
    let api = Api::new();
    let submitted = async || {
        let fields = [("kind", "transcription")];
        api.upload("/v1/jobs", &fields, &tone_wav(1))
            .await
            .expect(202)
            .id()
    };
    let jobs = [submitted().await, submitted().await];
    let leader = api.records.get(jobs[0].parse().expect("an id")).await;
    let JobSpec::Transcription(spec) = leader.expect("recorded").spec else {
        panic!("a transcription")
    };
    let upload = BlobKey::Upload(spec.audio_key);
    // The second goes on with the first one's work.
    for (job, kept) in jobs.iter().zip([Retention::Pinned, Retention::Cache]) {
        api.call(Method::DELETE, &format!("/v1/jobs/{job}"))
            .await
            .expect(202);
        assert_eq!(api.blobs.retention(&upload), Some(kept), "{job}");
    }
}
