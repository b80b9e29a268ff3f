//! What becomes of a delivery.

use voicefleet_core::{
    EngineId, ErrorCode, Failure, Tier, Timestamp,
    ports::{Settlement, TierGauge},
};

use super::{
    QueueBench, ROOMY, comes_to_hold, consumer, envelope, finish_next, next, piper, publish,
    publish_many, settle, tier_gauge,
};
use crate::conformance::within_patience;

/// Done is done.
pub async fn what_is_done_does_not_come_again<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    publish_many(&bench, Tier::Standard, 3).await;
    let mut consumer = consumer(&bench).await;
    for _ in 0..3 {
        finish_next(&mut consumer).await;
    }
    let sentinel = publish(&bench, Tier::Standard).await;
    assert_eq!(finish_next(&mut consumer).await.job_id, sentinel);
    comes_to_hold(&bench, Tier::Standard, 0, 0).await;
}

/// Given back, it comes to anybody, as it was.
pub async fn what_is_given_back_comes_again_without_an_attempt<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let sent = envelope(Tier::Standard);
    bench.queue().publish(&sent).await.expect("published");
    let mut leaving = consumer(&bench).await;
    settle(next(&mut leaving).await, Settlement::GiveBack).await;
    drop(leaving);
    let mut staying = consumer(&bench).await;
    assert_eq!(finish_next(&mut staying).await, sent);
}

/// It comes when its moment has come and not before, with one attempt more used up; other work is not
/// held up by it.
pub async fn a_retry_counts_an_attempt_and_waits_for_its_moment<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let wait = B::RETRY_STEP * 3;
    let retried = publish(&bench, Tier::Standard).await;
    let mut consumer = consumer(&bench).await;
    let first = next(&mut consumer).await;
    let not_before = bench.now().after(wait);
    settle(first, Settlement::Retry { not_before }).await;

    let sentinel = publish(&bench, Tier::Batch).await;
    let one = finish_next(&mut consumer).await;
    let in_time = one.job_id == sentinel || bench.now() >= not_before;
    assert!(in_time, "the retry came before its moment");
    bench.pass(wait).await;
    let other = finish_next(&mut consumer).await;
    let attempts = |id| {
        [&one, &other]
            .into_iter()
            .find(|got| got.job_id == id)
            .map(|got| got.attempt)
    };
    assert_eq!((attempts(retried), attempts(sentinel)), (Some(1), Some(0)));
}

/// A consumer that waits already gets a retry when its moment has come.
pub async fn a_waiting_consumer_is_woken_by_a_retry<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    publish(&bench, Tier::Standard).await;
    let mut consumer = consumer(&bench).await;
    let first = next(&mut consumer).await;
    let not_before = bench.now().after(B::RETRY_STEP);
    settle(first, Settlement::Retry { not_before }).await;
    let waiting = next(&mut consumer);
    let (again, ()) = futures::join!(waiting, bench.pass(B::RETRY_STEP));
    assert!(bench.now() >= not_before);
    assert_eq!(again.envelope().attempt, 1);
    settle(again, Settlement::Done).await;
}

/// A holder that is gone loses nothing.
pub async fn what_is_dropped_unsettled_comes_again<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let ids = publish_many(&bench, Tier::Standard, 3).await;
    let mut lost = consumer(&bench).await;
    let held = [next(&mut lost).await, next(&mut lost).await];
    drop(held);
    drop(lost);
    let mut consumer = consumer(&bench).await;
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(finish_next(&mut consumer).await.job_id);
    }
    again.sort();
    assert_eq!(again, ids);
}

