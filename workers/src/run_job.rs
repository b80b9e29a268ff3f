//! One attempt at one job: begin, compute chunk by chunk, store, succeed.

use std::time::{Duration, Instant};

use voicefleet_core::{
    Envelope, ErrorCode, Failure, Job, JobSpec, Progress, Timestamp, Timings,
    ports::{Blob, BlobError, BlobKey, EngineError, JobChange, LoadedEngine, ModelRef, Retention},
};

use crate::{conclude::Setback, followers, metrics, speech, transcription, worker::Resources};

/// What a finished computation hands over for storing.
pub(crate) struct Product {
    pub(crate) blob: Blob,
    pub(crate) audio_seconds: f64,
}

/// Runs the attempt. `Ok` means: the result is stored and recorded, or the delivery was a duplicate.
pub(crate) async fn run(resources: &Resources, envelope: &Envelope) -> Result<(), Setback> {
    let now = resources.parts.clock.now();
    not_too_late(envelope.deadline, now)?;
    let job = resources
        .parts
        .records
        .change(envelope.job_id, JobChange::Start { at: now })
        .await?;
    let mut attempt = Attempt::new(resources, &job);
    let limit = resources.config.job_timeout;
    let too_long = |_| {
        Failure::new(
            ErrorCode::EngineTimeout,
            format!("the job took longer than {limit:?}"),
        )
    };
    tokio::time::timeout(limit, attempt.carry_out(&job))
        .await
        .map_err(too_long)?
}

fn not_too_late(deadline: Option<Timestamp>, now: Timestamp) -> Result<(), Failure> {
    match deadline {
        Some(deadline) if deadline <= now => Err(Failure::new(
            ErrorCode::DeadlineExceeded,
            "the deadline passed before the work was done",
        )),
        _ => Ok(()),
    }
}

/// The state of one attempt while it runs.
pub(crate) struct Attempt<'a> {
    pub(crate) resources: &'a Resources,
    job_created: Timestamp,
    deadline: Option<Timestamp>,
    job_id: voicefleet_core::JobId,
    model: ModelRef,
    progress: Progress,
    timings: Timings,
}

impl<'a> Attempt<'a> {
    fn new(resources: &'a Resources, job: &Job) -> Self {
        let digest = match &job.spec {
            JobSpec::Speech(spec) => &spec.model_digest,
            JobSpec::Transcription(spec) => &spec.model_digest,
        };
        Self {
            resources,
            job_created: job.created_at,
            deadline: job.deadline,
            job_id: job.id,
            model: ModelRef {
                name: job.spec.model().to_owned(),
                digest: digest.clone(),
            },
            progress: Progress::default(),
            // What an earlier attempt computed is lost; what it waited is not.
            timings: Timings {
                queue_ms: job.timings.queue_ms,
                ..Timings::default()
            },
        }
    }

    async fn carry_out(&mut self, job: &Job) -> Result<(), Setback> {
        let key = BlobKey::Result(job.fingerprint.clone());
        let already_made = self
            .resources
            .parts
            .blobs
            .contains(&key)
            .await
            .unwrap_or(false);
        if !already_made {
            let product = self.compute(&job.spec).await?;
            self.timings.audio_seconds = product.audio_seconds;
            self.store(&key, product.blob).await?;
        }
        self.succeed(job, already_made).await
    }

    async fn compute(&mut self, spec: &JobSpec) -> Result<Product, Setback> {
        let lease = self.resources.host.lease(&self.model).await?;
        self.timings.load_ms = milliseconds(lease.load);
        match (spec, lease.engine.clone()) {
            (JobSpec::Speech(spec), LoadedEngine::Speech(engine)) => {
                speech::speak(self, engine, spec).await
            }
            (JobSpec::Transcription(spec), LoadedEngine::Transcription(engine)) => {
                transcription::transcribe(self, engine, spec).await
            }
            _ => Err(Failure::new(
                ErrorCode::UnknownEngine,
                format!(
                    "the engine {} does not do this kind of job",
                    self.resources.engine
                ),
            )
            .into()),
        }
    }

