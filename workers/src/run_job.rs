//! One attempt at one job: begin, compute chunk by chunk, store, succeed.

use std::time::{Duration, Instant};

use tracing::Instrument;
use voicefleet_core::{
    Envelope, ErrorCode, Failure, Fingerprint, Job, JobId, JobSpec, Progress, Tier, Timestamp,
    Timings,
    ports::{
        Blob, BlobError, BlobKey, EngineError, JobChange, LoadedEngine, ModelRef, RecordError,
        Retention, RunId, Submission,
    },
};

use crate::{
    checkpoints::{Checkpoint, Checkpoints},
    conclude::Setback,
    followers, metrics,
    source::Ticket,
    speech, trace, transcription,
    turns::Turn,
    worker::Resources,
};

/// How long work of one chunk is let be before it is told that this is all there is.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(50);

/// What a finished computation hands over for storing.
pub(crate) struct Product {
    pub(crate) blob: Blob,
    pub(crate) audio_seconds: f64,
}

/// Runs the attempt. `Ok` means: the result is stored and recorded.
pub(crate) async fn run(resources: &Resources, ticket: &Ticket) -> Result<(), Setback> {
    let (job, is_made) = tokio::join!(begin(resources, ticket), is_made(resources, ticket));
    let job = job?;
    let mut attempt = Attempt::new(resources, ticket, &job);
    let limit = resources.config.job_timeout;
    let too_long = |_| {
        Failure::new(
            ErrorCode::EngineTimeout,
            format!("the job took longer than {limit:?}"),
        )
    };
    tokio::time::timeout(limit, attempt.carry_out(&job, is_made))
        .await
        .map_err(too_long)?
}

/// Whether the result is there already.
async fn is_made(resources: &Resources, ticket: &Ticket) -> bool {
    let key = BlobKey::Result(ticket.envelope.spec.fingerprint());
    resources.parts.blobs.contains(&key).await.unwrap_or(false)
}

/// Makes the job ours.
async fn begin(resources: &Resources, ticket: &Ticket) -> Result<Job, Setback> {
    let (parts, envelope) = (&resources.parts, &ticket.envelope);
    let at = parts.clock.now();
    not_too_late(envelope.deadline, at)?;
    let start = JobChange::Start {
        at,
        claim: ticket.claim,
    };
    let mut started = parts.records.start(envelope, start.clone()).await;
    if matches!(started, Err(RecordError::NotFound(_))) {
        restore(resources, envelope).await?;
        started = parts.records.change(envelope.job_id, start).await;
    }
    let job = started?;
    tracing::debug!(attempt = job.attempt, "job begins");
    ticket.begun(job.attempt);
    trace::record_wait(envelope, &job, at);
    let most = resources.config.retry.max_attempts;
    if job.attempt > most {
        let lost = format!("{most} workers were lost while they had the job");
        return Err(Failure::new(ErrorCode::WorkerLost, lost).into());
    }
    Ok(job)
}

/// Records a job anew that the records have lost, as a failover of their server may do.
async fn restore(resources: &Resources, envelope: &Envelope) -> Result<(), Setback> {
    tracing::warn!(job_id = %envelope.job_id, "the record of a job is lost; it is made anew from its envelope");
    match resources.parts.records.submit(&envelope.to_job()).await? {
        Submission::Leads => Ok(()),
        // Another worker has the same work, and ends this job with its own.
        Submission::Follows { .. } => Err(Setback::Withdrawn),
    }
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
    pub(crate) fingerprint: Fingerprint,
    job_created: Timestamp,
    deadline: Option<Timestamp>,
    job_id: JobId,
    run: RunId,
    /// That of the delivery: a job may have been hastened.
    pub(crate) tier: Tier,
    began: Instant,
    /// A core, from one chunk to the next.
    turn: Option<Turn>,
    model: ModelRef,
    progress: Progress,
    /// Whether the records know how many chunks there are.
    announced: bool,
    timings: Timings,
    /// The places of the chunks, once all are made.
    made: Option<Checkpoints>,
    /// What the attempts before this one spent on computing, and when they had the first chunk.
    earlier: Timings,
}

