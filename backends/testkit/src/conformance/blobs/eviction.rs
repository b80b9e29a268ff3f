//! A store has an end.

use std::sync::Arc;

use voicefleet_core::ports::{BlobError, BlobStore, Retention};

use super::{BlobsBench, KIB, MIB, blob, get, has, key, put};

const LIMIT: u64 = MIB as u64;

/// Three of these fit into [`LIMIT`] with what a store needs for itself, four do not.
const THIRD: usize = 300 * KIB;

async fn names_present(store: &Arc<dyn BlobStore>, names: &[&str]) -> Vec<String> {
    let mut present = Vec::new();
    for name in names {
        if has(store, name).await {
            present.push((*name).to_owned());
        }
    }
    present
}

/// However many are put, what is left fits; and at least half of the room is used.
pub async fn the_bound_holds_and_is_used<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    for name in 0..300 {
        put(&store, &name, blob(1, 10 * KIB), Retention::Cache).await;
    }
    let mut held = 0;
    for name in 0..300 {
        held += get(&store, &name).await.map_or(0, |blob| blob.bytes.len());
    }
    assert!(held <= MIB, "{held} bytes are held");
    assert!(held >= MIB / 2, "only {held} bytes are held");
}

/// In the order of putting, when nothing has been read.
pub async fn the_least_recently_used_goes_first<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    for name in ["a", "b", "c", "d", "e"] {
        put(&store, &name, blob(1, THIRD), Retention::Cache).await;
    }
    assert_eq!(
        names_present(&store, &["a", "b", "c", "d", "e"]).await,
        ["c", "d", "e"]
    );
}

/// What was read or asked for stays longer than what was put after it.
pub async fn reading_and_asking_are_use<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    for name in ["a", "b", "c"] {
        put(&store, &name, blob(1, THIRD), Retention::Cache).await;
    }
    assert!(get(&store, "a").await.is_some());
    put(&store, "d", blob(1, THIRD), Retention::Cache).await;
    assert!(has(&store, "c").await);
    put(&store, "e", blob(1, THIRD), Retention::Cache).await;
    assert_eq!(
        names_present(&store, &["a", "b", "c", "d", "e"]).await,
        ["c", "d", "e"]
    );
    assert!(get(&store, "c").await.is_some());
    assert!(has(&store, "d").await);
    put(&store, "f", blob(1, 2 * THIRD), Retention::Cache).await;
    assert_eq!(
        names_present(&store, &["c", "d", "e", "f"]).await,
        ["d", "f"]
    );
}

/// The cache makes room around them.
pub async fn pinned_blobs_stay<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    put(&store, "pinned", blob(9, THIRD), Retention::Pinned).await;
    for name in 0..20 {
        put(&store, &name, blob(1, THIRD), Retention::Cache).await;
    }
    assert_eq!(get(&store, "pinned").await, Some(blob(9, THIRD)));
    assert!(has(&store, &19).await);
}

/// Then there is no room for anybody, said with figures, and nothing is lost by trying.
pub async fn pinned_blobs_can_fill_the_store<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    for name in ["a", "b", "c"] {
        put(&store, &name, blob(1, THIRD), Retention::Pinned).await;
    }
    for retention in [Retention::Cache, Retention::Pinned] {
        let refused = store.put(&key("d"), blob(1, THIRD), retention).await;
        let Err(BlobError::Full { needed, limit }) = refused else {
            panic!("not refused: {refused:?}")
        };
        assert_eq!(limit, LIMIT);
        assert!(needed >= THIRD as u64);
    }
    assert_eq!(
        names_present(&store, &["a", "b", "c", "d"]).await,
        ["a", "b", "c"]
    );
    put(&store, "small", blob(1, 10 * KIB), Retention::Cache).await;
}

/// It could never fit, and nothing is evicted for it.
pub async fn a_blob_larger_than_the_store_is_refused<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    put(&store, "a", blob(1, THIRD), Retention::Cache).await;
    let refused = store
        .put(&key("b"), blob(1, 2 * MIB), Retention::Cache)
        .await;
    assert!(
        matches!(refused, Err(BlobError::Full { .. })),
        "{refused:?}"
    );
    assert_eq!(get(&store, "a").await, Some(blob(1, THIRD)));
}

/// Work that waited for it is done: it is a cache entry like others, and goes like others.
pub async fn what_is_unpinned_can_be_evicted<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    for name in ["a", "b", "c"] {
        put(&store, &name, blob(1, THIRD), Retention::Pinned).await;
    }
    store.unpin(&key("b")).await.expect("unpinned");
    assert!(has(&store, "b").await);
    put(&store, "d", blob(1, THIRD), Retention::Cache).await;
    assert_eq!(
        names_present(&store, &["a", "b", "c", "d"]).await,
        ["a", "c", "d"]
    );
}

/// A blob makes room for its successor, pinned or not.
pub async fn replacing_frees_the_room_of_what_was_there<B: BlobsBench>() {
    let bench = B::fresh(LIMIT).await;
    let store = bench.blobs();
    put(&store, "other", blob(3, THIRD), Retention::Pinned).await;
    for seed in 0..10 {
        put(&store, "a", blob(seed, 2 * THIRD), Retention::Pinned).await;
        assert_eq!(get(&store, "a").await, Some(blob(seed, 2 * THIRD)));
    }
    assert_eq!(get(&store, "other").await, Some(blob(3, THIRD)));
}
