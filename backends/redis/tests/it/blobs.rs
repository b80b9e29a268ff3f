//! The blob store beyond the suites.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use voicefleet_core::ports::{Blob, BlobError, BlobKey, BlobStore, Retention};
use voicefleet_redis::RedisConfig;

use crate::server::{Server, blobs, eventually};

const KIB: usize = 1024;

fn key(name: &(impl ToString + ?Sized)) -> BlobKey {
    BlobKey::Upload(name.to_string())
}

fn blob(length: usize) -> Blob {
    Blob {
        bytes: vec![7; length].into(),
        content_type: "audio/flac".to_owned(),
    }
}

async fn put(
    store: &Arc<dyn BlobStore>,
    name: &(impl ToString + ?Sized),
    length: usize,
    kept: Retention,
) {
    let stored = store.put(&key(name), blob(length), kept).await;
    stored.expect("stored");
}

async fn ttl(server: &Server, name: &str) -> i64 {
    let blob = format!("voicefleet:blob:upload/{name}");
    server.ask(&["PTTL", &blob]).await
}

/// What the books say, and what it adds up to.
async fn assert_books_are_right(server: &Server) {
    for (kind, list) in [
        ("cached", "voicefleet:blobs:lru"),
        ("pinned", "voicefleet:blobs:pinned"),
    ] {
        let paths: Vec<String> = server.ask(&["ZRANGE", list, "0", "-1"]).await;
        let mut sum = 0;
        for path in &paths {
            let size: u64 = server.ask(&["HGET", "voicefleet:blobs:sizes", path]).await;
            sum += size;
        }
        let total: Option<u64> = server.ask(&["HGET", "voicefleet:blobs:totals", kind]).await;
        assert_eq!(total.unwrap_or(0), sum, "{kind}");
    }
    let count = async |command: &str, list: &str| -> usize {
        server
            .ask(&[command, &format!("voicefleet:blobs:{list}")])
            .await
    };
    let listed = count("ZCARD", "lru").await + count("ZCARD", "pinned").await;
    assert_eq!(count("HLEN", "sizes").await, listed);
}

#[tokio::test]
async fn the_books_are_right_whatever_happens() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        blob_limit_bytes: 100 * 1024,
        ..server.config()
    });
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..400 {
        let name = key(&random.u8(0..12));
        let kept = if random.u8(0..4) == 0 {
            Retention::Pinned
        } else {
            Retention::Cache
        };
        let full = |refusal: &BlobError| matches!(refusal, BlobError::Full { .. });
        match random.u8(0..8) {
            0..=3 => {
                let stored = store
                    .put(&name, blob(random.usize(0..30 * KIB)), kept)
                    .await;
                assert!(stored.as_ref().err().is_none_or(full), "{stored:?}");
            }
            4 => store.unpin(&name).await.expect("unpinned"),
            5 => store.delete(&name).await.expect("deleted"),
            6 => drop(store.get(&name).await.expect("answered")),
            _ => drop(store.contains(&name).await.expect("answered")),
        }
    }
    assert_books_are_right(&server).await;
    for name in 0..12 {
        store.delete(&key(&name)).await.expect("deleted");
    }
    assert_books_are_right(&server).await;
    let sizes: usize = server.ask(&["EXISTS", "voicefleet:blobs:sizes"]).await;
    assert_eq!(sizes, 0);
}

#[tokio::test]
async fn cached_blobs_go_some_time_after_their_last_use_and_pinned_ones_stay() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        cache_ttl: Duration::from_hours(2),
        ..server.config()
    });
    put(&store, "cached", 10, Retention::Cache).await;
    put(&store, "pinned", 10, Retention::Pinned).await;
    let hour = 3_600_000;
    let fresh = hour..=2 * hour;
    assert!(fresh.contains(&ttl(&server, "cached").await));
    for ask in [true, false] {
        let shorten = ["PEXPIRE", "voicefleet:blob:upload/cached", "60000"];
        let _: i32 = server.ask(&shorten).await;
        for name in ["cached", "pinned"] {
            if ask {
                assert_eq!(store.contains(&key(name)).await, Ok(true));
            } else {
                assert_eq!(store.get(&key(name)).await, Ok(Some(blob(10))));
            }
        }
        assert!(fresh.contains(&ttl(&server, "cached").await));
        assert_eq!(ttl(&server, "pinned").await, -1);
    }
    store.unpin(&key("pinned")).await.expect("unpinned");
    assert!(fresh.contains(&ttl(&server, "pinned").await));
}

