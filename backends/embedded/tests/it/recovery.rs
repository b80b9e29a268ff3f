//! Work whose worker is lost, and steps that a crash has cut off. A crash is a close that leaves
//! deliveries out: nothing is written on the way that a killed process would not have written.

use std::time::Duration;

use voicefleet_core::{
    ErrorCode, Failure, JobState, Progress,
    ports::{JobChange, Settlement, Submission},
};
use voicefleet_testkit::conformance::{stays_pending, within_patience};

use crate::bench::Database;

fn withdrawn() -> Failure {
    Failure::new(ErrorCode::Cancelled, "withdrawn by the client")
}

#[tokio::test]
async fn a_running_job_is_queued_again_with_its_attempt_counted() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let lost = database.start_next().await;
    let database = database.reopen().await;
    drop(lost);
    let queued = database.job(job.id).await;
    assert_eq!((queued.state, queued.attempt), (JobState::Queued, 1));
    assert_eq!(
        queued.failure.map(|failure| failure.code),
        Some(ErrorCode::WorkerLost)
    );
    let again = database.start_next().await;
    assert_eq!(
        (again.envelope().job_id, again.envelope().attempt),
        (job.id, 1)
    );
    assert_eq!(database.job(job.id).await.attempt, 2);
}

#[tokio::test]
async fn a_delivery_that_was_never_begun_costs_no_attempt() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let lost = database.next().await;
    let database = database.reopen().await;
    drop(lost);
    assert_eq!(database.next().await.envelope().attempt, 0);
    assert_eq!(database.job(job.id).await.failure, None);
}

#[tokio::test]
async fn after_the_last_attempt_it_fails_and_its_followers_with_it() {
    let mut database = Database::with(|config| config.max_attempts = 2).await;
    let (leader, _) = database.submit_text("poison").await;
    let (follower, submission) = database.submit_text("poison").await;
    assert!(matches!(submission, Submission::Follows { .. }));
    database.publish(&leader).await;
    for attempt in 1..=2 {
        let lost = database.start_next().await;
        assert_eq!(lost.envelope().attempt, attempt - 1);
        database = database.reopen().await;
    }
    for id in [leader.id, follower.id] {
        let failed = database.job(id).await;
        assert_eq!(failed.state, JobState::Failed);
        assert_eq!(
            failed.failure.map(|failure| failure.code),
            Some(ErrorCode::WorkerLost)
        );
    }
    let gauge = database.gauge().await;
    assert_eq!((gauge.ready, gauge.in_flight, gauge.dead), (0, 0, 1));
    database.assert_counts_are_true().await;
}

#[tokio::test]
async fn a_delivery_that_is_dropped_while_its_job_runs_puts_the_job_back() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let delivery = database.start_next().await;
    let running = (JobState::Running, Progress::default());
    let records = database.records();
    let waiting = records.wait(job.id, running, Duration::from_mins(5));
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    drop(delivery);
    let queued = within_patience(waiting).await.expect("told");
    assert_eq!((queued.state, queued.attempt), (JobState::Queued, 1));
    assert_eq!(database.start_next().await.envelope().attempt, 1);
}

#[tokio::test]
async fn a_job_that_was_recorded_and_not_published_is_published() {
    let database = Database::fresh().await;
    let jobs = [database.submit().await, database.submit().await];
    let database = database.reopen().await;
    assert_eq!(database.gauge().await.ready, 2);
    for job in &jobs {
        let delivery = database.next().await;
        assert_eq!(delivery.envelope().job_id, job.id);
        assert_eq!(delivery.envelope().spec, job.spec);
        delivery
            .settle(Settlement::GiveBack)
            .await
            .expect("settled");
        database
            .next()
            .await
            .settle(Settlement::Done)
            .await
            .expect("settled");
    }
}

#[tokio::test]
async fn a_job_that_has_its_envelope_does_not_get_another() {
    let database = Database::fresh().await;
    database.accept().await;
    let database = database.reopen().await.reopen().await;
    assert_eq!(database.gauge().await.ready, 1);
}

#[tokio::test]
async fn what_has_ended_and_was_not_settled_does_not_come_again() {
    let database = Database::fresh().await;
    let fault = Failure::new(ErrorCode::NotAudio, "not audio");
    let endings = [
        (database.succeed(), 0),
        (database.end(JobState::Expired, &withdrawn()), 0),
        (database.end(JobState::Failed, &fault), 1),
    ];
    let mut lost = Vec::new();
    for (ending, _) in &endings {
        let job = database.accept().await;
        lost.push(database.start_next().await);
        database.change(job.id, ending.clone()).await;
    }
    let withdrawn_while_queued = database.accept().await;
    database
        .change(
            withdrawn_while_queued.id,
            database.end(JobState::Cancelled, &withdrawn()),
        )
        .await;
    let database = database.reopen().await;
    let gauge = database.gauge().await;
    let dead: u64 = endings.iter().map(|(_, dead)| dead).sum();
    assert_eq!((gauge.ready, gauge.in_flight, gauge.dead), (0, 0, dead));
}

#[tokio::test]
async fn followers_of_a_leader_that_was_withdrawn_get_a_new_one() {
    let database = Database::fresh().await;
    let (leader, _) = database.submit_text("twin").await;
    let (heir, _) = database.submit_text("twin").await;
    let (other, _) = database.submit_text("twin").await;
    database
        .change(leader.id, database.end(JobState::Cancelled, &withdrawn()))
        .await;
    let database = database.reopen().await;
    assert_eq!(database.job(heir.id).await.follows, None);
    assert_eq!(database.job(other.id).await.follows, Some(heir.id));
    assert_eq!(database.next().await.envelope().job_id, heir.id);
    let (_, submission) = database.submit_text("twin").await;
    assert!(matches!(submission, Submission::Follows { leader, .. } if leader == heir.id));
}

#[tokio::test]
async fn followers_of_a_leader_that_failed_fail_with_it() {
    let database = Database::fresh().await;
    let (leader, _) = database.submit_text("twin").await;
    let (follower, _) = database.submit_text("twin").await;
    let fault = Failure::new(ErrorCode::NotAudio, "not audio");
    database
        .change(leader.id, database.end(JobState::Failed, &fault))
        .await;
    let database = database.reopen().await;
    let failed = database.job(follower.id).await;
    assert_eq!(
        (failed.state, failed.failure),
        (JobState::Failed, Some(fault))
    );
    assert_eq!(database.gauge().await.ready, 0);
}

#[tokio::test]
async fn a_job_that_runs_without_a_delivery_is_queued_again() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let delivery = database.start_next().await;
    delivery.settle(Settlement::Done).await.expect("settled");
    let database = database.reopen().await;
    assert_eq!(database.job(job.id).await.state, JobState::Queued);
    assert_eq!(database.next().await.envelope().job_id, job.id);
}

#[tokio::test]
async fn a_requeued_job_whose_delivery_was_not_settled_comes_once() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let lost = database.start_next().await;
    let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
    database
        .change(
            job.id,
            JobChange::Requeue {
                failure: failure.clone(),
            },
        )
        .await;
    let database = database.reopen().await;
    drop(lost);
    assert_eq!(database.job(job.id).await.failure, Some(failure));
    let again = database.next().await;
    assert_eq!(
        (again.envelope().job_id, again.envelope().attempt),
        (job.id, 1)
    );
    assert_eq!(database.gauge().await.ready, 0);
}
