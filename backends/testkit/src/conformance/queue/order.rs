//! What comes when.

use voicefleet_core::{
    EngineId, Envelope, JobSpec, Tier, Timestamp, TraceContext, ports::Settlement,
};

use super::{
    QueueBench, ROOMY, comes_to_hold, consumer, envelope, finish_next, next, piper, publish,
    publish_many, settle,
};
use crate::conformance::{stays_pending, within_patience};

/// All of an envelope travels: deadline, cost, trace and spec included.
pub async fn envelopes_arrive_unchanged<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let sent = Envelope {
        deadline: Some(Timestamp(bench.now().0 + 3_600_000)),
        cost: 1.25,
        trace: Some(TraceContext {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
            tracestate: "vendor=1".into(),
        }),
        ..envelope(Tier::Standard)
    };
    bench.queue().publish(&sent).await.expect("published");
    let mut consumer = consumer(&bench).await;
    assert_eq!(finish_next(&mut consumer).await, sent);
}

/// Within a tier, in the order of publishing.
pub async fn a_tier_is_first_in_first_out<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let sent = publish_many(&bench, Tier::Standard, 50).await;
    let mut consumer = consumer(&bench).await;
    for id in sent {
        assert_eq!(finish_next(&mut consumer).await.job_id, id);
    }
}

/// Realtime before standard before batch, in whatever order they were published.
pub async fn urgent_tiers_come_first<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    for tier in [Tier::Batch, Tier::Standard, Tier::Realtime] {
        publish(&bench, tier).await;
    }
    let mut consumer = consumer(&bench).await;
    for tier in Tier::ALL {
        assert_eq!(finish_next(&mut consumer).await.tier, tier);
    }
}

/// While a tier waits it is served at least every 9th (standard) or 22nd (batch) time: the bounds of
/// [`voicefleet_core::tier::TierRota`] with room for what a consumer has fetched ahead.
pub async fn no_tier_starves<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    publish_many(&bench, Tier::Realtime, 120).await;
    publish_many(&bench, Tier::Standard, 40).await;
    publish_many(&bench, Tier::Batch, 20).await;
    let mut consumer = consumer(&bench).await;
    let (mut since_standard, mut since_batch) = (0, 0);
    for _ in 0..100 {
        let tier = finish_next(&mut consumer).await.tier;
        since_standard = if tier == Tier::Standard {
            0
        } else {
            since_standard + 1
        };
        since_batch = if tier == Tier::Batch {
            0
        } else {
            since_batch + 1
        };
        assert!(
            since_standard <= 9,
            "standard was passed over {since_standard} times"
        );
        assert!(
            since_batch <= 22,
            "batch was passed over {since_batch} times"
        );
    }
}

/// A consumer of one engine never gets the work of another.
pub async fn engines_do_not_share_lanes<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let kokoro = EngineId::new("kokoro");
    let mut other = envelope(Tier::Standard);
    if let JobSpec::Speech(spec) = &mut other.spec {
        spec.engine = kokoro.clone();
    }
    let ours = publish(&bench, Tier::Standard).await;
    bench.queue().publish(&other).await.expect("published");
    let mut of_piper = consumer(&bench).await;
    let mut of_kokoro = bench.queue().consume(&kokoro).await.expect("a consumer");
    assert_eq!(finish_next(&mut of_kokoro).await, other);
    assert_eq!(finish_next(&mut of_piper).await.job_id, ours);
}

/// A waiting job that is wanted more urgently is published again in the higher tier. It then comes
/// first; whether the older envelope still comes is the queue's affair.
pub async fn published_again_in_a_higher_tier_it_overtakes<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let slow = envelope(Tier::Batch);
    bench.queue().publish(&slow).await.expect("published");
    let others = publish_many(&bench, Tier::Standard, 5).await;
    let urgent = Envelope {
        tier: Tier::Realtime,
        ..slow.clone()
    };
    bench.queue().publish(&urgent).await.expect("published");
    let mut consumer = consumer(&bench).await;
    assert_eq!(finish_next(&mut consumer).await, urgent);
    let sentinel = publish(&bench, Tier::Batch).await;
    let mut rest = Vec::new();
    loop {
        let id = finish_next(&mut consumer).await.job_id;
        if id == sentinel {
            break;
        }
        rest.push(id);
    }
    rest.retain(|id| *id != slow.job_id);
    assert_eq!(rest, others);
}

/// A consumer that waits already gets what is published then.
pub async fn a_waiting_consumer_is_woken_by_a_publish<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut consumer = consumer(&bench).await;
    for _ in 0..10 {
        let waiting = next(&mut consumer);
        tokio::pin!(waiting);
        stays_pending(&mut waiting).await;
        let id = publish(&bench, Tier::Standard).await;
        let delivery = within_patience(waiting).await;
        assert_eq!(delivery.envelope().job_id, id);
        settle(delivery, Settlement::Done).await;
    }
}

/// Whoever only wants to know that work has come hears of each, and leaves it to the workers.
pub async fn arrivals_are_told_and_nothing_is_taken<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut arrivals = bench.queue().arrivals(&piper()).await.expect("told");
    for count in 1..=3 {
        publish(&bench, Tier::Standard).await;
        within_patience(arrivals.next()).await;
        comes_to_hold(&bench, Tier::Standard, count, 0).await;
    }
    let mut next = arrivals.next();
    stays_pending(&mut next).await;
}

/// Whoever asks for urgent work only gets nothing else, is woken by it, and leaves the rest in place.
pub async fn less_urgent_work_is_left_where_it_is<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let batch = publish(&bench, Tier::Batch).await;
    let mut consumer = consumer(&bench).await;
    let urgent = {
        let mut waiting = consumer.next_of(Tier::Standard);
        stays_pending(&mut waiting).await;
        let urgent = publish(&bench, Tier::Realtime).await;
        let delivery = within_patience(waiting).await.expect("a delivery");
        assert_eq!(delivery.envelope().job_id, urgent);
        delivery
    };
    assert_eq!(finish_next(&mut consumer).await.job_id, batch);
    settle(urgent, Settlement::Done).await;
}

/// `next` is dropped when the worker has less room than it had: what was on its way goes back.
pub async fn what_was_fetched_for_a_dropped_wish_is_not_forced_on_the_next<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let mut consumer = consumer(&bench).await;
    for polls in 0..8 {
        let batch = publish(&bench, Tier::Batch).await;
        let taken = {
            let next = consumer.next();
            tokio::pin!(next);
            let mut taken = None;
            for _ in 0..polls {
                if let std::task::Poll::Ready(delivery) = futures::poll!(&mut next) {
                    taken = Some(delivery.expect("a delivery"));
                    break;
                }
                tokio::task::yield_now().await;
            }
            taken
        };
        let urgent = publish(&bench, Tier::Realtime).await;
        let delivery = within_patience(consumer.next_of(Tier::Realtime)).await;
        let delivery = delivery.expect("a delivery");
        assert_eq!(delivery.envelope().job_id, urgent);
        settle(delivery, Settlement::Done).await;
        match taken {
            Some(delivery) => settle(delivery, Settlement::Done).await,
            None => assert_eq!(finish_next(&mut consumer).await.job_id, batch),
        }
    }
}

/// It has not been redelivered.
pub async fn what_comes_for_the_first_time_has_been_with_nobody<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    publish(&bench, Tier::Standard).await;
    let mut consumer = consumer(&bench).await;
    let delivery = next(&mut consumer).await;
    assert!(!delivery.redelivered());
    settle(delivery, Settlement::Done).await;
}
