//! Pages of jobs.

use std::sync::Arc;

use voicefleet_core::{
    Job, JobId, JobState, Tier,
    ports::{JobFilter, JobRecords},
};

use super::{RecordsBench, change, end, fresh, new_job, start, submit};

/// Page by page, every job once, and the last page says so.
pub async fn pages_are_newest_first_and_complete<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let mut sent = Vec::new();
    for _ in 0..25 {
        let job = new_job(&clock);
        submit(&records, &job).await;
        sent.push(job.id);
    }
    let mut filter = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    let mut listed = Vec::new();
    for (length, has_more) in [(10, true), (10, true), (5, false)] {
        let page = records.list(&filter).await.expect("listed");
        assert_eq!((page.jobs.len(), page.has_more), (length, has_more));
        listed.extend(page.jobs.iter().map(|job| job.id));
        filter.after = listed.last().copied();
    }
    sent.reverse();
    assert_eq!(listed, sent);
    let exactly = JobFilter {
        limit: 25,
        ..JobFilter::default()
    };
    assert!(!records.list(&exactly).await.expect("listed").has_more);
    let beyond = records.list(&filter).await.expect("listed");
    assert!(beyond.jobs.is_empty() && !beyond.has_more);
}

/// Both conditions, alone and together, also after moves.
pub async fn lists_by_state_and_tier<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let mut jobs = Vec::new();
    for tier in [Tier::Batch, Tier::Realtime, Tier::Batch, Tier::Batch] {
        let job = Job {
            tier,
            ..new_job(&clock)
        };
        submit(&records, &job).await;
        jobs.push(job.id);
    }
    change(&records, jobs[0], start(&clock)).await;
    change(&records, jobs[2], start(&clock)).await;
    change(&records, jobs[2], end(&clock, JobState::Failed)).await;

    let list = |state, tier| {
        listed(
            &records,
            JobFilter {
                state,
                tier,
                tenant: None,
                after: None,
                limit: 10,
            },
        )
    };
    assert_eq!(
        list(None, Some(Tier::Batch)).await,
        [jobs[3], jobs[2], jobs[0]]
    );
    assert_eq!(list(Some(JobState::Queued), None).await, [jobs[3], jobs[1]]);
    assert_eq!(
        list(Some(JobState::Queued), Some(Tier::Batch)).await,
        [jobs[3]]
    );
    assert_eq!(list(Some(JobState::Running), None).await, [jobs[0]]);
    assert_eq!(list(Some(JobState::Failed), Some(Tier::Realtime)).await, []);
}

async fn listed(records: &Arc<dyn JobRecords>, filter: JobFilter) -> Vec<JobId> {
    let page = records.list(&filter).await.expect("listed");
    page.jobs.iter().map(|job| job.id).collect()
}
