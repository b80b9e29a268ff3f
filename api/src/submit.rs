//! One way in for all work: cached, or the same as what is in flight, or new.

use std::{sync::Arc, time::Duration};

use tracing::Instrument;
use voicefleet_core::{
    Envelope, Failure, Job, JobId, JobSpec, JobState, Progress, Tier, Timestamp, Timings,
    TraceContext, cost,
    ports::{BlobKey, JobChange, QueueError, RecordError, Retention, Submission},
    single_flight::{Promotion, promote_oldest_follower},
};

use crate::{
    admission,
    app::{App, SharedApp},
    problem::ApiError,
    tenancy::Caller,
    transcription::upload::Upload,
};

/// A difference between what two tenants have in flight that makes none in how long they wait.
const FEW: u64 = 16;

/// Work that has been checked.
pub(crate) struct NewJob {
    /// Its id, where it is known before the job: it is submitted once however often that is tried.
    pub(crate) id: Option<JobId>,
    /// Whoever submits it comes back for it: where the queue does not take it, it stays and is queued later.
    pub(crate) patient: bool,
    /// How long its client waits for it to begin, if it does.
    pub(crate) waits: Option<Duration>,
    pub(crate) spec: JobSpec,
    pub(crate) tier: Tier,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) trace: Option<TraceContext>,
    /// What a transcription is of.
    pub(crate) upload: Option<Upload>,
}

/// Accepts the work. The job is durable, and queued if it has to be, when this returns it; a job that
/// could not be queued is recorded as failed.
///
/// A client that hangs up does not stop this half-way: a recorded job that was never queued would
/// wait for ever, and so would all that follow it.
pub(crate) async fn submit(
    app: &SharedApp,
    caller: &Caller,
    work: NewJob,
) -> Result<Job, ApiError> {
    caller.check_tier(work.tier)?;
    let (owned, caller) = (Arc::clone(app), caller.clone());
    let accepting = async move { accept(&owned, &caller, work).await }.in_current_span();
    app.tasks
        .spawn(accepting)
        .await
        .map_err(|error| ApiError::internal(&format!("a submit panicked: {error}")))?
}

async fn accept(app: &App, caller: &Caller, work: NewJob) -> Result<Job, ApiError> {
    let upload = work
        .upload
        .as_ref()
        .map(|upload| (upload.id.key(), upload.blob()));
    let job = job_of(&work, caller, app.clock.now());
    if is_made(app, &job).await {
        // Whoever waits gets the audio itself, and soon.
        let audio_seconds = match work.waits {
            Some(_) => 0.0,
            None => result_seconds(app, &job).await,
        };
        return answered_from_cache(app, job, audio_seconds).await;
    }
    admission::check(app, caller, &job, work.waits).await?;
    let patient = work.patient;
    let Some((key, blob)) = upload else {
        return record(app, job, patient).await;
    };
    app.blobs.put(&key, blob, Retention::Pinned).await?;
    let recorded = record(app, job, patient).await;
    if recorded.is_err() {
        release(app, &key).await;
    }
    recorded
}

fn job_of(work: &NewJob, caller: &Caller, now: Timestamp) -> Job {
    let mut spec = work.spec.clone();
    spec.set_walled(caller.wall());
    Job {
        id: work.id.unwrap_or_else(JobId::generate),
        tenant: caller.tenant.clone(),
        weight: caller.limits.weight.unwrap_or_default(),
        fingerprint: spec.fingerprint(),
        cost: cost::estimate(&spec),
        spec,
        tier: work.tier,
        state: JobState::Queued,
        follows: None,
        from_cache: false,
        attempt: 0,
        created_at: now,
        started_at: None,
        finished_at: None,
        deadline: work.deadline,
        progress: Progress::default(),
        timings: Timings::default(),
        failure: None,
        trace: work.trace.clone(),
    }
}

/// Whether the result is there already. Without the store the work simply goes on.
async fn is_made(app: &App, job: &Job) -> bool {
    let key = BlobKey::Result(job.fingerprint.clone());
    app.blobs.contains(&key).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the cache does not answer; the work is done anew");
        false
    })
}

/// How long the audio of a result is that is there already; 0 if it is gone meanwhile.
async fn result_seconds(app: &App, job: &Job) -> f64 {
    let key = BlobKey::Result(job.fingerprint.clone());
    match &job.spec {
        JobSpec::Transcription(spec) => spec.audio_seconds,
        JobSpec::Speech(_) => match app.blobs.get(&key).await {
            Ok(Some(speech)) => app.codec_lanes.stored_seconds(&speech.bytes),
            Ok(None) | Err(_) => 0.0,
        },
    }
}

