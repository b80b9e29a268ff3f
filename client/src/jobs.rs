//! Submitting jobs, waiting for them, and what came of them.

use std::time::Duration;

use futures::Stream;
use reqwest::{Method, header::HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use crate::{
    Client, ClientError, DeadLetterCount, Download, Job, JobFilter, SpeechJob, Tier, Transcript,
    TranscriptionJob,
    backoff::pause,
    call::Call,
    error::Repeat,
    job_request::{IdempotencyKey, TranscriptionBody},
    page::{Listing, Whole},
};

/// Longest wait that is asked of the server at a time. It grants 60 s.
const LONG_POLL: Duration = Duration::from_secs(50);
/// Between two looks at a job, should the server not wait.
const PACE: Duration = Duration::from_secs(1);

impl Client {
    /// Submits text to be spoken. The job is durable once this returns; its result may be there already.
    ///
    /// However often it has to be sent, it is one job: see [`IdempotencyKey`].
    pub async fn submit_speech(&self, job: &SpeechJob) -> Result<Job, ClientError> {
        let call = self.call(Method::POST, ["v1", "jobs"]).with_json(job);
        submitted(call, job.idempotency_key.as_ref()).await
    }

    /// Submits a recording to be transcribed. As [`Client::submit_speech`].
    pub async fn submit_transcription(&self, job: &TranscriptionJob) -> Result<Job, ClientError> {
        let call = self.call(Method::POST, ["v1", "jobs"]);
        let call = match job.body() {
            TranscriptionBody::Json(body) => call.with_json(&body),
            TranscriptionBody::Form(form) => call.with_form(form),
        };
        submitted(call, job.idempotency_key.as_ref()).await
    }

    /// The job as it is now.
    pub async fn job(&self, id: &str) -> Result<Job, ClientError> {
        self.call(Method::GET, ["v1", "jobs", id]).json().await
    }

    /// The job when it has ended, however it has; see [`Job::succeeded`].
    ///
    /// The first look must succeed; from then on, outages of the server are sat out.
    ///
    /// # Errors
    /// [`ClientError::Timeout`] if it has not ended `within` that time, or what was wrong at the end of it.
    pub async fn wait(&self, id: &str, within: Duration) -> Result<Job, ClientError> {
        let deadline = Instant::now() + within;
        let mut wrong = None;
        let ended = timeout_at(deadline, self.until_ended(id, deadline, &mut wrong)).await;
        let late = |_| {
            wrong.unwrap_or(ClientError::Timeout {
                what: "the job",
                limit: within,
            })
        };
        ended.map_err(late)?
    }

    /// `wrong` is why the last look failed, if it did.
    async fn until_ended(
        &self,
        id: &str,
        deadline: Instant,
        wrong: &mut Option<ClientError>,
    ) -> Result<Job, ClientError> {
        let (mut is_known, mut failures) = (false, 0);
        loop {
            let began = Instant::now();
            let next = match self.look(id, deadline - began).await {
                Ok(job) if job.status.is_final() => return Ok(job),
                Ok(_) => {
                    (is_known, failures, *wrong) = (true, 0, None);
                    began + PACE
                }
                Err(error) if is_known && error.is_transient() => {
                    failures += 1;
                    let asked = error.retry_after();
                    let longest = self.parts.settings.longest_pause;
                    let pause = pause(failures, asked, longest, fastrand::f64());
                    *wrong = Some(error);
                    Instant::now() + pause.unwrap_or(longest)
                }
                Err(error) => return Err(error),
            };
            sleep_until(next).await;
        }
    }

    /// The job when it has ended, or after some seconds.
    async fn look(&self, id: &str, left: Duration) -> Result<Job, ClientError> {
        let wait = left.min(LONG_POLL);
        let prefer = format!("wait={}", wait.as_secs());
        let call = self.call(Method::GET, ["v1", "jobs", id]).patient(wait);
        let call = match HeaderValue::from_str(&prefer) {
            Ok(prefer) => call.header("prefer", prefer),
            Err(_) => call,
        };
        call.json().await
    }

    /// Jobs, newest first.
    pub fn jobs(
        &self,
        filter: JobFilter,
    ) -> impl Stream<Item = Result<Job, ClientError>> + Send + use<> {
        Listing::new(self, ["v1", "jobs"])
            .only("status", filter.status)
            .only("tier", filter.tier)
            .items()
    }

    /// Withdraws a job; gives it as it is then. One that has ended stays as it is.
    pub async fn cancel(&self, id: &str) -> Result<Job, ClientError> {
        self.call(Method::POST, ["v1", "jobs", id, "cancel"])
            .repeat(Repeat::Safely)
            .json()
            .await
    }

    /// Submits a job again that failed, was cancelled or expired; gives the new one.
    pub async fn retry(&self, id: &str) -> Result<Job, ClientError> {
        self.call(Method::POST, ["v1", "jobs", id, "retry"])
            .json()
            .await
    }

    /// The result in the format that the job was submitted with; of a transcription the whole transcript as JSON.
    pub async fn result(&self, id: &str) -> Result<Download, ClientError> {
        self.call(Method::GET, ["v1", "jobs", id, "result"])
            .download()
            .await
    }

    /// The result in another format: an [`AudioFormat`](crate::AudioFormat) for speech, a
    /// [`TranscriptFormat`](crate::TranscriptFormat) for transcripts. Nothing is computed for it.
    pub async fn result_as(
        &self,
        id: &str,
        format: impl ToString,
    ) -> Result<Download, ClientError> {
        self.call(Method::GET, ["v1", "jobs", id, "result"])
            .query("format", Some(format))
            .download()
            .await
    }

    /// The result of a transcription, with segments and words.
    pub async fn transcript(&self, id: &str) -> Result<Transcript, ClientError> {
        self.call(Method::GET, ["v1", "jobs", id, "result"])
            .transfer()
            .json()
            .await
    }

    /// How many dead letters each engine and tier has, those without any included. For administrators.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetterCount>, ClientError> {
        let call = self.call(Method::GET, ["v1", "dead-letters"]);
        let list: Whole<DeadLetterCount> = call.json().await?;
        Ok(list.data)
    }

    /// Removes the dead letters of an engine, or of one of its tiers, for good; gives how many there were. The
    /// records of the jobs stay. For administrators.
    pub async fn purge_dead_letters(
        &self,
        engine: &str,
        tier: Option<Tier>,
    ) -> Result<u64, ClientError> {
        #[derive(Deserialize)]
        struct Purged {
            purged: u64,
        }
        let purged: Purged = self
            .call(Method::DELETE, ["v1", "dead-letters"])
            .query("engine", Some(engine))
            .query("tier", tier)
            .json()
            .await?;
        Ok(purged.purged)
    }
}

/// With a key of its own, unless it has been given one: all its attempts are one job.
async fn submitted(call: Call<'_>, key: Option<&IdempotencyKey>) -> Result<Job, ClientError> {
    let key = match key {
        Some(key) => key.as_str().to_owned(),
        None => Uuid::now_v7().to_string(),
    };
    let value = HeaderValue::from_str(&key)
        .map_err(|error| ClientError::InvalidArgument(error.to_string()))?;
    call.header("idempotency-key", value)
        .repeat(Repeat::Safely)
        .json()
        .await
}
