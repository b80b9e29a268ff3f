//! One envelope per job, and turns that hold for the whole pool.

use std::time::Duration;

use voicefleet_core::{
    Envelope, ErrorCode, Failure, Job, Tier,
    ports::{QueueError, Settlement},
};
use voicefleet_embedded::QueueLimits;

use crate::bench::Database;

fn in_tier(job: &Job, tier: Tier) -> Envelope {
    Envelope {
        tier,
        ..Envelope::for_job(job)
    }
}

async fn one_may_wait() -> Database {
    let limits = QueueLimits {
        realtime: 1,
        standard: 1,
        batch: 1,
    };
    Database::with(|config| config.max_queued = limits).await
}

#[tokio::test]
async fn publishing_what_waits_already_is_no_matter_of_room() {
    let database = one_may_wait().await;
    let job = database.accept().await;
    database.publish(&job).await;
    let down = database.queue().publish(&in_tier(&job, Tier::Batch)).await;
    assert_eq!(down, Ok(()));
    let delivery = database.next().await;
    assert_eq!(delivery.envelope().tier, Tier::Standard);
    database.publish(&job).await;
    assert_eq!(
        (
            database.gauge().await.ready,
            database.gauge().await.in_flight
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn moving_up_into_a_full_tier_is_refused_and_the_old_place_kept() {
    let database = one_may_wait().await;
    let urgent = database.submit().await;
    database
        .queue()
        .publish(&in_tier(&urgent, Tier::Realtime))
        .await
        .expect("room");
    let job = database.accept().await;
    let refused = database
        .queue()
        .publish(&in_tier(&job, Tier::Realtime))
        .await;
    assert!(
        matches!(
            refused,
            Err(QueueError::Full {
                tier: Tier::Realtime,
                ..
            })
        ),
        "{refused:?}"
    );
    for expected in [&urgent, &job] {
        let delivery = database.next().await;
        assert_eq!(delivery.envelope().job_id, expected.id);
        delivery.settle(Settlement::Done).await.expect("settled");
    }
}

#[tokio::test]
async fn what_waits_for_a_retry_takes_its_place_in_the_lane() {
    let database = one_may_wait().await;
    database.accept().await;
    let not_before = database.config.clock.now().after(Duration::from_hours(1));
    database
        .next()
        .await
        .settle(Settlement::Retry { not_before })
        .await
        .expect("settled");
    let other = Envelope::for_job(&database.submit().await);
    let refused = database.queue().publish(&other).await;
    assert!(
        matches!(refused, Err(QueueError::Full { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_dead_letter_that_is_published_again_lives_again() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
    database
        .next()
        .await
        .settle(Settlement::DeadLetter(failure))
        .await
        .expect("settled");
    assert_eq!(
        (database.gauge().await.ready, database.gauge().await.dead),
        (0, 1)
    );
    database.publish(&job).await;
    assert_eq!(
        (database.gauge().await.ready, database.gauge().await.dead),
        (1, 0)
    );
    assert_eq!(database.next().await.envelope().job_id, job.id);
    database.assert_counts_are_true().await;
}

#[tokio::test]
async fn a_retry_that_is_published_in_a_higher_tier_still_waits_for_its_moment() {
    let database = Database::fresh().await;
    let job = database.accept().await;
    let not_before = database.config.clock.now().after(Duration::from_hours(1));
    database
        .next()
        .await
        .settle(Settlement::Retry { not_before })
        .await
        .expect("settled");
    database
        .queue()
        .publish(&in_tier(&job, Tier::Realtime))
        .await
        .expect("published");
    let other = database.accept().await;
    assert_eq!(database.next().await.envelope().job_id, other.id);
    let mut sql = database.sql().await;
    let row: (String, i64, i64) =
        sqlx::query_as("SELECT state, tier, attempt FROM envelopes WHERE job_id = ?1")
            .bind(job.id.to_string())
            .fetch_one(&mut sql)
            .await
            .expect("there");
    assert_eq!(row, ("delayed".to_owned(), 0, 1));
}

#[tokio::test]
async fn the_turns_of_the_tiers_hold_over_all_consumers_together() {
    let database = Database::fresh().await;
    for (tier, count) in [
        (Tier::Batch, 10),
        (Tier::Standard, 20),
        (Tier::Realtime, 80),
    ] {
        for _ in 0..count {
            let job = database.submit().await;
            database
                .queue()
                .publish(&in_tier(&job, tier))
                .await
                .expect("published");
        }
    }
    let mut pool = Vec::new();
    for _ in 0..10 {
        pool.push(database.consumer().await);
    }
    let mut served = [0; 3];
    for turn in 0..100 {
        let delivery = pool[turn % 10].next().await.expect("a delivery");
        served[delivery.envelope().tier.rank()] += 1;
        delivery.settle(Settlement::Done).await.expect("settled");
    }
    // The shares that `TierRota` promises for a hundred turns over full lanes.
    assert!(served[1] >= 15 && served[2] >= 5, "{served:?}");
}
