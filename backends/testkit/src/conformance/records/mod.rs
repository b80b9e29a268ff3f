//! What job records promise.

mod claims;
mod documents;
mod durability;
mod leaders;
mod ledger;
mod listing;
mod moves;
mod submission;
mod tenants;
mod waiting;

pub use claims::*;
pub use documents::*;
pub use durability::*;
pub use leaders::*;
pub use ledger::*;
pub use listing::*;
pub use moves::*;
pub use submission::*;
pub use tenants::*;
pub use waiting::*;

use std::sync::Arc;

use async_trait::async_trait;
use voicefleet_core::{
    Clock, ErrorCode, Failure, Job, JobId, JobState, Progress, Tier, Timings,
    ports::{Documents, FleetLedger, JobChange, JobRecords, Submission},
};

use crate::{FakeClock, speech_job, start_at};

/// Where the cases of job records run.
#[async_trait]
pub trait RecordsBench: Send + Sync + Sized {
    /// Whether the records have to be told what is in the queue; others see it for themselves.
    const IS_TOLD_OF_PUBLISHING: bool = true;

    /// Records of their own, without any job, that go by `clock`.
    async fn fresh(clock: FakeClock) -> Self;

    /// The records.
    fn records(&self) -> Arc<dyn JobRecords>;

    /// The ledger that belongs to them.
    fn ledger(&self) -> Arc<dyn FleetLedger>;

    /// The documents beside them.
    fn documents(&self) -> Arc<dyn Documents>;
}

/// Runs every case over a [`RecordsBench`].
#[macro_export]
macro_rules! records_conformance {
    ($bench:ty) => {
        $crate::records_conformance! { @each $bench:
            every_legal_move_is_made_and_every_other_refused,
            changes_do_what_the_model_does,
            of_racing_moves_one_is_made,
            an_unknown_job_is_not_found,
            the_first_of_its_fingerprint_leads_and_the_next_follows,
            of_a_hundred_identical_submits_one_leads,
            nobody_follows_a_job_that_has_ended,
            submitting_twice_is_submitting_once,
            jobs_that_are_finished_already_are_recorded_as_they_are,
            followers_are_those_in_flight_oldest_first,
            a_promoted_follower_leads_the_others,
            a_promotion_passes_on_the_lead_of_a_job_that_still_runs,
            a_promotion_yields_to_a_newer_leader,
            of_racing_promotions_one_is_made,
            a_follower_that_has_ended_is_not_promoted,
            pages_are_newest_first_and_complete,
            lists_by_state_and_tier,
            waiting_ends_at_once_when_the_job_differs_already,
            a_lost_run_is_succeeded_by_its_envelope_only,
            a_superseded_run_moves_nothing,
            what_is_in_the_queue_is_not_to_be_published,
            the_split_is_the_one_that_was_set_last,
            what_jobs_compute_is_added_up_by_engine,
            what_costs_nothing_teaches_nothing,
            workers_are_there_until_they_leave,
            a_tenants_jobs_are_listed_and_counted_alone,
            what_is_computed_is_added_up_by_tenant,
            a_document_is_what_was_written_last,
            a_document_is_changed_only_if_the_condition_holds,
            of_racing_writers_one_makes_the_document,
            documents_are_listed_in_order,
            a_document_is_gone_after_its_time,
            counters_add_up_until_their_time,
            every_waiter_is_woken_by_a_move,
            waiting_ends_when_there_is_progress,
            waiting_ends_with_the_patience,
        }
    };
    (@each $bench:ty: $($case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::records::$case::<$bench>().await;
        }
    )+};
}

/// Runs every case over a [`RecordsBench`] that can [`Reopen`](crate::conformance::Reopen).
#[macro_export]
macro_rules! records_durability {
    ($bench:ty) => {
        $crate::records_conformance! { @each $bench:
            jobs_survive_reopening_as_they_were,
            leads_survive_reopening,
            the_ledger_survives_reopening,
            documents_survive_reopening,
        }
    };
}

async fn fresh<B: RecordsBench>() -> (B, Arc<dyn JobRecords>, FakeClock) {
    let clock = FakeClock::default();
    let bench = B::fresh(clock.clone()).await;
    let records = bench.records();
    (bench, records, clock)
}

/// A job that nobody else has submitted.
fn new_job(clock: &FakeClock) -> Job {
    twin(clock, &JobId::generate().to_string())
}

/// A job with the fingerprint of all others with this `text`.
fn twin(clock: &FakeClock, text: &str) -> Job {
    speech_job(text, Tier::Standard, clock.now())
}

async fn submit(records: &Arc<dyn JobRecords>, job: &Job) -> Submission {
    records.submit(job).await.expect("submitted")
}

async fn submit_twins(
    records: &Arc<dyn JobRecords>,
    clock: &FakeClock,
    count: usize,
) -> Vec<JobId> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let job = twin(clock, "twin");
        submit(records, &job).await;
        ids.push(job.id);
    }
    ids
}

async fn change(records: &Arc<dyn JobRecords>, id: JobId, change: JobChange) -> Job {
    records.change(id, change).await.expect("a legal change")
}

fn start(clock: &FakeClock) -> JobChange {
    start_at(clock.now())
}

fn advance(chunks_done: u32) -> JobChange {
    let progress = Progress {
        chunks_done,
        chunks_total: 9,
    };
    JobChange::Advance {
        progress,
        timings: Timings {
            compute_ms: 5.0,
            ..Timings::default()
        },
    }
}

fn succeed(clock: &FakeClock) -> JobChange {
    JobChange::Succeed {
        at: clock.now(),
        timings: Timings {
            compute_ms: 12.5,
            audio_seconds: 3.0,
            ..Timings::default()
        },
        progress: Progress {
            chunks_done: 2,
            chunks_total: 2,
        },
        from_cache: false,
    }
}

fn end(clock: &FakeClock, state: JobState) -> JobChange {
    let failure = Failure::of_field(ErrorCode::EngineFailed, "input", "it failed");
    JobChange::End {
        state,
        at: clock.now(),
        failure,
    }
}

fn requeue() -> JobChange {
    JobChange::Requeue {
        failure: Failure::new(ErrorCode::WorkerLost, "the worker is gone"),
    }
}
