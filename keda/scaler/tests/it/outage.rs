//! The broker is away.

use tokio::time::timeout;
use tonic::Code;
use voicefleet_core::Tier;

use crate::{
    fleet::Fleet,
    operator::{Operator, PATIENCE, of_pool},
};

/// Zero would send every worker off.
#[tokio::test]
async fn a_queue_that_cannot_be_read_is_not_an_empty_one() {
    let fleet = Fleet::start().await;
    let scaler = fleet.scaler().await;
    let operator = Operator::has_read(&scaler).await;
    fleet.submit("piper", Tier::Standard, 0.1).await;
    operator.comes_to_want("piper", 1.0).await;
    fleet.link.cut();
    let unavailable = async {
        loop {
            match operator.is_active(of_pool("piper")).await {
                Ok(active) => assert!(active, "an outage reads as nothing to do"),
                Err(status) => return status,
            }
            tokio::task::yield_now().await;
        }
    };
    let status = timeout(PATIENCE, unavailable).await.expect("in time");
    assert_eq!(status.code(), Code::Unavailable);
    let value = operator.value(of_pool("piper"), "voicefleet-piper").await;
    assert_eq!(value.expect_err("not known").code(), Code::Unavailable);
    // What KEDA has to know of its objects does not depend on the broker.
    assert_eq!(
        operator.spec(of_pool("piper")).await.expect("known").len(),
        1
    );
    // Everything is done meanwhile. KEDA's cooldown has gone on, so the workers would all go at once.
    fleet.finish_one("piper").await;
    fleet.link.mend();
    operator.comes_to_want("piper", 1.0).await;
    // For one cooldown, and then they may.
    operator.comes_to_want("piper", 0.0).await;
}
