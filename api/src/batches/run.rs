//! The life of a batch in the hands of one server.
//!
//! Jobs have ids made of the batch and the line, so whoever goes on after another finds the jobs that are
//! there. Every change of the batch is made only while this server still has it.

use std::{collections::BTreeMap, future::ready, sync::Arc, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voicefleet_core::{ErrorCode, Failure, Job, JobId, JobState, ports::RecordError};

use super::{
    input::Input,
    outcome::{Body, Outcome, Outcomes},
    record::{BatchError, BatchRecord, BatchStatus, Lease, Report},
    report, request,
    store::{self, Stored, WriteError},
};
use crate::{
    app::SharedApp,
    cancel::{Cancelled, cancel},
    problem::ApiError,
    submit::submit,
};

/// For how long a server has a batch without saying so again, and from when on it says so.
pub(super) const LEASE: Duration = Duration::from_mins(1);
const RENEW_BEFORE: Duration = Duration::from_secs(40);
/// How often outcomes are written, and is looked whether the batch was withdrawn.
const TICK: Duration = Duration::from_secs(1);
/// Jobs in flight at a time.
const WINDOW: usize = 256;
/// How many lines are marked as begun at a time.
const AHEAD: usize = 512;
/// How long one wait for a job lasts, and the pause where it could not be waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

/// Why a batch was left before its end.
#[derive(Debug)]
pub(super) enum Left {
    /// The server stops.
    Stopped,
    /// Another server has it by now, or it is gone.
    Lost,
    /// Something does not answer; it is gone on with later.
    Unable(ApiError),
}

impl From<ApiError> for Left {
    fn from(error: ApiError) -> Self {
        Self::Unable(error)
    }
}

/// The id of the job of a line.
pub(super) fn job_id(batch: &BatchRecord, line: usize) -> JobId {
    JobId::derived(batch.created_at, &batch.id.to_string(), line as u64)
}

/// Works on a batch that `server` has taken, until it has ended.
pub(super) async fn run(
    app: SharedApp,
    server: Uuid,
    stored: Stored,
    stop: CancellationToken,
) -> Result<(), Left> {
    let mut held = Held {
        app,
        server,
        stored,
    };
    if held.batch().status.has_ended() {
        store::close(&held.app, held.batch()).await?;
        return Ok(());
    }
    let input = match read_input(&held).await? {
        Ok(input) => input,
        Err(failure) => return held.fail(failure).await,
    };
    let mut lines = held.begin(input).await?;
    lines.work(&mut held, &stop).await?;
    lines.finish(&mut held).await
}

async fn read_input(held: &Held) -> Result<Result<Input, Failure>, Left> {
    let batch = held.batch();
    let key = store::input_key(&batch.tenant, batch.id);
    let found = held.app.blobs.get(&key).await.map_err(ApiError::from)?;
    Ok(match found {
        Some(blob) => Input::cut(blob.bytes).await,
        None => Err(Failure::of_field(
            ErrorCode::FileNotFound,
            "input_file_id",
            "the lines of the batch have been lost",
        )),
    })
}

/// A batch that this server has.
struct Held {
    app: SharedApp,
    server: Uuid,
    stored: Stored,
}

impl Held {
    fn batch(&self) -> &BatchRecord {
        &self.stored.batch
    }

    /// Whether what is not done shall not be done.
    fn is_withdrawn(&self) -> bool {
        self.batch().status == BatchStatus::Cancelling || self.batch().is_late
    }

    /// Changes the batch if this server still has it, and keeps it for another while.
    async fn save(&mut self, change: impl Fn(&mut BatchRecord)) -> Result<(), Left> {
        loop {
            let mut next = self.stored.clone();
            let until = self.app.clock.now().after(LEASE);
            let holder = self.server;
            next.batch.lease = Some(Lease { holder, until });
            change(&mut next.batch);
            match store::write(&self.app, &mut next).await {
                Ok(()) => {
                    self.stored = next;
                    return Ok(());
                }
                Err(WriteError::Changed) => self.read().await?,
                Err(WriteError::Other(error)) => return Err(error.into()),
            }
        }
    }

    /// The batch as others may have changed it.
    async fn read(&mut self) -> Result<(), Left> {
        let (tenant, id) = (&self.stored.batch.tenant, self.stored.batch.id);
        let found = store::find(&self.app, tenant, id).await?;
        let stored = found.ok_or(Left::Lost)?;
        let lease = stored.batch.lease;
        if lease.is_none_or(|lease| lease.holder != self.server) {
            return Err(Left::Lost);
        }
        self.stored = stored;
        Ok(())
    }

    /// Ends a batch whose file is not what it should be.
    async fn fail(&mut self, failure: Failure) -> Result<(), Left> {
        let now = self.app.clock.now();
        self.save(|batch| {
            batch.errors = vec![BatchError::from(failure.clone())];
            if batch.status == BatchStatus::Cancelling {
                batch.status = BatchStatus::Cancelled;
                batch.times.cancelled = Some(now);
            } else {
                batch.status = BatchStatus::Failed;
                batch.times.failed = Some(now);
            }
            batch.lease = None;
        })
        .await?;
        Ok(store::close(&self.app, self.batch()).await?)
    }

    /// The batch with its lines, at the point that it had come to.
    async fn begin(&mut self, input: Input) -> Result<Lines, Left> {
        let begun = usize::try_from(self.batch().begun).unwrap_or(usize::MAX);
        let outcomes = Outcomes::load(&self.app, self.batch(), input.len()).await?;
        let (now, counts) = (self.app.clock.now(), outcomes.counts());
        self.save(|batch| {
            if batch.status == BatchStatus::Validating {
                batch.status = BatchStatus::InProgress;
                batch.times.in_progress = Some(now);
            }
            batch.counts = counts;
        })
        .await?;
        Ok(Lines {
            input,
            outcomes,
            next: 0,
            begun_by_others: begun,
            in_flight: BTreeMap::new(),
            waits: JoinSet::new(),
            is_held_back: false,
        })
    }
}

/// The job of a line, or why it could not be seen.
type Seen = (usize, Result<Job, RecordError>);

/// The lines of a batch while it is worked on.
struct Lines {
    input: Input,
    outcomes: Outcomes,
    /// Lines from this one on have not been looked at by this server.
    next: usize,
    /// Of lines before this one there may be jobs.
    begun_by_others: usize,
    in_flight: BTreeMap<usize, JobId>,
    /// One for each job in flight.
    waits: JoinSet<Seen>,
    /// No more can be submitted just now.
    is_held_back: bool,
}

impl Lines {
    /// Has every line done, or gives those up that are not if the batch is withdrawn.
    async fn work(&mut self, held: &mut Held, stop: &CancellationToken) -> Result<(), Left> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.next < self.input.len() || !self.in_flight.is_empty() {
            if held.is_withdrawn() {
                return self.give_up(held).await;
            }
            let may_submit =
                self.next < self.input.len() && self.in_flight.len() < WINDOW && !self.is_held_back;
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.leave(held).await?;
                    return Err(Left::Stopped);
                }
                _ = ticks.tick() => self.tick(held).await?,
                Some(seen) = self.waits.join_next() => {
                    self.moved(held, seen).await?;
                }
                () = ready(()), if may_submit => self.submit_next(held).await?,
            }
        }
        Ok(())
    }

    /// Writes what is new, and learns what others have changed.
    async fn tick(&mut self, held: &mut Held) -> Result<(), Left> {
        self.is_held_back = false;
        held.read().await?;
        let now = held.app.clock.now();
        let is_late = now >= held.batch().expires_at();
        let left = held.batch().lease.map(|lease| lease.until.since(now));
        let counts = self.outcomes.counts();
        let is_due = left.is_none_or(|left| left < RENEW_BEFORE);
        if is_due || counts != held.batch().counts || is_late != held.batch().is_late {
            held.save(|batch| {
                batch.counts = counts;
                batch.is_late = is_late;
            })
            .await?;
        }
        Ok(self.outcomes.write(&held.app, held.batch()).await?)
    }

    /// Lets another server go on at once.
    async fn leave(&mut self, held: &mut Held) -> Result<(), Left> {
        self.outcomes.write(&held.app, held.batch()).await?;
        let counts = self.outcomes.counts();
        held.save(|batch| {
            batch.counts = counts;
            batch.lease = None;
        })
        .await
    }

    async fn submit_next(&mut self, held: &mut Held) -> Result<(), Left> {
        let line = self.next;
        if self.outcomes.get(line).is_some() {
            self.next += 1;
            return Ok(());
        }
        self.mark_begun(held, line).await?;
        match self.job_of(held, line).await {
            Ok(job) => {
                self.next += 1;
                self.in_flight.insert(line, job.id);
                self.watch(held, line, job);
            }
            Err(error) if is_passing(error.failure.code) => {
                tracing::debug!(batch = %held.batch().id, line, error = %error.failure, "a batch waits");
                self.is_held_back = true;
            }
            Err(error) => {
                self.next += 1;
                let failure = error.failure;
                self.outcomes
                    .set(line, Outcome::Failed { job: None, failure });
            }
        }
        Ok(())
    }

    async fn mark_begun(&self, held: &mut Held, line: usize) -> Result<(), Left> {
        if line < usize::try_from(held.batch().begun).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let begun = u32::try_from(line + AHEAD).unwrap_or(u32::MAX);
        held.save(|batch| batch.begun = begun).await
    }

    /// The job of a line: the one that is there, or a new one.
    async fn job_of(&self, held: &Held, line: usize) -> Result<Job, ApiError> {
        let (app, batch) = (&held.app, held.batch());
        let id = job_id(batch, line);
        if line < self.begun_by_others
            && let Some(job) = known(held, id).await?
        {
            return Ok(job);
        }
        let Some(text) = self.input.line(line) else {
            return Err(ApiError::internal("a line that is none"));
        };
        let work = request::job_of(app, batch, text, id).await?;
        submit(app, &batch.caller(), work).await
    }

    /// Waits for the next that becomes of a job.
    fn watch(&mut self, held: &Held, line: usize, job: Job) {
        let records = Arc::clone(&held.app.records);
        self.waits.spawn(async move {
            if job.state.is_terminal() {
                return (line, Ok(job));
            }
            let seen = (job.state, job.progress);
            (line, records.wait_for_end(job.id, seen, PATIENCE).await)
        });
    }

    /// The same after a pause, because something did not answer.
    fn watch_later(&mut self, held: &Held, line: usize, id: JobId) {
        let records = Arc::clone(&held.app.records);
        self.waits.spawn(async move {
            sleep(PAUSE).await;
            (line, records.get(id).await)
        });
    }

    async fn moved(&mut self, held: &Held, seen: Result<Seen, JoinError>) -> Result<(), Left> {
        let (line, job) =
            seen.map_err(|error| ApiError::internal(&format!("a wait for a job: {error}")))?;
        let Some(id) = self.in_flight.get(&line).copied() else {
            return Ok(());
        };
        let job = match job {
            Ok(job) => job,
            Err(RecordError::NotFound(_)) => {
                let failure = Failure::new(ErrorCode::JobNotFound, "the job's record is gone");
                let job = Some(id);
                self.end(line, Outcome::Failed { job, failure });
                return Ok(());
            }
            Err(error) => {
                tracing::debug!(batch = %held.batch().id, line, %error, "a batch cannot see a job");
                self.watch_later(held, line, id);
                return Ok(());
            }
        };
        if !job.state.is_terminal() {
            self.watch(held, line, job);
            return Ok(());
        }
        match self.outcome_of(held, line, &job).await {
            Ok(outcome) => self.end(line, outcome),
            Err(error) if is_passing(error.failure.code) => self.watch_later(held, line, id),
            Err(error) => {
                let (job, failure) = (Some(id), error.failure);
                self.end(line, Outcome::Failed { job, failure });
            }
        }
        Ok(())
    }

    fn end(&mut self, line: usize, outcome: Outcome) {
        self.in_flight.remove(&line);
        self.is_held_back = false;
        self.outcomes.set(line, outcome);
    }

    /// The outcome of a job that has ended.
    async fn outcome_of(&self, held: &Held, line: usize, job: &Job) -> Result<Outcome, ApiError> {
        let (app, batch) = (&held.app, held.batch());
        if job.state != JobState::Succeeded {
            let message = format!("the job is {}", job.state);
            let unknown = || Failure::new(ErrorCode::Internal, message);
            let failure = job.failure.clone().unwrap_or_else(unknown);
            let job_id = Some(job.id);
            return Ok(if job.state == JobState::Expired {
                Outcome::NotDone {
                    job: job_id,
                    failure,
                }
            } else {
                Outcome::Failed {
                    job: job_id,
                    failure,
                }
            });
        }
        let Some(text) = self.input.line(line) else {
            return Err(ApiError::internal("a line that is none"));
        };
        let answer = request::answer(app, batch, text, job).await?;
        Ok(Outcome::Done {
            job: job.id,
            body: Body::keep(app, batch, line, answer).await?,
        })
    }

    /// Withdraws the jobs in flight, and gives up what has none.
    async fn give_up(&mut self, held: &mut Held) -> Result<(), Left> {
        self.waits.abort_all();
        let begun = usize::try_from(held.batch().begun).unwrap_or(usize::MAX);
        let failure = if held.batch().status == BatchStatus::Cancelling {
            Failure::new(ErrorCode::Cancelled, "the batch was cancelled")
        } else {
            let message = "the batch's completion window has passed";
            Failure::new(ErrorCode::DeadlineExceeded, message)
        };
        for (number, line) in self.outcomes.missing().into_iter().enumerate() {
            let outcome = if line < begun {
                self.given_up(held, line, &failure).await?
            } else {
                None
            };
            let (job, failure) = (None, failure.clone());
            let outcome = outcome.unwrap_or(Outcome::NotDone { job, failure });
            self.outcomes.set(line, outcome);
            // Many lines take longer than a lease lasts.
            if number % AHEAD == AHEAD - 1 {
                let counts = self.outcomes.counts();
                held.save(|batch| batch.counts = counts).await?;
            }
        }
        self.in_flight.clear();
        self.next = self.input.len();
        Ok(())
    }

    /// What becomes of a line that may have a job; `None` if it has none.
    async fn given_up(
        &self,
        held: &Held,
        line: usize,
        failure: &Failure,
    ) -> Result<Option<Outcome>, Left> {
        let id = job_id(held.batch(), line);
        if known(held, id).await?.is_none() {
            return Ok(None);
        }
        let (Cancelled::Now(job) | Cancelled::EndedBefore(job)) = cancel(&held.app, id).await?;
        if matches!(job.state, JobState::Succeeded | JobState::Failed) {
            return match self.outcome_of(held, line, &job).await {
                Ok(outcome) => Ok(Some(outcome)),
                Err(error) if is_passing(error.failure.code) => Err(error.into()),
                Err(error) => Ok(Some(Outcome::Failed {
                    job: Some(id),
                    failure: error.failure,
                })),
            };
        }
        Ok(Some(Outcome::NotDone {
            job: Some(id),
            failure: failure.clone(),
        }))
    }

    /// Writes the files, and ends the batch.
    async fn finish(&mut self, held: &mut Held) -> Result<(), Left> {
        let (now, counts) = (held.app.clock.now(), self.outcomes.counts());
        self.outcomes.write(&held.app, held.batch()).await?;
        held.save(|batch| {
            batch.counts = counts;
            if batch.status == BatchStatus::InProgress {
                batch.status = BatchStatus::Finalizing;
                batch.times.finalizing = Some(now);
            }
        })
        .await?;
        let output = self.report(held, Report::Output).await?;
        let errors = self.report(held, Report::Errors).await?;
        let now = held.app.clock.now();
        held.save(|batch| {
            batch.output_file_id.clone_from(&output);
            batch.error_file_id.clone_from(&errors);
            end(batch, now);
        })
        .await?;
        self.outcomes.clear(&held.app, held.batch()).await?;
        Ok(store::close(&held.app, held.batch()).await?)
    }

    async fn report(&self, held: &Held, report: Report) -> Result<Option<String>, ApiError> {
        report::write(&held.app, held.batch(), &self.input, &self.outcomes, report).await
    }
}

fn end(batch: &mut BatchRecord, now: voicefleet_core::Timestamp) {
    let times = &mut batch.times;
    if batch.status == BatchStatus::Cancelling {
        batch.status = BatchStatus::Cancelled;
        times.cancelled = Some(now);
    } else if batch.is_late {
        batch.status = BatchStatus::Expired;
        times.expired = Some(now);
    } else {
        batch.status = BatchStatus::Completed;
        times.completed = Some(now);
    }
    batch.lease = None;
}

async fn known(held: &Held, id: JobId) -> Result<Option<Job>, ApiError> {
    match held.app.records.get(id).await {
        Ok(job) => Ok(Some(job)),
        Err(RecordError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether it is worth trying again later: somebody who waits does.
fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Unavailable
            | ErrorCode::RateLimited
            | ErrorCode::QuotaExceeded
            | ErrorCode::QueueFull
            | ErrorCode::TooLate
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fleet_has_no_room_for_now_is_tried_again_and_what_is_wrong_is_not() {
        for code in [
            ErrorCode::QueueFull,
            ErrorCode::RateLimited,
            ErrorCode::TooLate,
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in [ErrorCode::UnknownVoice, ErrorCode::Forbidden] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