impl<'a> Attempt<'a> {
    fn new(resources: &'a Resources, ticket: &Ticket, job: &Job) -> Self {
        let digest = match &job.spec {
            JobSpec::Speech(spec) => &spec.model_digest,
            JobSpec::Transcription(spec) => &spec.model_digest,
        };
        Self {
            resources,
            fingerprint: job.fingerprint.clone(),
            job_created: job.created_at,
            deadline: job.deadline,
            job_id: job.id,
            run: ticket.claim.run,
            tier: ticket.envelope.tier,
            began: Instant::now(),
            turn: None,
            model: ModelRef {
                name: job.spec.model().to_owned(),
                digest: digest.clone(),
            },
            progress: Progress::default(),
            announced: false,
            timings: Timings {
                queue_ms: job.timings.queue_ms,
                pause_ms: job.timings.pause_ms,
                ..Timings::default()
            },
            made: None,
            earlier: job.timings,
        }
    }

    async fn carry_out(&mut self, job: &Job, already_made: bool) -> Result<(), Setback> {
        if already_made {
            self.timings.audio_seconds = self.seconds_of_result(&job.spec).await;
        } else {
            let key = BlobKey::Result(job.fingerprint.clone());
            let product = self.compute(&job.spec).await?;
            self.turn = None;
            self.timings.audio_seconds = product.audio_seconds;
            self.store(&key, product.blob).await?;
        }
        self.succeed(job, already_made).await
    }

    /// The length of what is stored already: by an attempt that was lost before it could say so, or by
    /// another job.
    async fn seconds_of_result(&self, spec: &JobSpec) -> f64 {
        match spec {
            JobSpec::Speech(_) => speech::seconds_of_result(self).await,
            JobSpec::Transcription(spec) => spec.audio_seconds,
        }
    }

    async fn compute(&mut self, spec: &JobSpec) -> Result<Product, Setback> {
        let lease = self.resources.host.lease(&self.model, self.tier).await?;
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

    /// Counts the chunks, and takes over those that an earlier attempt has finished.
    pub(crate) async fn resume<T: Checkpoint>(
        &mut self,
        checkpoints: &Checkpoints,
    ) -> Result<Vec<T>, Setback> {
        let chunks: Vec<T> = checkpoints.restore().await;
        self.progress = Progress {
            chunks_done: count(chunks.len()),
            chunks_total: count(checkpoints.total),
        };
        if !chunks.is_empty() {
            self.timings.compute_ms = self.earlier.compute_ms;
            self.timings.first_chunk_ms = self.earlier.first_chunk_ms;
            tracing::info!(
                chunks = chunks.len(),
                total = checkpoints.total,
                "job resumed"
            );
        }
        Ok(chunks)
    }

    /// Computes one chunk and keeps it. Between chunks a job can be given back, withdrawn, or be too late.
    pub(crate) async fn chunk<T: Checkpoint + Send + 'static>(
        &mut self,
        checkpoints: &Checkpoints,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Setback> {
        not_too_late(self.deadline, self.resources.parts.clock.now())?;
        if self.began.elapsed() >= self.resources.config.longest_hold {
            return Err(Setback::GivenBack("it has been here for long enough"));
        }
        let chunk = self.progress.chunks_done;
        let work = move || {
            tracing::debug!(chunk, "chunk begins");
            work()
        };
        let announced = self.announce(checkpoints);
        let computing = self.on_compute_thread(work);
        let computing = computing.instrument(tracing::info_span!("chunk", chunk));
        let (announced, made) = if checkpoints.total == 1 {
            beside_if_it_lasts(computing, announced).await
        } else {
            tokio::join!(announced, computing)
        };
        announced?;
        let (made, took) = made?;
        self.timings.compute_ms += milliseconds(took);
        self.progress.chunks_done += 1;
        if self.progress.chunks_done == 1 {
            let since_submit = self.resources.parts.clock.now().since(self.job_created);
            self.timings.first_chunk_ms = milliseconds(since_submit);
        }
        checkpoints.keep(chunk as usize, &made).await;
        if self.progress.chunks_done == self.progress.chunks_total {
            // The end of the job follows, and says so itself.
            self.made = Some(checkpoints.clone());
        } else {
            self.advance().await?;
        }
        Ok(made)
    }

    /// Waits for a core. Whoever waits for too long, or until the worker stops, leaves the job to others.
    async fn turn(&mut self) -> Result<Turn, Setback> {
        let began = Instant::now();
        let held = self.turn.take();
        let turn = self.next_turn(held).await?;
        self.timings.pause_ms += milliseconds(began.elapsed());
        Ok(turn)
    }

    async fn next_turn(&self, held: Option<Turn>) -> Result<Turn, Setback> {
        let Resources {
            compute,
            config,
            stop,
            ..
        } = self.resources;
        let in_time = tokio::time::timeout(config.longest_pause, compute.turn(held, self.tier));
        tokio::select! {
            biased;
            () = stop.give_back.cancelled() => Err(Setback::GivenBack("the worker is stopping")),
            turn = in_time => {
                turn.map_err(|_| Setback::GivenBack("more urgent work has the cores"))
            }
        }
    }

    async fn on_compute_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<(T, Duration), Setback> {
        let limit = self.resources.config.chunk_timeout;
        let turn = self.turn().await?;
        let timed = self.resources.compute.run(turn, move || {
            let began = Instant::now();
            (work(), began.elapsed())
        });
        let answer = tokio::time::timeout(limit, timed).await.map_err(|_| {
            Failure::new(
                ErrorCode::EngineTimeout,
                format!("a chunk took longer than {limit:?}"),
            )
        })?;
        let answer = answer.inspect_err(|_| self.resources.host.discard(&self.model))?;
        let ((result, took), turn) = answer;
        self.turn = Some(turn);
        let value = result.map_err(|error| {
            tracing::warn!(%error, "the engine refused or failed");
            error.into_failure()
        })?;
        Ok((value, took))
    }

    /// Says how many chunks there are and where they will be, beside the computing of the first one.
    fn announce(
        &mut self,
        checkpoints: &Checkpoints,
    ) -> impl Future<Output = Result<(), Setback>> + use<'a> {
        let is_news = !std::mem::replace(&mut self.announced, true);
        let news = is_news.then(|| (checkpoints.clone(), self.advance()));
        async {
            let Some((checkpoints, advancing)) = news else {
                return Ok(());
            };
            checkpoints.announce().await;
            advancing.await
        }
    }

