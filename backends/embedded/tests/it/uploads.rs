//! Blobs beyond the suite: what goes on in the file.

use bytes::Bytes;
use voicefleet_core::ports::{Blob, BlobKey, Retention};

use crate::bench::Database;

const MIB: usize = 1 << 20;

fn key(name: &str) -> BlobKey {
    BlobKey::Upload(name.to_owned())
}

fn blob(length: usize) -> Blob {
    Blob {
        bytes: Bytes::from(vec![5; length]),
        content_type: "audio/flac".to_owned(),
    }
}

async fn count(database: &Database, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(&mut database.sql().await)
        .await
        .expect("a number")
}

#[tokio::test]
async fn what_is_removed_leaves_no_bytes_behind() {
    let database = Database::fresh().await;
    let blobs = database.blobs();
    for name in ["deleted", "replaced"] {
        blobs
            .put(&key(name), blob(20 * MIB), Retention::Pinned)
            .await
            .expect("stored");
    }
    blobs.delete(&key("deleted")).await.expect("deleted");
    blobs
        .put(&key("replaced"), blob(10), Retention::Cache)
        .await
        .expect("stored");
    database.embedded.tidy().await.expect("tidied");
    assert_eq!(count(&database, "SELECT count(*) FROM chunks").await, 1);
    assert_eq!(count(&database, "SELECT count(*) FROM blobs").await, 1);
    database.assert_counts_are_true().await;
}

#[tokio::test]
async fn an_upload_that_is_cut_off_is_seen_by_nobody_and_leaves_nothing() {
    let database = Database::fresh().await;
    let blobs = database.blobs();
    blobs
        .put(&key("a"), blob(3), Retention::Pinned)
        .await
        .expect("stored");
    let key = key("a");
    {
        let uploading = blobs.put(&key, blob(20 * MIB), Retention::Pinned);
        tokio::pin!(uploading);
        while count(&database, "SELECT count(*) FROM chunks").await < 5 {
            assert!(futures::poll!(&mut uploading).is_pending());
        }
    }
    assert_eq!(blobs.get(&key).await.expect("answered"), Some(blob(3)));
    database.embedded.tidy().await.expect("tidied");
    assert_eq!(count(&database, "SELECT count(*) FROM chunks").await, 1);
    assert_eq!(count(&database, "SELECT count(*) FROM blobs").await, 1);
}

#[tokio::test]
async fn an_upload_that_a_crash_cut_off_is_removed_when_it_is_opened() {
    let closed = {
        let database = Database::fresh().await;
        database
            .blobs()
            .put(&key("a"), blob(3 * MIB), Retention::Pinned)
            .await
            .expect("stored");
        database.close().await
    };
    closed.tamper("UPDATE blobs SET state = 'writing'").await;
    let database = closed.open().await;
    assert!(
        !database
            .blobs()
            .contains(&key("a"))
            .await
            .expect("answered")
    );
    database.embedded.tidy().await.expect("tidied");
    assert_eq!(count(&database, "SELECT count(*) FROM chunks").await, 0);
}

#[tokio::test]
async fn reading_does_not_write() {
    let database = Database::fresh().await;
    let blobs = database.blobs();
    blobs
        .put(&key("a"), blob(1000), Retention::Cache)
        .await
        .expect("stored");
    database
        .embedded
        .tidy()
        .await
        .expect("nothing is left to write");
    let mut sql = database.sql().await;
    let version = "PRAGMA data_version";
    let before: i64 = sqlx::query_scalar(version)
        .fetch_one(&mut sql)
        .await
        .expect("a version");
    for _ in 0..200 {
        assert!(blobs.get(&key("a")).await.expect("answered").is_some());
        assert!(blobs.contains(&key("a")).await.expect("answered"));
    }
    let after: i64 = sqlx::query_scalar(version)
        .fetch_one(&mut sql)
        .await
        .expect("a version");
    assert_eq!(after, before);
}

#[tokio::test]
async fn what_was_used_is_remembered_when_it_is_opened_again() {
    let mut database = Database::with(|config| config.blob_limit_bytes = MIB as u64).await;
    for name in ["a", "b", "c"] {
        let stored = database
            .blobs()
            .put(&key(name), blob(300 * 1024), Retention::Cache)
            .await;
        stored.expect("stored");
    }
    assert!(
        database
            .blobs()
            .contains(&key("a"))
            .await
            .expect("answered")
    );
    database = database.reopen().await;
    let blobs = database.blobs();
    blobs
        .put(&key("d"), blob(300 * 1024), Retention::Cache)
        .await
        .expect("stored");
    assert!(blobs.contains(&key("a")).await.expect("answered"));
    assert!(!blobs.contains(&key("b")).await.expect("answered"));
}

#[tokio::test]
async fn eviction_goes_by_uses_that_are_being_written_down_at_the_same_time() {
    let database = Database::with(|config| config.blob_limit_bytes = MIB as u64).await;
    let blobs = database.blobs();
    for name in ["a", "b", "c"] {
        let stored = blobs
            .put(&key(name), blob(300 * 1024), Retention::Cache)
            .await;
        stored.expect("stored");
    }
    assert!(blobs.get(&key("a")).await.expect("answered").is_some());
    // On one thread the put is handed to the writer first, then housekeeping asks for its turn.
    let d = key("d");
    let put = blobs.put(&d, blob(300 * 1024), Retention::Cache);
    let (stored, tidied) = futures::join!(put, database.embedded.tidy());
    stored.expect("stored");
    tidied.expect("tidied");
    assert!(blobs.contains(&key("a")).await.expect("answered"));
    assert!(!blobs.contains(&key("b")).await.expect("answered"));
}
