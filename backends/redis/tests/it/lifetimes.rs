//! Nothing is kept for ever.

use std::{sync::Arc, time::Duration};

use voicefleet_core::{
    ErrorCode, Failure, Job, JobState,
    ports::{JobChange, JobFilter, JobRecords, RecordError, Submission},
};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::{stays_pending, within_patience};

use crate::{
    records::{job, start, submit},
    server::{Server, eventually, records},
};

const SOON: Duration = Duration::from_millis(1);

fn cancel() -> JobChange {
    JobChange::End {
        state: JobState::Cancelled,
        at: voicefleet_core::Timestamp(1),
        failure: Failure::new(ErrorCode::Cancelled, "withdrawn"),
    }
}

async fn gone(records: &Arc<dyn JobRecords>, job: &Job) {
    let missing = Err(RecordError::NotFound(job.id));
    eventually(async || (records.get(job.id).await == missing).then_some(())).await;
}

async fn keys(server: &Server) -> Vec<String> {
    let mut keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn every_record_and_claim_has_an_end() {
    let server = Server::start().await;
    let records = server.records();
    let leader = job("twin");
    let follower = job("twin");
    for job in [&leader, &follower] {
        records.submit(job).await.expect("submitted");
    }
    let lead = format!("voicefleet:lead:{}", leader.fingerprint);
    let record = format!("voicefleet:job:{}", leader.id);
    let followers = format!("voicefleet:followers:{}", leader.id);
    let ttl = async |key: &str| -> i64 { server.ask(&["PTTL", key]).await };
    let day = 24 * 3_600_000;
    for _ in 0..2 {
        assert!((29 * day..=30 * day).contains(&ttl(&record).await));
        assert!((29 * day..=30 * day).contains(&ttl(&followers).await));
        let lead_ends: i64 = server.ask(&["PEXPIRETIME", &lead]).await;
        let record_ends: i64 = server.ask(&["PEXPIRETIME", &record]).await;
        assert_eq!(lead_ends, record_ends);
        // All of it is longer again after a move.
        for key in [&record, &lead] {
            let _: i32 = server.ask(&["PEXPIRE", key, "60000"]).await;
        }
        let state = records.get(leader.id).await.expect("recorded").state;
        let change = match state {
            JobState::Queued => start(),
            _ => JobChange::GiveBack,
        };
        records.change(leader.id, change).await.expect("legal");
    }
    let _: i32 = server.ask(&["PEXPIRE", &followers, "60000"]).await;
    records.change(follower.id, start()).await.expect("legal");
    assert!((29 * day..=30 * day).contains(&ttl(&followers).await));
    records.change(leader.id, cancel()).await.expect("legal");
    assert!((6 * day..=7 * day).contains(&ttl(&record).await));
    assert_eq!(ttl(&lead).await, -2);
    records
        .promote(leader.id, follower.id)
        .await
        .expect("promoted");
    let lead_ends: i64 = server.ask(&["PEXPIRETIME", &lead]).await;
    let heir = format!("voicefleet:job:{}", follower.id);
    let heir_ends: i64 = server.ask(&["PEXPIRETIME", &heir]).await;
    assert_eq!(lead_ends, heir_ends);
}

/// By whatever is written next.
#[tokio::test]
async fn finished_jobs_go_and_so_do_their_entries() {
    let server = Server::start().await;
    let records = records(&RedisConfig {
        finished_ttl: SOON,
        ..server.config()
    });
    for _ in 0..10 {
        let job = submit(&records).await;
        records.change(job.id, cancel()).await.expect("legal");
        gone(&records, &job).await;
    }
    let cached = Job {
        state: JobState::Succeeded,
        ..job("from the cache")
    };
    records.insert_finished(&cached).await.expect("recorded");
    gone(&records, &cached).await;
    let all = JobFilter {
        limit: 50,
        ..JobFilter::default()
    };
    assert!(records.list(&all).await.expect("listed").jobs.is_empty());

    let last = eventually(async || {
        let last = submit(&records).await;
        let left: usize = server
            .ask(&["ZCARD", "voicefleet:lane:cancelled:standard"])
            .await;
        let kept: usize = server
            .ask(&["ZCARD", "voicefleet:lane:succeeded:standard"])
            .await;
        (left + kept == 0).then_some(last)
    })
    .await;
    let waiting: usize = server
        .ask(&["ZCARD", "voicefleet:lane:queued:standard"])
        .await;
    let entries: usize = server.ask(&["ZCARD", "voicefleet:expiry"]).await;
    assert_eq!(entries, waiting);
    assert_eq!(records.get(last.id).await, Ok(last));
}

/// Also when nothing is written any more: whoever opens the records begins by sweeping.
#[tokio::test]
async fn what_is_gone_is_swept_in_the_background() {
    let server = Server::start().await;
    let short = records(&RedisConfig {
        unfinished_ttl: SOON,
        ..server.config()
    });
    for _ in 0..20 {
        let job = submit(&short).await;
        gone(&short, &job).await;
    }
    drop(short);
    assert!(!keys(&server).await.is_empty());
    let _opened = server.records();
    eventually(async || keys(&server).await.is_empty().then_some(())).await;
}

/// Its envelope is lost: nobody may follow it for ever.
#[tokio::test]
async fn a_job_that_nobody_touches_gives_up_its_lead() {
    let server = Server::start().await;
    let records = records(&RedisConfig {
        unfinished_ttl: Duration::from_millis(50),
        ..server.config()
    });
    let lost = job("twin");
    assert_eq!(records.submit(&lost).await, Ok(Submission::Leads));
    gone(&records, &lost).await;
    assert_eq!(records.leader(&lost.fingerprint).await, Ok(None));
    assert_eq!(records.submit(&job("twin")).await, Ok(Submission::Leads));
}

/// The claim is there, but its job has been taken away from outside.
#[tokio::test]
async fn a_claim_without_its_job_holds_nobody_up() {
    let server = Server::start().await;
    let records = server.records();
    let lost = job("twin");
    assert_eq!(records.submit(&lost).await, Ok(Submission::Leads));
    let record = format!("voicefleet:job:{}", lost.id);
    let _: i32 = server.ask(&["DEL", &record]).await;
    let next = job("twin");
    assert_eq!(records.submit(&next).await, Ok(Submission::Leads));
    assert_eq!(records.leader(&lost.fingerprint).await, Ok(Some(next.id)));
}

#[tokio::test]
async fn whoever_waits_for_a_job_hears_that_it_is_gone() {
    let server = Server::start().await;
    let records = records(&RedisConfig {
        look_interval: Duration::from_millis(5),
        ..server.config()
    });
    let job = submit(&records).await;
    let seen = (job.state, job.progress);
    let waiting = records.wait(job.id, seen, Duration::from_hours(1));
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    let record = format!("voicefleet:job:{}", job.id);
    let _: i32 = server.ask(&["DEL", &record]).await;
    assert_eq!(
        within_patience(waiting).await,
        Err(RecordError::NotFound(job.id))
    );
}