    /// Splits the work. Counts as planning time.
    pub(crate) async fn plan<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Setback> {
        let (result, took) = self.on_compute_thread(work).await?;
        self.timings.plan_ms += milliseconds(took);
        Ok(result)
    }

    /// Says how many chunks there are.
    pub(crate) async fn planned(&mut self, chunks: usize) -> Result<(), Setback> {
        self.progress.chunks_total = u32::try_from(chunks).unwrap_or(u32::MAX);
        self.advance().await
    }

    /// Computes one chunk. Between chunks a job can be given back, withdrawn, or be too late.
    pub(crate) async fn chunk<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Setback> {
        if self.resources.stop.give_back.is_cancelled() {
            return Err(Setback::GivenBack);
        }
        not_too_late(self.deadline, self.resources.parts.clock.now())?;
        let (result, took) = self.on_compute_thread(work).await?;
        self.timings.compute_ms += milliseconds(took);
        self.progress.chunks_done += 1;
        if self.progress.chunks_done == 1 {
            let since_submit = self.resources.parts.clock.now().since(self.job_created);
            self.timings.first_chunk_ms = milliseconds(since_submit);
        }
        self.advance().await?;
        Ok(result)
    }

    async fn on_compute_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<(T, Duration), Setback> {
        let limit = self.resources.config.chunk_timeout;
        let timed = self.resources.compute.run(move || {
            let began = Instant::now();
            (work(), began.elapsed())
        });
        let answer = tokio::time::timeout(limit, timed).await.map_err(|_| {
            Failure::new(
                ErrorCode::EngineTimeout,
                format!("a chunk took longer than {limit:?}"),
            )
        })?;
        let (result, took) = answer.inspect_err(|_| self.resources.host.discard(&self.model))?;
        let value = result.map_err(|error| {
            tracing::warn!(%error, "the engine refused or failed");
            error.into_failure()
        })?;
        Ok((value, took))
    }

    /// Also finds out whether the job is still ours: a cancelled one refuses to advance.
    async fn advance(&mut self) -> Result<(), Setback> {
        let change = JobChange::Advance {
            progress: self.progress,
            timings: self.timings,
        };
        self.resources
            .parts
            .records
            .change(self.job_id, change)
            .await?;
        Ok(())
    }

    async fn store(&mut self, key: &BlobKey, blob: Blob) -> Result<(), Setback> {
        let began = Instant::now();
        let put = self
            .resources
            .parts
            .blobs
            .put(key, blob, Retention::Cache)
            .await;
        put.map_err(|error: BlobError| {
            tracing::error!(%error, "a result could not be stored");
            Failure::new(ErrorCode::Unavailable, "the result could not be stored")
        })?;
        self.timings.store_ms = milliseconds(began.elapsed());
        Ok(())
    }

    async fn succeed(&mut self, job: &Job, from_cache: bool) -> Result<(), Setback> {
        let (resources, id) = (self.resources, self.job_id);
        let change = JobChange::Succeed {
            at: resources.parts.clock.now(),
            timings: self.timings,
            progress: self.progress,
            from_cache,
        };
        resources.parts.records.change(id, change).await?;
        metrics::finished(
            &resources.engine,
            job.tier,
            voicefleet_core::JobState::Succeeded,
        );
        if !from_cache {
            metrics::computed(&resources.engine, job.tier, &self.timings);
        }
        let Timings {
            compute_ms,
            audio_seconds,
            ..
        } = self.timings;
        tracing::info!(compute_ms, audio_seconds, from_cache, "job succeeded");
        followers::succeed(resources, id, self.timings.audio_seconds, self.progress).await;
        if let JobSpec::Transcription(spec) = &job.spec {
            transcription::release_upload(resources, spec).await;
        }
        Ok(())
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
