//! Whose a running job is, and which jobs nobody has put into the queue.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{
    Clock, EnvelopeId, Job, JobState,
    ports::{Claim, JobChange, JobRecords, RecordError},
};

use super::{RecordsBench, advance, change, end, fresh, new_job, requeue, start, submit, succeed};
use crate::FakeClock;

fn start_by(clock: &FakeClock, claim: Claim) -> JobChange {
    JobChange::Start {
        at: clock.now(),
        claim,
    }
}

async fn running(records: &Arc<dyn JobRecords>, clock: &FakeClock) -> (Job, Claim) {
    let job = new_job(clock);
    submit(records, &job).await;
    let claim = Claim::new(EnvelopeId::generate(), false);
    (change(records, job.id, start_by(clock, claim)).await, claim)
}

/// Another envelope of the same job is a second one; the same delivered again means a lost worker.
pub async fn a_lost_run_is_succeeded_by_its_envelope_only<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let (job, first) = running(&records, &clock).await;
    let other = Claim::new(EnvelopeId::generate(), true);
    let refused = records.change(job.id, start_by(&clock, other)).await;
    assert!(matches!(refused, Err(RecordError::IllegalMove { .. })));
    let heir = Claim::new(first.envelope, true);
    let taken_over = change(&records, job.id, start_by(&clock, heir)).await;
    assert_eq!(
        (taken_over.state, taken_over.attempt),
        (JobState::Running, 2)
    );
}

/// A worker that was given up for lost, and is not, disturbs nobody.
pub async fn a_superseded_run_moves_nothing<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let (job, first) = running(&records, &clock).await;
    let heir = Claim::new(first.envelope, true);
    let taken_over = change(&records, job.id, start_by(&clock, heir)).await;
    let ends = end(&clock, JobState::Failed);
    for move_ in [
        advance(1),
        requeue(),
        JobChange::GiveBack,
        succeed(&clock),
        ends,
    ] {
        let refused = records.change_by(Some(first.run), job.id, move_).await;
        assert_eq!(refused, Err(RecordError::Superseded(job.id)));
    }
    assert_eq!(records.get(job.id).await.as_ref(), Ok(&taken_over));
    let done = records
        .change_by(Some(heir.run), job.id, succeed(&clock))
        .await;
    assert_eq!(done.expect("its own").state, JobState::Succeeded);
}

/// Neither what was said to be published, nor what a worker has had, nor what follows another job.
pub async fn what_is_in_the_queue_is_not_to_be_published<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let (published, begun, leader) = (new_job(&clock), new_job(&clock), new_job(&clock));
    for job in [&published, &begun, &leader] {
        submit(&records, job).await;
    }
    let follower = Job {
        id: voicefleet_core::JobId::generate(),
        ..leader.clone()
    };
    submit(&records, &follower).await;
    records.published(published.id).await.expect("noted");
    change(&records, begun.id, start(&clock)).await;
    clock.advance(Duration::from_secs(1));
    let named = records.unpublished(Duration::ZERO, 10).await;
    let named = named.expect("read");
    let sees_itself = !B::IS_TOLD_OF_PUBLISHING;
    let expected = sees_itself.then_some(published).into_iter().chain([leader]);
    assert_eq!(named, expected.collect::<Vec<_>>());
    change(&records, begun.id, succeed(&clock)).await;
}
