//! What is still there when the queue's process, or the connection to it, has come back.

use voicefleet_core::{ErrorCode, Failure, Tier, ports::Settlement};

use super::{
    QueueBench, ROOMY, comes_to_hold, consumer, finish_next, next, publish, publish_many, settle,
};
use crate::conformance::Reopen;

/// Everything that was acknowledged is there, in order.
pub async fn what_waits_survives_reopening_in_its_order<B: QueueBench + Reopen>() {
    let bench = B::fresh(ROOMY).await;
    let batch = publish_many(&bench, Tier::Batch, 20).await;
    let realtime = publish_many(&bench, Tier::Realtime, 1).await;
    let bench = bench.reopen().await;
    let mut consumer = consumer(&bench).await;
    for id in realtime.into_iter().chain(batch) {
        assert_eq!(finish_next(&mut consumer).await.job_id, id);
    }
}

/// Whoever had it is gone; somebody else gets it.
pub async fn what_was_delivered_and_not_settled_comes_again_after_reopening<
    B: QueueBench + Reopen,
>() {
    let bench = B::fresh(ROOMY).await;
    let mut sent = publish_many(&bench, Tier::Standard, 3).await;
    let mut lost = consumer(&bench).await;
    let held = [next(&mut lost).await, next(&mut lost).await];
    let bench = bench.reopen().await;
    drop((held, lost));
    let mut consumer = consumer(&bench).await;
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(finish_next(&mut consumer).await.job_id);
    }
    again.sort();
    sent.sort();
    assert_eq!(again, sent);
    comes_to_hold(&bench, Tier::Standard, 0, 0).await;
}

/// Neither plans nor graves are forgotten.
pub async fn retries_and_dead_letters_survive_reopening<B: QueueBench + Reopen>() {
    let bench = B::fresh(ROOMY).await;
    let ids = publish_many(&bench, Tier::Standard, 2).await;
    let mut worker = consumer(&bench).await;
    let (retried, buried) = (next(&mut worker).await, next(&mut worker).await);
    let not_before = bench.now().after(B::RETRY_STEP);
    settle(retried, Settlement::Retry { not_before }).await;
    let failure = Failure::new(ErrorCode::NotAudio, "not audio");
    settle(buried, Settlement::DeadLetter(failure)).await;
    drop(worker);
    let bench = bench.reopen().await;
    comes_to_hold(&bench, Tier::Standard, 1, 1).await;
    bench.pass(B::RETRY_STEP).await;
    let mut consumer = consumer(&bench).await;
    let again = finish_next(&mut consumer).await;
    assert_eq!((again.job_id, again.attempt), (ids[0], 1));
}

/// A settled delivery does not come back from the dead.
pub async fn what_was_done_stays_done_after_reopening<B: QueueBench + Reopen>() {
    let bench = B::fresh(ROOMY).await;
    publish_many(&bench, Tier::Standard, 5).await;
    let mut worker = consumer(&bench).await;
    for _ in 0..5 {
        finish_next(&mut worker).await;
    }
    drop(worker);
    let bench = bench.reopen().await;
    let sentinel = publish(&bench, Tier::Standard).await;
    let mut consumer = consumer(&bench).await;
    assert_eq!(finish_next(&mut consumer).await.job_id, sentinel);
    comes_to_hold(&bench, Tier::Standard, 0, 0).await;
}
