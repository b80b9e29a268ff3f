//! Jobs of those who are told apart.

use std::sync::Arc;

use voicefleet_core::{
    Job, JobId, JobState, Tenant, Tier,
    ports::{FleetLedger, JobFilter, JobRecords, TenantUsage},
};

use super::{RecordsBench, advance, change, end, fresh, new_job, start, submit, succeed};
use crate::FakeClock;

fn tenant(name: &str) -> Tenant {
    name.parse().expect("a name")
}

async fn submit_for(records: &Arc<dyn JobRecords>, clock: &FakeClock, whose: &str) -> JobId {
    let job = Job {
        tenant: tenant(whose),
        ..new_job(clock)
    };
    submit(records, &job).await;
    job.id
}

async fn listed(records: &Arc<dyn JobRecords>, whose: &str, state: Option<JobState>) -> Vec<JobId> {
    let filter = JobFilter {
        tenant: Some(tenant(whose)),
        state,
        limit: 10,
        ..JobFilter::default()
    };
    let page = records.list(&filter).await.expect("listed");
    assert!(page.jobs.iter().all(|job| job.tenant == tenant(whose)));
    page.jobs.iter().map(|job| job.id).collect()
}

/// Also beside many of others, and after moves.
pub async fn a_tenants_jobs_are_listed_and_counted_alone<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let first = submit_for(&records, &clock, "acme").await;
    for _ in 0..30 {
        submit_for(&records, &clock, "bulk").await;
        submit(&records, &new_job(&clock)).await;
    }
    let second = submit_for(&records, &clock, "acme").await;
    let in_flight = async |whose: &str| {
        let count = records.in_flight_of(&tenant(whose)).await;
        count.expect("counted")
    };
    assert_eq!(listed(&records, "acme", None).await, [second, first]);
    assert_eq!(
        (
            in_flight("acme").await,
            in_flight("bulk").await,
            in_flight("nobody").await
        ),
        (2, 30, 0)
    );
    change(&records, first, start(&clock)).await;
    assert_eq!(in_flight("acme").await, 2);
    assert_eq!(
        listed(&records, "acme", Some(JobState::Running)).await,
        [first]
    );
    change(&records, first, succeed(&clock)).await;
    change(&records, second, end(&clock, JobState::Cancelled)).await;
    assert_eq!(in_flight("acme").await, 0);
    assert_eq!(
        listed(&records, "acme", Some(JobState::Cancelled)).await,
        [second]
    );
    // Whoever sees all sees these too.
    let all = JobFilter {
        tier: Some(Tier::Standard),
        limit: 100,
        ..JobFilter::default()
    };
    assert_eq!(records.list(&all).await.expect("listed").jobs.len(), 62);
}

async fn today(ledger: &Arc<dyn FleetLedger>, whose: &str) -> TenantUsage {
    let used = ledger.tenant_usage(&tenant(whose), 0).await;
    used.expect("answered")
}

/// What their jobs have taken, and nobody else's.
pub async fn what_is_computed_is_added_up_by_tenant<B: RecordsBench>() {
    let (bench, records, clock) = fresh::<B>().await;
    let ledger = bench.ledger();
    assert_eq!(today(&ledger, "acme").await, TenantUsage::default());
    for whose in ["acme", "acme", "bulk"] {
        let id = submit_for(&records, &clock, whose).await;
        change(&records, id, start(&clock)).await;
        change(&records, id, advance(1)).await;
        change(&records, id, succeed(&clock)).await;
    }
    let (acme, bulk) = (today(&ledger, "acme").await, today(&ledger, "bulk").await);
    assert_eq!((acme.jobs, bulk.jobs), (2, 1));
    assert!(bulk.compute_seconds > 0.0);
    assert!((acme.compute_seconds - 2.0 * bulk.compute_seconds).abs() < 0.002);
    let yesterday = ledger.tenant_usage(&tenant("acme"), 1).await;
    assert_eq!(yesterday, Ok(TenantUsage::default()));
}