async fn answered_from_cache(app: &App, job: Job, audio_seconds: f64) -> Result<Job, ApiError> {
    let job = Job {
        timings: Timings {
            audio_seconds,
            ..Timings::default()
        },
        state: JobState::Succeeded,
        from_cache: true,
        finished_at: Some(job.created_at),
        ..job
    };
    app.records.insert_finished(&job).await?;
    app.meters.cache_hit(&job);
    Ok(job)
}

async fn record(app: &App, mut job: Job, patient: bool) -> Result<Job, ApiError> {
    let submission = app.records.submit(&job).await?;
    app.meters.submitted(&job, &submission);
    match submission {
        Submission::Leads if patient => publish_some_time(app, &job).await,
        Submission::Leads => publish(app, &job).await?,
        Submission::Follows {
            leader,
            leader_tier,
            leader_queued,
        } => {
            job.follows = Some(leader);
            if leader_queued && (job.tier < leader_tier || !job.tenant.is_sole()) {
                hasten(app, leader, &job).await;
            }
        }
    }
    Ok(job)
}

/// Queues a job that is recorded. If that fails the job is ended, since its client hears of it; whoever
/// follows it by now has been promised an answer, and goes on without it.
async fn publish(app: &App, job: &Job) -> Result<(), ApiError> {
    let Err(error) = queue(app, job).await else {
        return Ok(());
    };
    let error = ApiError::from(error).about_job(job);
    fail(app, job.id, &error.failure).await;
    if let Err(error) = hand_over(app, job.id).await {
        tracing::error!(job_id = %job.id, %error, "followers of an unqueued job");
    }
    Err(error)
}

/// Queues a job that is recorded. If that fails, whoever looks for jobs that were left does it.
async fn publish_some_time(app: &App, job: &Job) {
    if let Err(error) = queue(app, job).await {
        tracing::debug!(job_id = %job.id, %error, "a job is not in the queue yet");
    }
}

/// Puts a job's envelope into the queue.
async fn queue(app: &App, job: &Job) -> Result<(), QueueError> {
    app.queue.publish(&Envelope::for_job(job)).await?;
    note_published(app, job.id);
    Ok(())
}

/// Nobody waits for this. If it is not noted, the job is published a second time, which whoever gets it
/// notices.
fn note_published(app: &App, id: JobId) {
    let records = Arc::clone(&app.records);
    let noting = async move {
        if let Err(error) = records.published(id).await {
            tracing::debug!(job_id = %id, %error, "not noted that the job is in the queue");
        }
    };
    app.tasks.spawn(noting.in_current_span());
}

/// Makes the oldest follower of a job that has ended without a result lead. Tells whether there is one.
pub(crate) async fn hand_over(app: &App, leader: JobId) -> Result<bool, RecordError> {
    let promotion = promote_oldest_follower(&*app.records, &*app.queue, leader).await?;
    if let Promotion::NotQueued(job, error) = &promotion {
        tracing::warn!(job_id = %job.id, %error, "a promoted job is not in the queue yet");
    }
    Ok(!matches!(promotion, Promotion::None))
}

async fn fail(app: &App, id: JobId, failure: &Failure) {
    let change = JobChange::End {
        state: JobState::Failed,
        at: app.clock.now(),
        failure: failure.clone(),
    };
    if let Err(error) = app.records.change(id, change).await {
        tracing::error!(job_id = %id, %error, "a job that could not be queued is still recorded as queued");
    }
}

/// Puts a waiting job into the lane of one that follows it as well, in that one's tenant's name, if it would
/// come sooner there. Whichever envelope comes second finds the work done or running. If this fails, the job
/// still has its first.
async fn hasten(app: &App, leader: JobId, follower: &Job) {
    let published = async {
        let leader = app.records.get(leader).await?;
        if follower.tier < leader.tier || waits_for_others(app, &leader, follower).await? {
            let envelope = Envelope {
                tier: follower.tier.min(leader.tier),
                tenant: follower.tenant.clone(),
                weight: follower.weight,
                ..Envelope::for_job(&leader)
            };
            app.queue.publish(&envelope).await?;
        }
        Ok::<(), ApiError>(())
    };
    if let Err(error) = published.await {
        tracing::warn!(job_id = %leader, error = %error.failure, "a job could not be hastened");
    }
}

/// Whether the leader's tenant has so much in flight that another one's job would come before its own.
async fn waits_for_others(app: &App, leader: &Job, follower: &Job) -> Result<bool, ApiError> {
    if leader.tenant == follower.tenant {
        return Ok(false);
    }
    let of_leader = app.records.in_flight_of(&leader.tenant).await?;
    let of_follower = app.records.in_flight_of(&follower.tenant).await?;
    Ok(of_leader > of_follower.saturating_add(FEW))
}

/// From now on the upload may be evicted.
pub(crate) async fn release(app: &App, upload: &BlobKey) {
    if let Err(error) = app.blobs.unpin(upload).await {
        tracing::warn!(%error, "the upload of a job that is not done could not be released");
    }
}
