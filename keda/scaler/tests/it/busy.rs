//! Workers at work.

use voicefleet_core::{
    Clock, EngineId, Tier,
    ports::{Claim, Delivery, JobChange, JobQueue, JobRecords},
    time::SystemClock,
};

use crate::{fleet::Fleet, operator::Operator};

/// Takes so many jobs and begins them, as workers do.
async fn take(fleet: &Fleet, count: usize) -> Vec<Box<dyn Delivery>> {
    let engine = EngineId::new("piper");
    let mut consumer = fleet.queue.consume(&engine).await.expect("a consumer");
    let mut taken = Vec::new();
    for _ in 0..count {
        let delivery = consumer.next().await.expect("a delivery");
        let envelope = delivery.envelope();
        let start = JobChange::Start {
            at: SystemClock.now(),
            claim: Claim::new(envelope.id, delivery.redelivered()),
        };
        let started = fleet.records.change(envelope.job_id, start).await;
        started.expect("started");
        taken.push(delivery);
    }
    taken
}

/// To the broker's own count of what is ready this pool is empty.
#[tokio::test]
async fn a_pool_whose_messages_are_all_unacked_is_not_scaled_in() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    for _ in 0..5 {
        fleet.submit("piper", Tier::Standard, 0.01).await;
    }
    let busy = take(&fleet, 5).await;
    let gauge = fleet.queue.gauge(&EngineId::new("piper")).await;
    let gauge = gauge.expect("read");
    let count =
        |of: fn(&voicefleet_core::ports::TierGauge) -> u64| gauge.tiers.iter().map(of).sum();
    let (ready, in_flight): (u64, u64) = (count(|tier| tier.ready), count(|tier| tier.in_flight));
    assert_eq!((ready, in_flight), (0, 5));
    // Five jobs are three workers of two slots, however little is left to do.
    operator.comes_to_want("piper", 3.0).await;
    drop(busy);
}

/// Whoever was killed has not said that it runs nothing any more.
#[tokio::test]
async fn after_a_worker_is_lost_its_jobs_are_counted_once() {
    let fleet = Fleet::start().await;
    for _ in 0..4 {
        fleet.submit("piper", Tier::Standard, 0.01).await;
    }
    let lost = take(&fleet, 3).await;
    drop(lost);
    let engine = EngineId::new("piper");
    let all_ready = async {
        loop {
            let gauge = fleet.queue.gauge(&engine).await.expect("read");
            let standard = gauge.tiers[Tier::Standard.rank()];
            let counted = standard.ready + standard.in_flight + gauge.reserved;
            assert_eq!(counted, 4, "{gauge:?}");
            if standard.ready == 4 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::operator::PATIENCE, all_ready)
        .await
        .expect("the broker has them back");
}