/// It is still counted when it has gone by itself, but the first to make room.
#[tokio::test]
async fn the_room_of_what_has_gone_by_itself_is_used() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        blob_limit_bytes: 100 * 1024,
        ..server.config()
    });
    for name in ["a", "b", "c"] {
        put(&store, name, 30 * KIB, Retention::Cache).await;
    }
    let _: i32 = server.ask(&["DEL", "voicefleet:blob:upload/a"]).await;
    assert_eq!(store.get(&key("a")).await, Ok(None));
    assert_eq!(store.contains(&key("b")).await, Ok(true));
    // "a" was asked for later than "c" was put; it makes room for the second of these.
    put(&store, "c", 30 * KIB, Retention::Cache).await;
    put(&store, "d", 30 * KIB, Retention::Cache).await;
    for name in ["b", "c", "d"] {
        assert_eq!(store.contains(&key(name)).await, Ok(true), "{name}");
    }
    assert_books_are_right(&server).await;
}

#[tokio::test]
async fn pins_that_nobody_takes_off_come_off() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        blob_limit_bytes: 100 * 1024,
        pinned_ttl: Duration::from_millis(1),
        ..server.config()
    });
    for name in 0..20 {
        eventually(async || {
            let stored = store
                .put(&key(&name), blob(60 * KIB), Retention::Pinned)
                .await;
            stored.ok()
        })
        .await;
    }
    assert_books_are_right(&server).await;
}

#[tokio::test]
async fn a_server_without_memory_refuses_to_store_and_still_reads() {
    let server = Server::start_with(&["--maxmemory-policy", "noeviction"]).await;
    let store = blobs(&server.config());
    put(&store, "a", 50 * KIB, Retention::Cache).await;
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let refused = store.put(&key("b"), blob(KIB), Retention::Cache).await;
    assert!(
        matches!(&refused, Err(BlobError::Unavailable(reason)) if reason.contains("OOM")),
        "{refused:?}"
    );
    assert_eq!(store.get(&key("a")).await, Ok(Some(blob(50 * KIB))));
    store.delete(&key("a")).await.expect("deleted");
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    put(&store, "b", KIB, Retention::Cache).await;
    assert_books_are_right(&server).await;
}

/// One turn is enough for many callers, and a turn is given back by a caller that goes away.
#[tokio::test]
async fn callers_take_turns() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        max_blob_reads: 1,
        max_blob_writes: 1,
        ..server.config()
    });
    let store = &store;
    let puts = (0..20).map(|name| async move { put(store, &name, KIB, Retention::Cache).await });
    join_all(puts).await;
    let name = key(&3);
    drop(futures::poll!(store.get(&name)));
    let gets = (0..20).map(|name| async move { store.get(&key(&name)).await });
    for got in join_all(gets).await {
        assert_eq!(got, Ok(Some(blob(KIB))));
    }
}

/// Whoever waits for a turn behind reads that do not end hears so in time.
#[tokio::test]
async fn no_turn_is_waited_for_without_end() {
    let server = Server::start().await;
    let store = blobs(&RedisConfig {
        max_blob_reads: 0,
        response_timeout: Duration::from_millis(50),
        ..server.config()
    });
    let refused = store.get(&key("a")).await;
    assert!(
        matches!(&refused, Err(BlobError::Unavailable(reason)) if reason.contains("too many")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn two_servers_share_one_bound() {
    let server = Server::start().await;
    let config = RedisConfig {
        blob_limit_bytes: 100 * 1024,
        ..server.config()
    };
    let (one, other) = (blobs(&config), blobs(&config));
    for round in 0..5 {
        put(&one, &format!("one {round}"), 30 * KIB, Retention::Cache).await;
        put(
            &other,
            &format!("other {round}"),
            30 * KIB,
            Retention::Cache,
        )
        .await;
    }
    let held: usize = server.ask(&["ZCARD", "voicefleet:blobs:lru"]).await;
    assert_eq!(held, 3);
    assert_eq!(one.contains(&key("other 4")).await, Ok(true));
    assert_books_are_right(&server).await;
}
