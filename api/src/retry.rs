//! Doing a job over: what it was asked to do, as new work.

use serde_json::json;
use voicefleet_core::{
    Catalog, ErrorCode, Failure, Job, JobSpec, JobState, Tenant, Timestamp, TraceContext,
};

use crate::{
    app::App,
    problem::ApiError,
    submit::NewJob,
    transcription::upload::{self, FileId, Upload},
};

/// The work of a job that has ended without a result.
///
/// It is the same work, except that a deadline is as far away as it was then, and that the model is
/// the one that bears its name now.
pub(crate) async fn work_of(
    app: &App,
    job: Job,
    trace: Option<TraceContext>,
) -> Result<NewJob, ApiError> {
    check_has_no_result(&job)?;
    let deadline = deadline_from(app.clock.now(), &job);
    let spec = with_the_model_of_now(job.spec, &app.catalog_now())?;
    Ok(NewJob {
        id: None,
        patient: false,
        waits: None,
        upload: upload_of(app, &job.tenant, &spec).await?,
        tier: job.tier,
        spec,
        deadline,
        trace,
    })
}

fn check_has_no_result(job: &Job) -> Result<(), ApiError> {
    match job.state {
        JobState::Failed | JobState::Cancelled | JobState::Expired => Ok(()),
        JobState::Queued | JobState::Running | JobState::Succeeded => {
            let message = format!(
                "the job is {}; only a job that is failed, cancelled or expired is submitted again",
                job.state
            );
            Err(ApiError::new(ErrorCode::NotRetryable, message)
                .member("job_status", json!(job.state.name())))
        }
    }
}

fn deadline_from(now: Timestamp, job: &Job) -> Option<Timestamp> {
    let deadline = job.deadline?;
    Some(now.after(deadline.since(job.created_at)))
}

fn with_the_model_of_now(mut spec: JobSpec, catalog: &Catalog) -> Result<JobSpec, Failure> {
    let name = spec.model();
    let refuse = |code, why: &str| {
        let message = format!("the job's model '{name}' is {why}");
        Failure::of_field(code, "model", message)
    };
    let model = catalog
        .model(name)
        .ok_or_else(|| refuse(ErrorCode::UnknownModel, "not in the catalogue any more"))?;
    if !model.installed {
        let why = "known but not installed on this server";
        return Err(refuse(ErrorCode::ModelNotInstalled, why));
    }
    let digest = match &mut spec {
        JobSpec::Speech(spec) => &mut spec.model_digest,
        JobSpec::Transcription(spec) => &mut spec.model_digest,
    };
    model.digest.clone_into(digest);
    Ok(spec)
}

/// What a transcription is of; refused, by its id, if it is gone.
async fn upload_of(app: &App, owner: &Tenant, spec: &JobSpec) -> Result<Option<Upload>, ApiError> {
    match spec {
        JobSpec::Speech(_) => Ok(None),
        JobSpec::Transcription(spec) => {
            let id = FileId::in_path(&spec.audio_key);
            upload::fetch(app, owner, id).await.map(Some)
        }
    }
}
