//! Over TLS, with certificates of the test's own.

use std::{fs, path::Path, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use voicefleet_core::ports::{Blob, BlobKey, RecordError, Retention};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::{PATIENCE, stays_pending, within_patience};

use crate::{
    records::{job, start, submit},
    server::{Server, blobs, records},
};

/// Writes an authority's certificate, and one for the server of this name with its key.
fn certify(folder: &Path, name: &str) {
    let write =
        |file: &str, content: String| fs::write(folder.join(file), content).expect("written");
    let mut authority = CertificateParams::new([]).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    write("ca.pem", authority.self_signed(&key).expect("signed").pem());
    let authority = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new([name.to_owned()]).expect("a name");
    let server = server.signed_by(&key, &authority).expect("signed");
    write("server.pem", server.pem());
    write("server.key", key.serialize_pem());
}

async fn server_named(name: &str) -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path(), name);
    (Server::start_tls(folder.path()).await, folder)
}

#[tokio::test]
async fn records_and_blobs_and_news_go_over_tls() {
    let (server, _certificates) = server_named("127.0.0.1").await;
    let records = records(&RedisConfig {
        look_interval: Duration::from_hours(1),
        ..server.config()
    });
    let job = submit(&records).await;
    let waiting = records.wait(job.id, (job.state, job.progress), PATIENCE * 10);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    let moved = server
        .records()
        .change(job.id, start())
        .await
        .expect("legal");
    assert_eq!(within_patience(waiting).await, Ok(moved));

    let (store, key) = (blobs(&server.config()), BlobKey::Upload("a".to_owned()));
    let blob = Blob {
        bytes: vec![7; 1 << 20].into(),
        content_type: "audio/flac".to_owned(),
    };
    let put = store.put(&key, blob.clone(), Retention::Pinned).await;
    put.expect("stored");
    assert_eq!(store.get(&key).await, Ok(Some(blob)));
}

async fn assert_refused(url: String) {
    let refused = records(&RedisConfig::new(url)).submit(&job("x")).await;
    assert!(
        matches!(&refused, Err(RecordError::Unavailable(reason)) if reason.contains("certificate")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn whoever_cannot_prove_who_it_is_is_not_believed() {
    let (server, _certificates) = server_named("127.0.0.1").await;
    // An authority that nobody knows.
    assert_refused(format!("rediss://127.0.0.1:{}", server.port())).await;
    // Another server's name.
    let (server, _certificates) = server_named("redis.example").await;
    assert_refused(server.url()).await;
}
