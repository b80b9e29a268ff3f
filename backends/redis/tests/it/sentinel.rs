//! Sentinels watch a master and its replica; the master dies.

use std::{fs, time::Duration};

use voicefleet_core::{
    JobId,
    ports::{RecordError, Submission},
};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::within_patience;

use crate::{
    records::{job, submit},
    server::{Server, ask, eventually, records},
};

/// A replica that has everything of `master`.
async fn replica_of(master: &Server) -> Server {
    let port = master.port().to_string();
    let replica = Server::start_with(&["--replicaof", "127.0.0.1", &port]).await;
    eventually(async || {
        let about: String = replica.ask(&["INFO", "replication"]).await;
        about.contains("master_link_status:up").then_some(())
    })
    .await;
    replica
}

/// A Sentinel that decides by itself.
async fn sentinel_of(master: &Server) -> Server {
    let file = master.file("sentinel.conf");
    let rules = format!(
        "sentinel monitor main 127.0.0.1 {} 1\n\
         sentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 5000\n",
        master.port()
    );
    fs::write(&file, rules).expect("written");
    Server::start_sentinel(&file).await
}

/// Whether the database of this test, on that server, has the record.
async fn has(server: &Server, id: JobId) -> bool {
    let mut exists = redis::cmd("EXISTS");
    exists.arg(format!("voicefleet:job:{id}"));
    ask(&format!("{}/3", server.url()), &exists).await
}

#[tokio::test]
async fn after_a_failover_the_new_master_is_used() {
    let mut master = Server::start().await;
    let replica = replica_of(&master).await;
    let sentinel = sentinel_of(&master).await;
    // It knows whom to make the next master.
    eventually(async || {
        let replicas: Vec<redis::Value> = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).await;
        (!replicas.is_empty()).then_some(())
    })
    .await;
    let url = format!("redis+sentinel://127.0.0.1:{}/main/3", sentinel.port());
    let records = records(&RedisConfig {
        records_url: url,
        look_interval: Duration::from_millis(50),
        ..master.config()
    });
    let kept = submit(&records).await;
    // The replica has it.
    eventually(async || has(&replica, kept.id).await.then_some(())).await;

    master.kill().await;
    let refused = within_patience(records.get(kept.id)).await;
    assert!(
        matches!(refused, Err(RecordError::Unavailable(_))),
        "{refused:?}"
    );
    let next = job("after the failover");
    eventually(async || {
        let submitted = records.submit(&next).await.ok();
        submitted.map(|outcome| assert_eq!(outcome, Submission::Leads))
    })
    .await;
    assert_eq!(records.get(kept.id).await, Ok(kept));
    assert!(has(&replica, next.id).await);
}

#[tokio::test]
async fn a_master_that_no_sentinel_knows_is_unavailable() {
    let master = Server::start().await;
    let sentinel = sentinel_of(&master).await;
    let url = format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port());
    let records = records(&RedisConfig::new(url));
    let refused = within_patience(records.submit(&job("x"))).await;
    assert!(
        matches!(&refused, Err(RecordError::Unavailable(reason)) if reason.contains("other")),
        "{refused:?}"
    );
}

/// A user and password of their own, and wrong ones are said without being said.
#[tokio::test]
async fn sentinels_may_ask_for_a_password() {
    let master = Server::start().await;
    let sentinel = sentinel_of(&master).await;
    let user = ["ACL", "SETUSER", "fleet", "on", ">se%cret", "+@all"];
    let _: String = sentinel.ask(&user).await;
    let _: String = sentinel.ask(&["ACL", "SETUSER", "default", "off"]).await;
    let at = |password: &str| {
        let hosts = format!("127.0.0.1:{}", sentinel.port());
        let query = format!("sentinel_user=fleet&sentinel_password={password}");
        records(&RedisConfig::new(format!(
            "redis+sentinel://{hosts}/main?{query}"
        )))
    };
    submit(&at("se%25cret")).await;
    let refused = within_patience(at("wrong").submit(&job("x"))).await;
    assert!(
        matches!(&refused, Err(RecordError::Unavailable(reason)) if !reason.contains("wrong")),
        "{refused:?}"
    );
}
