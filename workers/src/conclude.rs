//! One settlement per delivery, whatever happened to the job.

use std::sync::Arc;

use apalis::prelude::BoxDynError;
use apalis_core::{task::ExecutionContext, worker::ext::ack::Acknowledge};
use futures::{FutureExt, future::BoxFuture};
use voicefleet_core::{
    ErrorCode, Failure, JobState,
    policy::{self, Verdict},
    ports::{Delivery, JobChange, QueueError, RecordError, Settlement},
};

use crate::{followers, metrics, source::Ticket, worker::Resources};

/// Why an attempt ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Setback {
    /// It failed.
    #[error("{0}")]
    Failed(Failure),
    /// Somebody else is to go on with it.
    #[error("given back because {0}")]
    GivenBack(&'static str),
    /// The job is not ours any more: cancelled, or run by somebody else.
    #[error("the job was withdrawn while it ran")]
    Withdrawn,
    /// The job records do not answer; nothing about this job can be decided now.
    #[error("the job records are unavailable")]
    RecordsDown,
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<RecordError> for Setback {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Unavailable(_) => Self::RecordsDown,
            RecordError::NotFound(_)
            | RecordError::IllegalMove { .. }
            | RecordError::Superseded(_) => Self::Withdrawn,
        }
    }
}

/// The outermost layer: sees results, failures, time-outs and panics alike.
#[derive(Clone)]
pub(crate) struct Conclude {
    resources: Arc<Resources>,
}

impl Conclude {
    pub(crate) fn new(resources: Arc<Resources>) -> Self {
        Self { resources }
    }
}

impl<Res: Send + Sync + 'static> Acknowledge<Res> for Conclude {
    type Error = QueueError;
    type Future = BoxFuture<'static, Result<(), QueueError>>;

    fn ack(
        &mut self,
        outcome: &Result<Res, BoxDynError>,
        context: &ExecutionContext,
    ) -> Self::Future {
        let resources = Arc::clone(&self.resources);
        let ticket = context.data().get::<Ticket>().cloned();
        let setback = outcome.as_ref().err().map(setback_of);
        async move {
            let Some(ticket) = ticket else { return Ok(()) };
            let Some(held) = ticket.take() else {
                return Ok(());
            };
            let settlement = match setback {
                None => Some(Settlement::Done),
                Some(setback) => settlement_after(&resources, &ticket, setback).await,
            };
            settle(held.delivery, settlement).await;
            Ok(())
        }
        .boxed()
    }
}

/// An unsettled delivery is delivered again, which is what a queue that does not answer does as well.
async fn settle(delivery: Box<dyn Delivery>, settlement: Option<Settlement>) {
    let Some(settlement) = settlement else {
        return drop(delivery);
    };
    if let Err(error) = delivery.settle(settlement).await {
        tracing::warn!(%error, "a delivery could not be settled; it will come again");
    }
}

fn setback_of(error: &BoxDynError) -> Setback {
    if let Some(setback) = error.downcast_ref::<Setback>() {
        return setback.clone();
    }
    if error.is::<tower::timeout::error::Elapsed>() {
        return Failure::new(ErrorCode::EngineTimeout, "the attempt took too long").into();
    }
    tracing::error!(%error, "a job's handler panicked");
    Failure::new(ErrorCode::EnginePanicked, "the worker crashed on this job").into()
}

/// Records what has become of the job and says how to settle; `None` means not at all.
async fn settlement_after(
    resources: &Resources,
    ticket: &Ticket,
    setback: Setback,
) -> Option<Settlement> {
    let id = ticket.envelope.job_id;
    match setback {
        // Whoever ended the job may have been lost before it could tell those who follow it.
        Setback::Withdrawn => match followers::conclude(resources, id).await {
            Ok(()) | Err(RecordError::NotFound(_)) => Some(Settlement::Done),
            Err(error) => recorded::<()>(Err(error), Settlement::Done),
        },
        Setback::RecordsDown => {
            // Held for a moment so that an outage does not become a storm of deliveries.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            None
        }
        Setback::GivenBack(why) => {
            tracing::info!(job_id = %id, why, "the job is given back, its attempt uncounted");
            let (_, run) = ticket.attempt();
            let records = &resources.parts.records;
            recorded(
                records.change_by(run, id, JobChange::GiveBack).await,
                Settlement::GiveBack,
            )
        }
        Setback::Failed(failure) => settlement_after_failure(resources, ticket, failure).await,
    }
}

async fn settlement_after_failure(
    resources: &Resources,
    ticket: &Ticket,
    failure: Failure,
) -> Option<Settlement> {
    let (records, now) = (&resources.parts.records, resources.parts.clock.now());
    let envelope = &ticket.envelope;
    let (id, (attempt, run)) = (envelope.job_id, ticket.attempt());
    tracing::warn!(job_id = %id, attempt, code = %failure.code, failure.message, "attempt failed");
    let verdict = policy::decide(
        &resources.config.retry,
        failure.clone(),
        attempt,
        envelope.deadline,
        now,
    );
    let again = matches!(verdict, Verdict::Retry { .. });
    metrics::attempt_failed(&resources.engine, envelope.tier, failure.code, again);
    match verdict {
        Verdict::Retry { not_before } => {
            let change = JobChange::Requeue { failure };
            recorded(
                records.change_by(run, id, change).await,
                Settlement::Retry { not_before },
            )
        }
        Verdict::DeadLetter(failure) => {
            let change = JobChange::End {
                state: JobState::Failed,
                at: now,
                failure: failure.clone(),
            };
            let settlement = recorded(
                records.change_by(run, id, change).await,
                Settlement::DeadLetter(failure.clone()),
            )?;
            metrics::finished(&resources.engine, envelope.tier, JobState::Failed);
            let told = followers::fail(resources, id, &failure).await;
            recorded(told, settlement)
        }
        Verdict::Drop(failure) => {
            let expired = failure.code == ErrorCode::DeadlineExceeded;
            let state = if expired {
                JobState::Expired
            } else {
                JobState::Cancelled
            };
            let change = JobChange::End {
                state,
                at: now,
                failure,
            };
            let change = records.change_by(run, id, change).await;
            let settlement = recorded(change, Settlement::Done)?;
            metrics::finished(&resources.engine, envelope.tier, state);
            let told = followers::promote_first(resources, id).await;
            recorded(told, settlement)
        }
    }
}

fn recorded<T>(change: Result<T, RecordError>, settlement: Settlement) -> Option<Settlement> {
    match change {
        Ok(_) => Some(settlement),
        Err(RecordError::Unavailable(error)) => {
            tracing::error!(
                error,
                "the end of an attempt could not be recorded; it will be repeated"
            );
            None
        }
        Err(error) => {
            tracing::debug!(%error, "the job has moved on meanwhile");
            Some(Settlement::Done)
        }
    }
}
