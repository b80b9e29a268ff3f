//! The job as clients see it.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use voicefleet_core::{Failure, Job, JobSpec, JobState, Timestamp, scaling::Outlook};

use crate::{
    schema::{AudioFormatName, KindName, StatusName, TierName},
    transcription::upload::FileId,
};

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobObject {
    /// A version 7 UUID: ids sort by creation time.
    #[schema(format = Uuid)]
    id: String,
    /// Always `job`.
    #[schema(example = "job")]
    object: &'static str,
    /// Speaking or transcribing.
    #[schema(value_type = KindName)]
    kind: &'static str,
    /// Where it stands.
    #[schema(value_type = StatusName)]
    status: &'static str,
    /// How urgent it is.
    #[schema(value_type = TierName)]
    tier: &'static str,
    /// The engine that does it.
    #[schema(example = "piper")]
    engine: String,
    /// The model that does it.
    model: String,
    /// The voice or mix in canonical spelling; null for transcriptions.
    voice: Option<String>,
    /// The format of the result; null for transcriptions.
    #[schema(value_type = Option<AudioFormatName>)]
    response_format: Option<&'static str>,
    /// The language given; null for speech and where it is to be detected.
    language: Option<String>,
    /// The transcribed file; null for speech.
    file_id: Option<String>,
    /// How far it has come.
    progress: ProgressObject,
    /// While it is queued, an estimate of the jobs that come first: those of its own tier and of more urgent
    /// ones that wait, whichever of them came earlier; 0 if it is next. Null once it runs, where nobody
    /// knows, and in lists.
    queue_position: Option<u64>,
    /// An estimate of the seconds until it ends, by the work that comes first and the workers that are up.
    /// Null once it has ended, where nobody knows or no worker will come, and in lists.
    #[schema(example = 4.2)]
    eta_seconds: Option<f64>,
    /// RFC 3339, UTC, milliseconds.
    #[schema(format = DateTime)]
    created_at: String,
    /// When a worker last took it.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it reached a final status.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// After this moment it is not worth doing.
    #[schema(format = DateTime)]
    deadline: Option<String>,
    /// Its phases.
    timings: TimingsObject,
    /// The content hash of its work: equal for two jobs exactly when one result serves both.
    fingerprint: String,
    /// Estimated compute-seconds on one core.
    cost_seconds: f64,
    /// Attempts begun.
    attempts: u32,
    /// Whether the result came without computing for this job.
    from_cache: bool,
    /// The identical job whose result it waits for or got.
    #[schema(format = Uuid)]
    follows: Option<String>,
    /// Why it failed, was cancelled or expired; while it is queued again, why the last attempt failed.
    error: Option<JobError>,
    /// Where to go from here.
    links: Links,
}

/// How far a job has come, in chunks: sentence groups of speech, windows of a recording.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressObject {
    /// Chunks finished.
    done: u32,
    /// Chunks in all; 0 until the work is planned.
    total: u32,
    /// Share done, 0 to 1.
    fraction: f64,
}

/// The phases of a job. Zero until they have happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimingsObject {
    /// Waiting in the queue, milliseconds.
    queue_ms: f64,
    /// Waiting for a core in the worker that has the job, because more urgent work had it.
    pause_ms: f64,
    /// Loading the model, milliseconds.
    load_ms: f64,
    /// Splitting the work into chunks, milliseconds.
    plan_ms: f64,
    /// Inference, milliseconds.
    compute_ms: f64,
    /// Storing the result, milliseconds.
    store_ms: f64,
    /// From submit to the first finished chunk, milliseconds.
    first_chunk_ms: f64,
    /// Seconds of audio spoken or heard; 0 where a synchronous request was answered from the cache.
    audio_seconds: f64,
    /// Compute time per second of audio; null where nothing was computed.
    real_time_factor: Option<f64>,
}

/// Why a job has no result.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobError {
    /// Stable and machine-readable.
    #[schema(example = "engine_failed")]
    code: &'static str,
    /// One sentence for a person.
    message: String,
    /// The request field at fault, where there is one.
    field: Option<String>,
}

/// Paths of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// This object.
    #[serde(rename = "self")]
    this: String,
    /// The result.
    result: String,
    /// Server-sent events about it.
    events: String,
    /// POST cancels.
    cancel: String,
    /// POST submits it again, once it has ended without a result.
    retry: String,
}

impl From<&Failure> for JobError {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.name(),
            message: failure.message.clone(),
            field: failure.field.clone(),
        }
    }
}

impl JobObject {
    /// With the estimates that are too dear for a list.
    pub(crate) fn with_outlook(job: &Job, outlook: Outlook) -> Self {
        Self {
            queue_position: outlook.jobs_ahead,
            eta_seconds: outlook.eta_seconds.map(to_hundredths),
            ..Self::from(job)
        }
    }
}

/// More digits would say more than is known.
fn to_hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// Without estimates.
impl From<&Job> for JobObject {
    fn from(job: &Job) -> Self {
        let (speech, listening) = match &job.spec {
            JobSpec::Speech(spec) => (Some(spec), None),
            JobSpec::Transcription(spec) => (None, Some(spec)),
        };
        Self {
            id: job.id.to_string(),
            object: "job",
            kind: job.spec.kind().name(),
            status: job.state.name(),
            tier: job.tier.name(),
            engine: job.spec.engine().to_string(),
            model: job.spec.model().to_owned(),
            voice: speech.map(|spec| spec.voice.clone()),
            response_format: speech.map(|spec| spec.format.name()),
            language: listening.and_then(|spec| spec.language.clone()),
            file_id: listening.map(|spec| FileId::in_path(&spec.audio_key).to_owned()),
            progress: progress(job),
            queue_position: None,
            eta_seconds: None,
            created_at: rfc3339(job.created_at),
            started_at: job.started_at.map(rfc3339),
            finished_at: job.finished_at.map(rfc3339),
            deadline: job.deadline.map(rfc3339),
            timings: timings(job),
            fingerprint: job.fingerprint.to_string(),
            cost_seconds: job.cost,
            attempts: job.attempt,
            from_cache: job.from_cache,
            follows: job.follows.map(|leader| leader.to_string()),
            error: job.failure.as_ref().map(JobError::from),
            links: links(job),
        }
    }
}

fn progress(job: &Job) -> ProgressObject {
    let done = job.state == JobState::Succeeded;
    ProgressObject {
        done: job.progress.chunks_done,
        total: job.progress.chunks_total,
        fraction: if done { 1.0 } else { job.progress.fraction() },
    }
}

fn timings(job: &Job) -> TimingsObject {
    let timings = &job.timings;
    TimingsObject {
        queue_ms: timings.queue_ms,
        pause_ms: timings.pause_ms,
        load_ms: timings.load_ms,
        plan_ms: timings.plan_ms,
        compute_ms: timings.compute_ms,
        store_ms: timings.store_ms,
        first_chunk_ms: timings.first_chunk_ms,
        audio_seconds: timings.audio_seconds,
        real_time_factor: timings.real_time_factor(),
    }
}

fn links(job: &Job) -> Links {
    let this = format!("/v1/jobs/{}", job.id);
    Links {
        result: format!("{this}/result"),
        events: format!("{this}/events"),
        cancel: format!("{this}/cancel"),
        retry: format!("{this}/retry"),
        this,
    }
}

/// RFC 3339 in UTC, always with three digits of a second, so that the texts sort as the times do.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.0) * 1_000_000;
    // Out of range are only years beyond 9999.
    let moment =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fixed_number_of_digits() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            rfc3339(Timestamp(1_767_225_600_010)),
            "2026-01-01T00:00:00.010Z"
        );
    }
}
