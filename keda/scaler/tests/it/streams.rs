//! What is pushed.

use tokio::time::timeout;
use tonic::Streaming;
use voicefleet_core::Tier;
use voicefleet_scaler::IsActiveResponse;

use crate::{
    fleet::Fleet,
    operator::{Operator, PATIENCE, of_pool},
};

async fn told(stream: &mut Streaming<IsActiveResponse>) -> bool {
    let message = timeout(PATIENCE, stream.message()).await.expect("in time");
    message.expect("no error").expect("not ended").result
}

#[tokio::test]
async fn work_is_told_when_it_comes_and_to_whoever_asks_later() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    let mut piper = operator.stream(of_pool("piper")).await.expect("a stream");
    let mut kokoro = operator.stream(of_pool("kokoro")).await.expect("a stream");
    fleet.submit("piper", Tier::Realtime, 0.1).await;
    assert!(told(&mut piper).await);
    // KEDA polls right after: it must see the same.
    assert!(operator.poll("piper").await.expect("answered") > 0.0);
    let mut later = operator.stream(of_pool("piper")).await.expect("a stream");
    assert!(told(&mut later).await);
    // Of another pool's work nothing is told.
    fleet.submit("kokoro", Tier::Batch, 0.1).await;
    assert!(told(&mut kokoro).await);
}

/// Else KEDA waits up to a minute before it comes back.
#[tokio::test]
async fn streams_end_in_order_at_a_stop_and_can_be_opened_again() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    fleet.submit("piper", Tier::Batch, 0.1).await;
    let mut stream = operator.stream(of_pool("piper")).await.expect("a stream");
    assert!(told(&mut stream).await);
    scaler.stop().await;
    let end = timeout(PATIENCE, stream.message()).await.expect("in time");
    assert!(end.expect("ends with OK").is_none());
    let next = fleet.scaler().await;
    let operator = Operator::connect(&next).await;
    let mut stream = operator.stream(of_pool("piper")).await.expect("a stream");
    assert!(told(&mut stream).await);
}
