//! What is still there when the records' process, or the connection to it, has come back.
//!
//! Only what waits or has ended: what ran is the business of whoever owns both queue and records.

use voicefleet_core::{
    JobState,
    ports::{JobFilter, Submission},
};

use super::{
    RecordsBench, advance, change, end, fresh, new_job, start, submit, submit_twins, succeed, twin,
};
use crate::conformance::Reopen;

/// Field by field, whatever state they have ended in.
pub async fn jobs_survive_reopening_as_they_were<B: RecordsBench + Reopen>() {
    let (bench, records, clock) = fresh::<B>().await;
    let lives = [
        vec![],
        vec![start(&clock), advance(3), succeed(&clock)],
        vec![end(&clock, JobState::Failed)],
        vec![start(&clock), end(&clock, JobState::Cancelled)],
    ];
    for life in lives {
        let job = new_job(&clock);
        submit(&records, &job).await;
        for step in life {
            change(&records, job.id, step).await;
        }
    }
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    let before = records.list(&all).await.expect("listed");
    assert_eq!(before.jobs.len(), 4);
    drop(records);
    let bench = bench.reopen().await;
    assert_eq!(bench.records().list(&all).await, Ok(before));
}

/// A follower still follows, and a newcomer still follows the same leader.
pub async fn leads_survive_reopening<B: RecordsBench + Reopen>() {
    let (bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 3).await;
    drop(records);
    let bench = bench.reopen().await;
    let records = bench.records();
    let followers = records.followers(ids[0]).await.expect("read");
    assert_eq!(
        followers.iter().map(|job| job.id).collect::<Vec<_>>(),
        ids[1..]
    );
    let newcomer = submit(&records, &twin(&clock, "twin")).await;
    assert!(matches!(newcomer, Submission::Follows { leader, .. } if leader == ids[0]));
}