    /// Also finds out whether the job is still ours: a cancelled one refuses to advance.
    fn advance(&self) -> impl Future<Output = Result<(), Setback>> + use<'a> {
        let (resources, run, id) = (self.resources, self.run, self.job_id);
        let change = JobChange::Advance {
            progress: self.progress,
            timings: self.timings,
        };
        async move {
            let records = &resources.parts.records;
            records.change_by(Some(run), id, change).await?;
            Ok(())
        }
    }

    async fn store(&mut self, key: &BlobKey, blob: Blob) -> Result<(), Setback> {
        let began = Instant::now();
        let put = self
            .resources
            .parts
            .blobs
            .put(key, blob, Retention::Cache)
            .instrument(tracing::info_span!("store"))
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
        let records = &resources.parts.records;
        records.change_by(Some(self.run), id, change).await?;
        metrics::finished(
            &resources.engine,
            job.tier,
            voicefleet_core::JobState::Succeeded,
        );
        if !from_cache {
            metrics::computed(&resources.engine, job, &self.timings);
        }
        let Timings {
            compute_ms,
            audio_seconds,
            ..
        } = self.timings;
        tracing::info!(compute_ms, audio_seconds, from_cache, "job succeeded");
        if let Some(checkpoints) = &self.made {
            checkpoints.discard().await;
        }
        transcription::release_upload_of(resources, &job.spec).await;
        followers::succeed(resources, id, audio_seconds, self.progress).await?;
        Ok(())
    }
}

/// Announces work of one chunk only when it takes its time: the end, which tells the same, is near.
async fn beside_if_it_lasts<T>(
    computing: impl Future<Output = T>,
    announced: impl Future<Output = Result<(), Setback>>,
) -> (Result<(), Setback>, T) {
    let mut computing = std::pin::pin!(computing);
    if let Ok(made) = tokio::time::timeout(ANNOUNCE_AFTER, computing.as_mut()).await {
        return (Ok(()), made);
    }
    tokio::join!(announced, computing)
}

fn count(chunks: usize) -> u32 {
    u32::try_from(chunks).unwrap_or(u32::MAX)
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
