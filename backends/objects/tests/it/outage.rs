//! Stores that refuse, and one that never answers.

use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpListener;
use voicefleet_core::ports::{BlobError, BlobKey};
use voicefleet_objects::ObjectsConfig;
use voicefleet_testkit::conformance::within_patience;

use crate::{conformance::open, s3::Bucket};

fn reason(answer: Result<bool, BlobError>) -> String {
    match answer {
        Err(BlobError::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whoever_may_not_is_told_so_and_no_key_is_said() {
    let bucket = Bucket::start().await;
    let store = open(&ObjectsConfig {
        access_key_id: Some("somebody".to_owned()),
        ..bucket.config()
    });
    let key = BlobKey::Upload("a".to_owned());
    for _ in 0..10 {
        let reason = reason(within_patience(store.contains(&key)).await);
        assert!(reason.starts_with("the bucket bucket: "), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
        assert!(!reason.contains("not asked"), "{reason}");
    }
}

/// A call ends in time, and soon none is made any more.
#[tokio::test]
async fn a_store_that_never_answers_is_soon_not_asked_any_more() {
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = mute.local_addr().expect("an address").port();
    let store = open(&ObjectsConfig {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: Some("here".to_owned()),
        access_key_id: Some("me".to_owned()),
        secret_access_key: Some("secret".to_owned()),
        call_timeout: Duration::from_millis(50),
        ..ObjectsConfig::new("s3://bucket")
    });
    let key = BlobKey::Upload("a".to_owned());
    for _ in 0..3 {
        let reason = reason(within_patience(store.contains(&key)).await);
        assert!(!reason.contains("not asked"), "{reason}");
    }
    // On a machine that takes its time, one of them may already try again.
    let answers = join_all((0..100).map(|_| store.contains(&key))).await;
    let reasons = answers.into_iter().map(reason);
    let refused = reasons.filter(|reason| reason.contains("not asked until"));
    assert!(refused.count() >= 99);
}
