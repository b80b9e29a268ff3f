//! Bytes in, the same bytes out.

use bytes::Bytes;
use tokio::task::JoinSet;
use voicefleet_core::{
    AudioFormat, Tier, Timestamp,
    ports::{Blob, BlobKey, Retention},
};

use super::{BlobsBench, KIB, MIB, blob, get, has, key, put};
use crate::{conformance::within_patience, speech_job};

const ROOMY: u64 = 64 * MIB as u64;

/// Under every kind of key, with its type, and without mixing them up.
pub async fn what_is_put_is_got<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    let print = speech_job("x", Tier::Batch, Timestamp(0)).fingerprint;
    let keys = [
        key("a"),
        BlobKey::Result(print.clone()),
        BlobKey::Rendering(print.clone(), AudioFormat::Mp3),
        BlobKey::Rendering(print, AudioFormat::Opus),
    ];
    let stored = |seed: u8| Blob {
        content_type: format!("audio/x-{seed}"),
        ..blob(seed, 1_000 + usize::from(seed))
    };
    for (seed, key) in (0..).zip(&keys) {
        store
            .put(key, stored(seed), Retention::Cache)
            .await
            .expect("stored");
    }
    for (seed, key) in (0..).zip(&keys) {
        assert_eq!(store.get(key).await, Ok(Some(stored(seed))));
        assert_eq!(store.contains(key).await, Ok(true));
    }
}

/// No error, nothing.
pub async fn what_is_not_there_is_not_found<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    assert_eq!(get(&store, "absent").await, None);
    assert!(!has(&store, "absent").await);
    store.unpin(&key("absent")).await.expect("no effect");
    store.delete(&key("absent")).await.expect("no effect");
    assert_eq!(get(&store, "absent").await, None);
}

/// Bytes, type and length.
pub async fn putting_again_replaces<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    put(&store, "a", blob(1, 3 * MIB), Retention::Pinned).await;
    let second = Blob {
        content_type: "application/json".to_owned(),
        ..blob(2, 10 * KIB)
    };
    put(&store, "a", second.clone(), Retention::Cache).await;
    assert_eq!(get(&store, "a").await, Some(second));
}

/// Pinned or not; and it can come back.
pub async fn what_is_deleted_is_gone<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    for retention in [Retention::Cache, Retention::Pinned] {
        put(&store, "a", blob(1, 2 * MIB), retention).await;
        store.delete(&key("a")).await.expect("deleted");
        assert_eq!(get(&store, "a").await, None);
        assert!(!has(&store, "a").await);
    }
    put(&store, "a", blob(2, KIB), Retention::Cache).await;
    assert_eq!(get(&store, "a").await, Some(blob(2, KIB)));
}

/// From no bytes to many, and lengths next to powers of two.
pub async fn large_and_empty_blobs_are_whole<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    for length in [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 9 * MIB + 7] {
        put(&store, &length, blob(7, length), Retention::Cache).await;
        let got = get(&store, &length).await.expect("stored");
        assert_eq!(got.bytes.len(), length);
        assert!(
            got == blob(7, length),
            "the {length} bytes are not those that were put"
        );
    }
}

/// Whoever reads while others write gets one of the blobs written, never parts of two.
pub async fn concurrent_puts_and_gets_see_whole_blobs<B: BlobsBench>() {
    let bench = B::fresh(ROOMY).await;
    let store = bench.blobs();
    let uniform = |byte: u8| Blob {
        bytes: Bytes::from(vec![byte; MIB + usize::from(byte) * KIB]),
        content_type: format!("audio/x-{byte}"),
    };
    put(&store, "shared", uniform(0), Retention::Cache).await;
    let mut crowd = JoinSet::new();
    for writer in 0..4_u8 {
        let store = store.clone();
        crowd.spawn(async move {
            for round in 0..5 {
                put(
                    &store,
                    "shared",
                    uniform(writer * 5 + round),
                    Retention::Cache,
                )
                .await;
            }
        });
    }
    for _ in 0..4 {
        let store = store.clone();
        crowd.spawn(async move {
            for _ in 0..20 {
                let got = get(&store, "shared").await.expect("never gone");
                assert!(got == uniform(got.bytes[0]), "parts of two blobs");
            }
        });
    }
    within_patience(crowd.join_all()).await;
}
