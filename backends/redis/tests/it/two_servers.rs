//! A server for the records, and another one for the cache, which goes away.

use async_trait::async_trait;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, Retention};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::within_patience;

use crate::{
    conformance::Installation,
    records::submit,
    server::{Server, blobs, eventually, records},
};

fn key(name: &str) -> BlobKey {
    BlobKey::Upload(name.to_owned())
}

fn blob() -> Blob {
    Blob {
        bytes: vec![7; 1_000].into(),
        content_type: "audio/flac".to_owned(),
    }
}

/// One server for the records, one for the cache.
pub(crate) struct Two {
    main: Server,
    cache: Server,
}

#[async_trait]
impl Installation for Two {
    async fn start() -> Self {
        Self {
            main: Server::start().await,
            cache: Server::start().await,
        }
    }

    fn config(&self) -> RedisConfig {
        RedisConfig {
            cache_url: Some(self.cache.url()),
            ..self.main.config()
        }
    }

    async fn crash_and_come_back(&mut self) {
        for server in [&mut self.main, &mut self.cache] {
            server.kill().await;
            server.start_again().await;
        }
    }
}

async fn servers() -> (Server, Server, RedisConfig) {
    let two = Two::start().await;
    let config = two.config();
    (two.main, two.cache, config)
}

async fn blobs_on(server: &Server) -> Vec<String> {
    let mut keys: Vec<String> = server.ask(&["KEYS", "voicefleet:blob:*"]).await;
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn the_cache_holds_what_is_cached_and_nothing_else() {
    let (main, cache, config) = servers().await;
    let store = blobs(&config);
    for (name, kept) in [("cached", Retention::Cache), ("pinned", Retention::Pinned)] {
        store.put(&key(name), blob(), kept).await.expect("stored");
    }
    submit(&records(&config)).await;
    assert_eq!(blobs_on(&main).await, ["voicefleet:blob:upload/pinned"]);
    assert_eq!(blobs_on(&cache).await, ["voicefleet:blob:upload/cached"]);
    let others: Vec<String> = cache.ask(&["KEYS", "*"]).await;
    assert!(others.iter().all(|key| key.contains(":blob")), "{others:?}");
}

#[tokio::test]
async fn work_goes_on_without_the_cache_and_no_result_is_lost() {
    let (main, mut cache, config) = servers().await;
    let store = blobs(&config);
    for (name, kept) in [("cached", Retention::Cache), ("pinned", Retention::Pinned)] {
        store.put(&key(name), blob(), kept).await.expect("stored");
    }
    cache.kill().await;
    // Before and after it is noticed that it does not answer.
    for round in 0..6 {
        let made = key(&format!("made {round}"));
        let put = store.put(&made, blob(), Retention::Cache);
        within_patience(put).await.expect("stored");
        assert_eq!(store.get(&made).await, Ok(Some(blob())));
        assert_eq!(store.contains(&made).await, Ok(true));
        assert_eq!(store.get(&key("pinned")).await, Ok(Some(blob())));
        assert_eq!(store.contains(&key("cached")).await, Ok(false));
        let away = store.get(&key("cached")).await;
        assert!(matches!(away, Err(BlobError::Unavailable(_))), "{away:?}");
    }
    let ttl: i64 = main.ask(&["PTTL", "voicefleet:blob:upload/made 0"]).await;
    assert!(ttl > 0, "{ttl}");
    cache.start_again().await;
    eventually(async || store.get(&key("cached")).await.ok().flatten()).await;
    assert_eq!(store.get(&key("made 0")).await, Ok(Some(blob())));
    let put = store.put(&key("new"), blob(), Retention::Cache).await;
    put.expect("stored");
    assert!(
        blobs_on(&cache)
            .await
            .contains(&"voicefleet:blob:upload/new".to_owned())
    );
}

/// One that refuses to store is no use either.
#[tokio::test]
async fn a_cache_without_memory_is_passed_by() {
    let (main, cache, config) = servers().await;
    let store = blobs(&config);
    let _: String = cache.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let put = store.put(&key("a"), blob(), Retention::Cache).await;
    put.expect("stored");
    assert_eq!(blobs_on(&main).await, ["voicefleet:blob:upload/a"]);
    assert_eq!(store.get(&key("a")).await, Ok(Some(blob())));
}

/// Under two names: then nothing may be taken away from the one by way of the other.
#[tokio::test]
async fn both_may_be_the_same_server() {
    let main = Server::start().await;
    let store = blobs(&RedisConfig {
        cache_url: Some(format!("{}/0", main.url())),
        ..main.config()
    });
    for kept in [Retention::Cache, Retention::Pinned] {
        store.put(&key("a"), blob(), kept).await.expect("stored");
        assert_eq!(store.get(&key("a")).await, Ok(Some(blob())));
    }
    store.unpin(&key("a")).await.expect("unpinned");
    assert_eq!(store.get(&key("a")).await, Ok(Some(blob())));
    store.delete(&key("a")).await.expect("deleted");
    assert_eq!(store.contains(&key("a")).await, Ok(false));
}
