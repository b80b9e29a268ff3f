//! Reading many jobs.

use redis::Pipeline;
use voicefleet_core::{
    Job, JobId, JobState, Tenant, Tier,
    ports::{JobFilter, JobPage},
};

use super::stored::{Stored, read_all};
use crate::{error::Unavailable, link::Link};

/// The longest page.
const MAX_PAGE: usize = 1_000;

/// How often a page is filled up whose jobs have moved or gone while it was read.
const ROUNDS: usize = 8;

/// In flight, oldest first.
pub(super) async fn followers(
    link: &Link,
    prefix: &str,
    leader: JobId,
) -> Result<Vec<Job>, Unavailable> {
    let mut command = redis::cmd("ZRANGE");
    command
        .arg(format!("{prefix}followers:{leader}"))
        .arg(0)
        .arg(-1);
    let ids = parsed(link.command(&command).await?)?;
    let follows = |job: &Job| job.follows == Some(leader) && !job.state.is_terminal();
    let found = read_all(link, prefix, &ids).await?;
    Ok(found.into_iter().map(job_of).filter(follows).collect())
}

/// Newest first.
pub(super) async fn page(
    link: &Link,
    prefix: &str,
    filter: &JobFilter,
) -> Result<JobPage, Unavailable> {
    let limit = filter.limit.min(MAX_PAGE);
    let mut jobs: Vec<Job> = Vec::new();
    let mut after = filter.after;
    for _ in 0..ROUNDS {
        // One more than asked for, to see whether there are more.
        let wanted = limit + 1 - jobs.len();
        let ids = newest(link, prefix, filter, after, wanted).await?;
        after = ids.last().copied();
        let found = read_all(link, prefix, &ids).await?;
        jobs.extend(
            found
                .into_iter()
                .map(job_of)
                .filter(|job| matches(filter, job)),
        );
        if jobs.len() > limit || ids.len() < wanted {
            break;
        }
    }
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(JobPage { jobs, has_more })
}

fn job_of(stored: Stored) -> Job {
    stored.record.job
}

/// It may have moved on since its id was read.
fn matches(filter: &JobFilter, job: &Job) -> bool {
    filter.state.is_none_or(|state| job.state == state)
        && filter.tier.is_none_or(|tier| job.tier == tier)
        && filter
            .tenant
            .as_ref()
            .is_none_or(|tenant| job.tenant == *tenant)
}

/// Jobs of a tenant that stand in the lanes of those in flight.
pub(super) async fn in_flight_of(
    link: &Link,
    prefix: &str,
    tenant: &Tenant,
) -> Result<u64, Unavailable> {
    let mut pipeline = Pipeline::new();
    pipeline.atomic();
    for state in [JobState::Queued, JobState::Running] {
        for tier in Tier::ALL {
            let lane = lane_key(prefix, Some(tenant), state, tier);
            pipeline.cmd("ZCARD").arg(lane);
        }
    }
    let counts: Vec<u64> = link.pipeline(&pipeline).await?;
    Ok(counts.iter().sum())
}

/// The jobs that nobody is told apart of have no lanes of their own.
fn lane_key(prefix: &str, tenant: Option<&Tenant>, state: JobState, tier: Tier) -> String {
    match tenant.filter(|tenant| !tenant.is_sole()) {
        Some(tenant) => format!("{prefix}lane:{tenant}/{state}:{tier}"),
        None => format!("{prefix}lane:{state}:{tier}"),
    }
}

/// The newest ids before `after` in the lanes of `filter`, newest first.
async fn newest(
    link: &Link,
    prefix: &str,
    filter: &JobFilter,
    after: Option<JobId>,
    wanted: usize,
) -> Result<Vec<JobId>, Unavailable> {
    let from = after.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
    let mut pipeline = Pipeline::new();
    // All lanes at one moment: a job that moves is in one of them.
    pipeline.atomic();
    for (state, tier) in lanes(filter) {
        pipeline
            .cmd("ZREVRANGEBYLEX")
            .arg(lane_key(prefix, filter.tenant.as_ref(), state, tier))
            .arg(&from)
            .arg("-")
            .arg("LIMIT")
            .arg(0)
            .arg(wanted);
    }
    let lanes: Vec<Vec<String>> = link.pipeline(&pipeline).await?;
    let mut ids = parsed(lanes.into_iter().flatten().collect())?;
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(wanted);
    Ok(ids)
}

fn lanes(filter: &JobFilter) -> impl Iterator<Item = (JobState, Tier)> {
    let (state, tier) = (filter.state, filter.tier);
    let all = JobState::ALL
        .into_iter()
        .flat_map(|state| Tier::ALL.map(|tier| (state, tier)));
    all.filter(move |lane| {
        state.is_none_or(|state| lane.0 == state) && tier.is_none_or(|tier| lane.1 == tier)
    })
}

fn parsed(ids: Vec<String>) -> Result<Vec<JobId>, Unavailable> {
    let parse = |id: String| {
        id.parse()
            .map_err(|_| Unavailable("the lists of jobs are damaged".to_owned()))
    };
    ids.into_iter().map(parse).collect()
}
