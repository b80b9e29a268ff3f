//! Stopping, and callers that go away.

use std::time::Duration;

use futures::poll;
use voicefleet_core::{
    Envelope, JobState, Progress, Tier, Timestamp,
    ports::{QueueError, RecordError, Settlement},
};
use voicefleet_testkit::{
    conformance::{stays_pending, within_patience},
    speech_job,
};

use crate::bench::Database;

#[tokio::test]
async fn whoever_waits_for_work_hears_that_it_is_closed() {
    let database = Database::fresh().await;
    let mut consumer = database.consumer().await;
    let waiting = consumer.next();
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    let (queue, records) = (database.queue(), database.records());
    let closed = database.close().await;
    let refused = within_patience(waiting).await.err();
    assert!(
        matches!(refused, Some(QueueError::Unavailable(_))),
        "{refused:?}"
    );
    // Ports that outlive it say so, and keep nobody from opening it again.
    let job = speech_job("late", Tier::Standard, Timestamp(0));
    let late = queue.publish(&Envelope::for_job(&job)).await;
    assert!(matches!(late, Err(QueueError::Unavailable(_))), "{late:?}");
    assert!(matches!(
        records.submit(&job).await,
        Err(RecordError::Unavailable(_))
    ));
    assert!(matches!(
        records.get(job.id).await,
        Err(RecordError::Unavailable(_))
    ));
    let database = closed.open().await;
    assert_eq!(database.gauge().await.ready, 0);
}

#[tokio::test]
async fn closing_leaves_one_file_with_everything_in_it() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let closed = database.close().await;
    let mut wal = closed.config.file.clone().into_os_string();
    wal.push("-wal");
    let left = std::fs::metadata(wal).map_or(0, |file| file.len());
    assert_eq!(left, 0, "the log has not been carried over");
    let database = closed.open().await;
    assert_eq!(database.next().await.envelope().job_id, job.id);
}

#[tokio::test]
async fn what_a_caller_began_and_did_not_wait_for_is_done_and_announced() {
    let database = Database::fresh().await;
    let mut consumer = database.consumer().await;
    let waiting = consumer.next();
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    let job = database.submit().await;
    {
        let envelope = Envelope::for_job(&job);
        let queue = database.queue();
        let publishing = queue.publish(&envelope);
        tokio::pin!(publishing);
        assert!(poll!(&mut publishing).is_pending());
    }
    let delivery = within_patience(waiting).await.expect("a delivery");
    assert_eq!(delivery.envelope().job_id, job.id);

    let records = database.records();
    let unseen = (JobState::Queued, Progress::default());
    let patience = Duration::from_mins(5);
    let waiting = records.wait(job.id, unseen, patience);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    {
        let starting = records.change(job.id, database.start());
        tokio::pin!(starting);
        assert!(poll!(&mut starting).is_pending());
    }
    assert_eq!(
        within_patience(waiting).await.expect("the job").state,
        JobState::Running
    );
    delivery.settle(Settlement::Done).await.expect("settled");
}

#[tokio::test]
async fn a_settlement_that_is_cut_off_is_made_or_the_delivery_comes_again() {
    let database = Database::fresh().await;
    for _ in 0..20 {
        let job = database.accept().await;
        let delivery = database.next().await;
        {
            let settling = delivery.settle(Settlement::GiveBack);
            tokio::pin!(settling);
            let _ = poll!(&mut settling);
        }
        let again = database.next().await;
        assert_eq!(again.envelope().job_id, job.id);
        // The cut-off settlement was also dropped: that must not take the new delivery back.
        let sentinel = database.accept().await;
        let other = database.next().await;
        assert_eq!(other.envelope().job_id, sentinel.id);
        for delivery in [again, other] {
            delivery.settle(Settlement::Done).await.expect("settled");
        }
    }
    let gauge = database.gauge().await;
    assert_eq!((gauge.ready, gauge.in_flight), (0, 0));
    database.assert_counts_are_true().await;
}

#[tokio::test]
async fn more_callers_than_may_wait_are_turned_away() {
    let database = Database::with(|config| config.max_waiters = 1).await;
    let job = database.submit().await;
    let records = database.records();
    let unseen = (JobState::Queued, Progress::default());
    let first = records.wait(job.id, unseen, Duration::from_mins(5));
    tokio::pin!(first);
    stays_pending(&mut first).await;
    let second = records.wait(job.id, unseen, Duration::from_mins(5)).await;
    assert!(
        matches!(second, Err(RecordError::Unavailable(_))),
        "{second:?}"
    );
    database.change(job.id, database.start()).await;
    assert_eq!(
        within_patience(first).await.expect("the job").state,
        JobState::Running
    );
}
