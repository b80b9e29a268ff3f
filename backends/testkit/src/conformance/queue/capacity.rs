//! A queue has an end.

use voicefleet_core::{
    Tier,
    ports::{QueueError, Settlement},
};

use super::{
    QueueBench, comes_to_hold, consumer, envelope, finish_next, next, piper, publish_many, settle,
};

/// What does not fit is refused to the caller, naming engine and tier; other tiers take it, and so does
/// this one as soon as there is room.
pub async fn a_full_tier_refuses_and_the_others_do_not<B: QueueBench>() {
    let bench = B::fresh(3).await;
    publish_many(&bench, Tier::Batch, 3).await;
    let refused = bench.queue().publish(&envelope(Tier::Batch)).await;
    assert_eq!(
        refused,
        Err(QueueError::Full {
            engine: piper(),
            tier: Tier::Batch
        })
    );
    publish_many(&bench, Tier::Standard, 1).await;
    let mut consumer = consumer(&bench).await;
    for _ in 0..2 {
        finish_next(&mut consumer).await;
    }
    publish_many(&bench, Tier::Batch, 1).await;
}

/// The bound is for newcomers: what was delivered finds its place again.
pub async fn a_full_tier_takes_back_what_it_gave<B: QueueBench>() {
    let bench = B::fresh(3).await;
    publish_many(&bench, Tier::Batch, 1).await;
    let mut consumer = consumer(&bench).await;
    let held = next(&mut consumer).await;
    drop(consumer);
    publish_many(&bench, Tier::Batch, 3).await;
    settle(held, Settlement::GiveBack).await;
    comes_to_hold(&bench, Tier::Batch, 4, 0).await;
}
