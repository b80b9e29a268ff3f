//! What is still there when the store's process, or the connection to it, has come back.

use voicefleet_core::ports::Retention;

use super::{BlobsBench, KIB, MIB, blob, get, key, put};
use crate::conformance::Reopen;

/// What was put, as it was last put; what was deleted is not back, and what was pinned is still pinned.
pub async fn blobs_survive_reopening<B: BlobsBench + Reopen>() {
    let bench = B::fresh(4 * MIB as u64).await;
    let store = bench.blobs();
    put(&store, "pinned", blob(1, 1500 * KIB), Retention::Pinned).await;
    put(&store, "cached", blob(2, 150 * KIB), Retention::Cache).await;
    put(&store, "replaced", blob(3, 150 * KIB), Retention::Cache).await;
    put(&store, "replaced", blob(4, 100 * KIB), Retention::Cache).await;
    put(&store, "deleted", blob(5, KIB), Retention::Pinned).await;
    store.delete(&key("deleted")).await.expect("deleted");
    drop(store);
    let bench = bench.reopen().await;
    let store = bench.blobs();
    assert_eq!(get(&store, "cached").await, Some(blob(2, 150 * KIB)));
    assert_eq!(get(&store, "replaced").await, Some(blob(4, 100 * KIB)));
    assert_eq!(get(&store, "deleted").await, None);
    for name in 0..10 {
        put(&store, &name, blob(6, MIB), Retention::Cache).await;
    }
    assert_eq!(get(&store, "pinned").await, Some(blob(1, 1500 * KIB)));
}
