//! The suite that every blob store has to pass, without the bound that these do not have.

use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use voicefleet_core::ports::{Blob, BlobKey, BlobStore, Retention};
use voicefleet_objects::{LargeBlobs, ObjectBlobs, ObjectsConfig};
use voicefleet_testkit::{
    conformance::{Reopen, blobs::BlobsBench},
    memory::MemoryBlobs,
};

use crate::s3::Bucket;

pub(crate) fn open(config: &ObjectsConfig) -> Arc<dyn BlobStore> {
    Arc::new(ObjectBlobs::open(config).expect("opens"))
}

fn in_folder(folder: &TempDir) -> Arc<dyn BlobStore> {
    let url = format!("file://{}", folder.path().display());
    open(&ObjectsConfig::new(url))
}

/// A folder that ends with it.
struct Folder {
    folder: TempDir,
    opened: Arc<dyn BlobStore>,
}

#[async_trait]
impl BlobsBench for Folder {
    async fn fresh(_: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = in_folder(&folder);
        Self { folder, opened }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

#[async_trait]
impl Reopen for Folder {
    async fn reopen(mut self) -> Self {
        self.opened = in_folder(&self.folder);
        self
    }
}

struct InBucket {
    opened: Arc<dyn BlobStore>,
    _bucket: Bucket,
}

#[async_trait]
impl BlobsBench for InBucket {
    async fn fresh(_: u64) -> Self {
        let bucket = Bucket::start().await;
        Self {
            opened: open(&bucket.config()),
            _bucket: bucket,
        }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

/// Behind a store in memory.
struct Behind {
    opened: Arc<dyn BlobStore>,
    _folder: TempDir,
}

#[async_trait]
impl BlobsBench for Behind {
    async fn fresh(limit_bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = LargeBlobs {
            small: Arc::new(MemoryBlobs::new(limit_bytes)),
            large: in_folder(&folder),
            over_bytes: 1 << 20,
        };
        Self {
            opened: Arc::new(opened),
            _folder: folder,
        }
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.opened)
    }
}

mod folder {
    voicefleet_testkit::blobs_conformance!(super::Folder);
    voicefleet_testkit::blobs_durability!(super::Folder);
}

mod bucket {
    voicefleet_testkit::blobs_conformance!(super::InBucket);
}

mod behind_a_small_store {
    voicefleet_testkit::blobs_conformance!(super::Behind);
}

/// So that lifecycle rules can tell them apart.
#[tokio::test]
async fn objects_lie_below_the_prefix_by_their_kind() {
    let bucket = Bucket::start().await;
    let blob = Blob {
        bytes: "x".into(),
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Upload("a".to_owned());
    let store = open(&bucket.config());
    let put = store.put(&key, blob, Retention::Pinned).await;
    put.expect("stored");
    assert_eq!(bucket.paths(), ["/bucket/some/prefix/upload/a"]);
}
