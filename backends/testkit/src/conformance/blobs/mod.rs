//! What a blob store promises.

mod basics;
mod durability;
mod eviction;

pub use basics::*;
pub use durability::*;
pub use eviction::*;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use voicefleet_core::ports::{Blob, BlobKey, BlobStore, Retention};

/// Where the cases of a blob store run.
#[async_trait]
pub trait BlobsBench: Send + Sync + Sized {
    /// An empty store of its own for at most `limit_bytes`.
    async fn fresh(limit_bytes: u64) -> Self;

    /// The store.
    fn blobs(&self) -> Arc<dyn BlobStore>;
}

/// Runs every case over a [`BlobsBench`], except those of [`blobs_eviction!`](crate::blobs_eviction).
#[macro_export]
macro_rules! blobs_conformance {
    ($bench:ty) => {
        $crate::blobs_conformance! { @each $bench:
            what_is_put_is_got,
            what_is_not_there_is_not_found,
            putting_again_replaces,
            what_is_deleted_is_gone,
            large_and_empty_blobs_are_whole,
            concurrent_puts_and_gets_see_whole_blobs,
        }
    };
    (@each $bench:ty: $($case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::blobs::$case::<$bench>().await;
        }
    )+};
}

/// Runs the cases for a [`BlobsBench`] that bounds itself and evicts exactly: a server that samples
/// for what to evict cannot pass them.
#[macro_export]
macro_rules! blobs_eviction {
    ($bench:ty) => {
        $crate::blobs_conformance! { @each $bench:
            the_bound_holds_and_is_used,
            the_least_recently_used_goes_first,
            reading_and_asking_are_use,
            pinned_blobs_stay,
            pinned_blobs_can_fill_the_store,
            a_blob_larger_than_the_store_is_refused,
            what_is_unpinned_can_be_evicted,
            replacing_frees_the_room_of_what_was_there,
        }
    };
}

/// Runs every case over a [`BlobsBench`] that can [`Reopen`](crate::conformance::Reopen).
#[macro_export]
macro_rules! blobs_durability {
    ($bench:ty) => {
        $crate::blobs_conformance! { @each $bench:
            blobs_survive_reopening,
        }
    };
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn key(name: &(impl ToString + ?Sized)) -> BlobKey {
    BlobKey::Upload(name.to_string())
}

/// `length` bytes that follow from `seed`.
fn blob(seed: u8, length: usize) -> Blob {
    let bytes: Vec<u8> = (0..=250_u8)
        .cycle()
        .map(|byte| byte ^ seed)
        .take(length)
        .collect();
    Blob {
        bytes: Bytes::from(bytes),
        content_type: "audio/flac".to_owned(),
    }
}

async fn put(
    store: &Arc<dyn BlobStore>,
    name: &(impl ToString + ?Sized),
    blob: Blob,
    retention: Retention,
) {
    store
        .put(&key(name), blob, retention)
        .await
        .expect("stored");
}

async fn get(store: &Arc<dyn BlobStore>, name: &(impl ToString + ?Sized)) -> Option<Blob> {
    store.get(&key(name)).await.expect("answered")
}

async fn has(store: &Arc<dyn BlobStore>, name: &(impl ToString + ?Sized)) -> bool {
    store.contains(&key(name)).await.expect("answered")
}