/// `next` may be cancelled at any point.
pub async fn a_cancelled_next_loses_nothing<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut consumer = consumer(&bench).await;
    let mut sent = Vec::new();
    let mut got = Vec::new();
    for round in 0..60 {
        sent.push(publish(&bench, Tier::Standard).await);
        let next = consumer.next();
        tokio::pin!(next);
        // Up to `round % 4` polls, with the queue running in between, then it is dropped.
        for _ in 0..round % 4 {
            if let std::task::Poll::Ready(delivery) = futures::poll!(&mut next) {
                let delivery = delivery.expect("a delivery");
                got.push(delivery.envelope().job_id);
                settle(delivery, Settlement::Done).await;
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    while got.len() < sent.len() {
        got.push(finish_next(&mut consumer).await.job_id);
    }
    got.sort();
    assert_eq!(got, sent);
    comes_to_hold(&bench, Tier::Standard, 0, 0).await;
}

/// Set aside for a person: counted, never delivered.
pub async fn dead_letters_are_counted_and_do_not_come_again<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    publish_many(&bench, Tier::Batch, 2).await;
    let mut consumer = consumer(&bench).await;
    for _ in 0..2 {
        let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
        settle(next(&mut consumer).await, Settlement::DeadLetter(failure)).await;
    }
    let sentinel = publish(&bench, Tier::Batch).await;
    assert_eq!(finish_next(&mut consumer).await.job_id, sentinel);
    comes_to_hold(&bench, Tier::Batch, 0, 2).await;
}

/// Of one engine and tier, for good; what waits and what others have stays.
pub async fn purging_removes_the_dead_letters_of_one_lane_and_nothing_else<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut consumer = consumer(&bench).await;
    for tier in [Tier::Batch, Tier::Batch, Tier::Standard] {
        publish(&bench, tier).await;
        let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
        settle(next(&mut consumer).await, Settlement::DeadLetter(failure)).await;
    }
    let waiting = publish(&bench, Tier::Batch).await;
    comes_to_hold(&bench, Tier::Batch, 1, 2).await;
    assert_eq!(purged(&bench, &piper(), Tier::Batch).await, 2);
    comes_to_hold(&bench, Tier::Batch, 1, 0).await;
    comes_to_hold(&bench, Tier::Standard, 0, 1).await;
    assert_eq!(purged(&bench, &piper(), Tier::Batch).await, 0);
    let other = EngineId::new("kokoro");
    assert_eq!(purged(&bench, &other, Tier::Standard).await, 0);
    comes_to_hold(&bench, Tier::Standard, 0, 1).await;
    assert_eq!(finish_next(&mut consumer).await.job_id, waiting);
}

async fn purged<B: QueueBench>(bench: &B, engine: &EngineId, tier: Tier) -> u64 {
    let queue = bench.queue();
    let purging = within_patience(queue.purge_dead(engine, tier));
    purging.await.expect("purged")
}

/// Waiting for a worker or for a retry, or with a worker: everything is in the gauge, with its cost.
pub async fn the_gauge_counts_what_waits_and_what_runs<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut sent = Vec::new();
    for cost in [0.5, 1.0, 2.0] {
        sent.push(voicefleet_core::Envelope {
            cost,
            ..envelope(Tier::Standard)
        });
    }
    for envelope in &sent {
        bench.queue().publish(envelope).await.expect("published");
    }
    comes_to_hold(&bench, Tier::Standard, 3, 0).await;
    let waiting = tier_gauge(&bench, Tier::Standard).await;
    assert_eq!((waiting.ready, waiting.in_flight), (3, 0));
    assert_costs(waiting, 3.5);

    let mut consumer = consumer(&bench).await;
    let not_before = Timestamp(bench.now().0 + 3_600_000);
    settle(next(&mut consumer).await, Settlement::Retry { not_before }).await;
    let second = next(&mut consumer).await;
    let third = next(&mut consumer).await;
    comes_to_hold(&bench, Tier::Standard, 3, 0).await;
    assert_costs(tier_gauge(&bench, Tier::Standard).await, 3.5);
    settle(second, Settlement::Done).await;
    settle(third, Settlement::Done).await;
    comes_to_hold(&bench, Tier::Standard, 1, 0).await;
    assert_costs(tier_gauge(&bench, Tier::Standard).await, 0.5);
    let idle = within_patience(tier_gauge(&bench, Tier::Realtime)).await;
    assert_eq!((idle.ready, idle.in_flight, idle.dead), (0, 0, 0));
    assert_costs(idle, 0.0);
}

fn assert_costs(gauge: TierGauge, seconds: f64) {
    assert!(
        (gauge.cost_seconds - seconds).abs() < 1e-3,
        "{gauge:?}, expected {seconds} s"
    );
}
