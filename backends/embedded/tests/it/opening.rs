//! Who may open what.

use std::sync::Arc;

use voicefleet_embedded::{Embedded, EmbeddedConfig, OpenError};

use crate::bench::Database;

async fn refused(config: EmbeddedConfig) -> OpenError {
    Embedded::open(config).await.err().expect("must not open")
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let database = Database::fresh().await;
    let error = refused(database.config.clone()).await;
    let OpenError::InUse { pid, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    // The one that has it is not disturbed, and whoever comes after it may.
    database.accept().await;
    let database = database.reopen().await;
    assert_eq!(database.gauge().await.ready, 1);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = refused(EmbeddedConfig::new(
        folder.path().join("absent/voicefleet.db"),
    ))
    .await;
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("absent"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("voicefleet.db");
    let text = "This is a letter and no database. ".repeat(100);
    std::fs::write(&file, &text).expect("written");
    let error = refused(EmbeddedConfig::new(&file)).await;
    assert!(matches!(error, OpenError::Database { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), text);
}

#[tokio::test]
async fn a_database_of_a_newer_build_is_refused() {
    let closed = Database::fresh().await.close().await;
    closed
        .tamper(
            "INSERT INTO _sqlx_migrations
                (version, description, success, checksum, execution_time)
             VALUES (9999, 'of the future', 1, x'00', 0)",
        )
        .await;
    let error = refused(closed.config.clone()).await;
    assert!(matches!(error, OpenError::Schema { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::fresh().await;
    database.accept().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = database.config.file.clone().into_os_string();
        file.push(suffix);
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", file.display());
    }
}

#[tokio::test]
async fn a_smaller_limit_takes_effect_when_it_is_opened() {
    use bytes::Bytes;
    use voicefleet_core::ports::{Blob, BlobKey, Retention};

    let mut closed = {
        let database = Database::fresh().await;
        for name in 0..10 {
            let bytes = Bytes::from(vec![1; 100_000]);
            let blob = Blob {
                bytes,
                content_type: "audio/flac".to_owned(),
            };
            let key = BlobKey::Upload(name.to_string());
            database
                .blobs()
                .put(&key, blob, Retention::Cache)
                .await
                .expect("stored");
        }
        database.close().await
    };
    closed.config.blob_limit_bytes = 350_000;
    let database = closed.open().await;
    let blobs: Arc<_> = database.blobs();
    let mut kept = Vec::new();
    for name in 0..10 {
        if blobs
            .contains(&BlobKey::Upload(name.to_string()))
            .await
            .expect("answered")
        {
            kept.push(name);
        }
    }
    assert_eq!(kept, [7, 8, 9]);
    database.assert_counts_are_true().await;
}
