//! What a queue promises.

mod capacity;
mod crowd;
mod durability;
mod fairness;
mod order;
mod settlement;

pub use capacity::*;
pub use crowd::*;
pub use durability::*;
pub use fairness::*;
pub use order::*;
pub use settlement::*;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    EngineId, Envelope, JobId, Tier, Timestamp,
    ports::{Delivery, JobConsumer, JobQueue, Settlement, TierGauge},
};

use super::within_patience;
use crate::speech_job;

/// Where the cases of a queue run.
#[async_trait]
pub trait QueueBench: Send + Sync + Sized {
    /// The shortest wait before a retry that the queue can tell apart from none.
    const RETRY_STEP: Duration;

    /// An empty queue of its own, in which at most `max_queued` envelopes wait per engine and tier.
    async fn fresh(max_queued: usize) -> Self;

    /// The queue.
    fn queue(&self) -> Arc<dyn JobQueue>;

    /// The time by which the queue goes.
    fn now(&self) -> Timestamp;

    /// Lets `by` pass.
    async fn pass(&self, by: Duration);
}

/// Runs every case over a [`QueueBench`], each as a test of its own.
#[macro_export]
macro_rules! queue_conformance {
    ($bench:ty) => {
        $crate::queue_cases! { each $bench }
    };
}

/// Runs every case over a [`QueueBench`] that can [`Reopen`](crate::conformance::Reopen).
#[macro_export]
macro_rules! queue_durability {
    ($bench:ty) => {
        $crate::durable_queue_cases! { each $bench }
    };
}

/// All cases: `each` as a test, or one after the other within an `async` function, for benches whose
/// server takes long to start.
#[macro_export]
macro_rules! queue_cases {
    ($how:ident $bench:ty) => {
        $crate::queue_cases! { @$how $bench:
            envelopes_arrive_unchanged,
            a_tier_is_first_in_first_out,
            urgent_tiers_come_first,
            no_tier_starves,
            less_urgent_work_is_left_where_it_is,
            what_was_fetched_for_a_dropped_wish_is_not_forced_on_the_next,
            what_comes_for_the_first_time_has_been_with_nobody,
            engines_do_not_share_lanes,
            published_again_in_a_higher_tier_it_overtakes,
            a_waiting_consumer_is_woken_by_a_publish,
            arrivals_are_told_and_nothing_is_taken,
            what_is_done_does_not_come_again,
            what_is_given_back_comes_again_without_an_attempt,
            a_retry_counts_an_attempt_and_waits_for_its_moment,
            a_waiting_consumer_is_woken_by_a_retry,
            what_is_dropped_unsettled_comes_again,
            a_cancelled_next_loses_nothing,
            dead_letters_are_counted_and_do_not_come_again,
            purging_removes_the_dead_letters_of_one_lane_and_nothing_else,
            the_gauge_counts_what_waits_and_what_runs,
            a_full_tier_refuses_and_the_others_do_not,
            a_full_tier_takes_back_what_it_gave,
            a_crowd_settles_everything_exactly_once,
            who_wants_little_does_not_wait_for_who_floods,
            who_want_more_than_there_is_get_it_by_weight,
            a_tenants_own_work_keeps_its_order,
            what_a_tenant_shares_with_who_floods_comes_in_its_own_turn,
        }
    };
    (@each $bench:ty: $($case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::queue::$case::<$bench>().await;
        }
    )+};
    (@in_turn $bench:ty: $($case:ident),+ $(,)?) => {$(
        println!("{}", stringify!($case));
        $crate::conformance::queue::$case::<$bench>().await;
    )+};
}

/// The cases of [`queue_durability!`](crate::queue_durability), as in [`queue_cases!`](crate::queue_cases).
#[macro_export]
macro_rules! durable_queue_cases {
    ($how:ident $bench:ty) => {
        $crate::queue_cases! { @$how $bench:
            what_waits_survives_reopening_in_its_order,
            what_was_delivered_and_not_settled_comes_again_after_reopening,
            retries_and_dead_letters_survive_reopening,
            what_was_done_stays_done_after_reopening,
        }
    };
}

/// No bound that a case could meet.
const ROOMY: usize = 10_000;

fn piper() -> EngineId {
    EngineId::new("piper")
}

/// An envelope for `piper` that no other case publishes.
fn envelope(tier: Tier) -> Envelope {
    let job = speech_job(&JobId::generate().to_string(), tier, Timestamp(0));
    Envelope::for_job(&job)
}

async fn publish<B: QueueBench>(bench: &B, tier: Tier) -> JobId {
    let envelope = envelope(tier);
    bench.queue().publish(&envelope).await.expect("published");
    envelope.job_id
}

async fn publish_many<B: QueueBench>(bench: &B, tier: Tier, count: usize) -> Vec<JobId> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(publish(bench, tier).await);
    }
    ids
}

async fn consumer<B: QueueBench>(bench: &B) -> Box<dyn JobConsumer> {
    bench.queue().consume(&piper()).await.expect("a consumer")
}

async fn next(consumer: &mut Box<dyn JobConsumer>) -> Box<dyn Delivery> {
    within_patience(consumer.next()).await.expect("a delivery")
}

async fn settle(delivery: Box<dyn Delivery>, settlement: Settlement) {
    within_patience(delivery.settle(settlement))
        .await
        .expect("settled");
}

/// Takes the next delivery and settles it as done.
async fn finish_next(consumer: &mut Box<dyn JobConsumer>) -> Envelope {
    let delivery = next(consumer).await;
    let envelope = delivery.envelope().clone();
    settle(delivery, Settlement::Done).await;
    envelope
}

async fn tier_gauge<B: QueueBench>(bench: &B, tier: Tier) -> TierGauge {
    let gauge = bench.queue().gauge(&piper()).await.expect("a gauge");
    assert_eq!(
        gauge
            .tiers
            .iter()
            .map(|gauge| gauge.tier)
            .collect::<Vec<_>>(),
        Tier::ALL
    );
    gauge.tiers[tier.rank()]
}

/// Waits until `tier` holds `held` envelopes, waiting or running, and `dead` dead letters: some queues
/// count with a delay. A queue that never comes to it fails the case.
async fn comes_to_hold<B: QueueBench>(bench: &B, tier: Tier, held: u64, dead: u64) {
    let holds = async {
        loop {
            let gauge = tier_gauge(bench, tier).await;
            if (gauge.ready + gauge.in_flight, gauge.dead) == (held, dead) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(super::PATIENCE, holds).await;
    let gauge = tier_gauge(bench, tier).await;
    assert!(
        waited.is_ok(),
        "{held} held and {dead} dead expected, found {gauge:?}"
    );
}
