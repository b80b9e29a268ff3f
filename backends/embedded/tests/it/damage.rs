//! Content that this build cannot read.

use voicefleet_core::{
    Envelope, ErrorCode,
    ports::{RecordError, Settlement},
};
use voicefleet_testkit::conformance::within_patience;

use crate::bench::Database;

#[tokio::test]
async fn an_envelope_of_a_newer_build_is_dead_lettered_alone() {
    let database = Database::fresh().await;
    let unreadable = database.accept().await;
    let closed = database.close().await;
    closed
        .tamper("UPDATE envelopes SET body = json_set(body, '$.schema', 99)")
        .await;
    let database = closed.open().await;
    let fine = database.accept().await;
    let delivery = database.next().await;
    assert_eq!(delivery.envelope().job_id, fine.id);
    delivery.settle(Settlement::Done).await.expect("settled");
    let gauge = database.gauge().await;
    assert_eq!((gauge.ready, gauge.in_flight, gauge.dead), (0, 0, 1));
    let failure: String = sqlx::query_scalar("SELECT failure FROM envelopes WHERE job_id = ?1")
        .bind(unreadable.id.to_string())
        .fetch_one(&mut database.sql().await)
        .await
        .expect("a dead letter");
    assert!(
        failure.contains(ErrorCode::Internal.name()) && failure.contains("99"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_damaged_record_fails_nobody_else() {
    let database = Database::fresh().await;
    let damaged = database.accept().await;
    let closed = database.close().await;
    closed.tamper("UPDATE jobs SET body = '{}'").await;
    let database = closed.open().await;
    let records = database.records();
    let read = records.get(damaged.id).await;
    assert!(matches!(read, Err(RecordError::Unavailable(_))), "{read:?}");
    let fine = database.submit().await;
    let both = futures::future::join(
        records.change(damaged.id, database.start()),
        records.change(fine.id, database.start()),
    );
    let (refused, started) = within_patience(both).await;
    assert!(
        matches!(refused, Err(RecordError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(started.expect("unharmed").attempt, 1);
}

#[tokio::test]
async fn costs_that_are_no_numbers_do_not_break_the_gauge() {
    let database = Database::fresh().await;
    for cost in [f64::MAX, 1.5, -3.0] {
        let envelope = Envelope {
            cost,
            ..Envelope::for_job(&database.submit().await)
        };
        database
            .queue()
            .publish(&envelope)
            .await
            .expect("published");
    }
    let gauge = database.gauge().await;
    assert!(
        gauge.cost_seconds.is_finite() && gauge.cost_seconds >= 1.5,
        "{gauge:?}"
    );
    for _ in 0..3 {
        database
            .next()
            .await
            .settle(Settlement::Done)
            .await
            .expect("settled");
    }
    assert!(database.gauge().await.cost_seconds.abs() < 1e-9);
}
