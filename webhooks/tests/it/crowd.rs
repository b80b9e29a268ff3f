//! How much goes out at a time.

use crate::support::{Fleet, OPEN, Receiver, Reply, endpoint_at, succeeded};

#[tokio::test]
async fn at_most_sixteen_posts_are_under_way_and_four_to_one_endpoint() {
    let (fleet, receiver) = (Fleet::new(), Receiver::start(Reply::Gate).await);
    let webhooks = fleet.server(OPEN);
    for path in ["/a", "/b", "/c", "/d", "/e"] {
        endpoint_at(&webhooks, &receiver.url(path)).await;
    }
    for _ in 0..10 {
        webhooks.enqueue(&succeeded()).await.unwrap();
    }
    let deliverer = webhooks.deliverer();
    let fill = async {
        receiver.until(|held| held.paths.len() == 16).await;
        receiver.open_gate();
    };
    let (done, ()) = tokio::join!(deliverer.tick(), fill);
    assert_eq!(done.unwrap(), None);
    let held = receiver.until(|_| true).await;
    assert_eq!(
        (held.most, held.most_on_one_path, held.received),
        (16, 4, 50)
    );
}

#[tokio::test]
async fn a_slow_endpoint_with_many_deliveries_does_not_hold_up_the_others() {
    let (fleet, slow) = (Fleet::new(), Receiver::start(Reply::Gate).await);
    let quick = Receiver::start(Reply::Status(200)).await;
    let webhooks = fleet.server(OPEN);
    endpoint_at(&webhooks, &slow.url("/hook")).await;
    // More than are read from the queue at a time.
    for _ in 0..300 {
        webhooks.enqueue(&succeeded()).await.unwrap();
    }
    endpoint_at(&webhooks, &quick.url("/hook")).await;
    webhooks.enqueue(&succeeded()).await.unwrap();
    let deliverer = webhooks.deliverer();
    let told = async {
        slow.until(|held| held.paths.len() == 4).await;
        quick.until(|held| held.received == 1).await;
        assert_eq!(slow.until(|_| true).await.received, 4);
        slow.open_gate();
    };
    let (done, ()) = tokio::join!(deliverer.tick(), told);
    assert_eq!(done.unwrap(), None);
    assert_eq!(slow.received().len(), 301);
}
