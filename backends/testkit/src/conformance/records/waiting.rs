//! Waiting for a job to move.

use std::time::Duration;

use tokio::task::JoinSet;
use voicefleet_core::{JobState, Progress};

use super::{RecordsBench, advance, change, fresh, new_job, start, submit, succeed};
use crate::conformance::{PATIENCE, stays_pending, within_patience};

const UNTOUCHED: (JobState, Progress) = (
    JobState::Queued,
    Progress {
        chunks_done: 0,
        chunks_total: 0,
    },
);

/// What happened before the call is not waited for again.
pub async fn waiting_ends_at_once_when_the_job_differs_already<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let job = new_job(&clock);
    submit(&records, &job).await;
    let running = change(&records, job.id, start(&clock)).await;
    let waited = within_patience(records.wait(job.id, UNTOUCHED, PATIENCE * 10)).await;
    assert_eq!(waited, Ok(running));
}

/// Whoever waits for the same job, and nobody sleeps through it.
pub async fn every_waiter_is_woken_by_a_move<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    for _ in 0..5 {
        let job = new_job(&clock);
        submit(&records, &job).await;
        let mut waiters = JoinSet::new();
        for _ in 0..20 {
            let (records, id) = (records.clone(), job.id);
            waiters.spawn(async move { records.wait(id, UNTOUCHED, PATIENCE * 10).await });
        }
        // Some wait already, some come late: all have to see it.
        tokio::task::yield_now().await;
        change(&records, job.id, start(&clock)).await;
        for waited in within_patience(waiters.join_all()).await {
            assert_eq!(waited.expect("the job").state, JobState::Running);
        }
    }
}

/// A chunk more is a difference.
pub async fn waiting_ends_when_there_is_progress<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let job = new_job(&clock);
    submit(&records, &job).await;
    let mut seen = change(&records, job.id, start(&clock)).await;
    for step in [advance(1), advance(2), succeed(&clock)] {
        let waiting = records.wait(job.id, (seen.state, seen.progress), PATIENCE * 10);
        tokio::pin!(waiting);
        stays_pending(&mut waiting).await;
        let changed = change(&records, job.id, step).await;
        assert_eq!(within_patience(waiting).await.as_ref(), Ok(&changed));
        seen = changed;
    }
}

/// The job as it is, though nothing has happened.
pub async fn waiting_ends_with_the_patience<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let job = new_job(&clock);
    submit(&records, &job).await;
    for patience in [Duration::ZERO, Duration::from_millis(20)] {
        let waited = within_patience(records.wait(job.id, UNTOUCHED, patience)).await;
        assert_eq!(waited.as_ref(), Ok(&job));
    }
}
