//! Sentinels watch a master and its replica; the master dies.

use std::{collections::HashMap, fs, time::Duration};

use async_trait::async_trait;
use voicefleet_core::{
    JobId,
    ports::{RecordError, Submission},
};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::within_patience;

use crate::{
    conformance::Installation,
    records::{job, submit},
    server::{Server, ask, eventually, records},
};

/// Other than the one that is used when none is said.
const DATABASE: u8 = 3;

/// A replica that has everything of `master`.
async fn replica_of(master: &Server) -> Server {
    let port = master.port().to_string();
    let replica = Server::start_with(&["--replicaof", "127.0.0.1", &port]).await;
    replica.says("replication", "master_link_status:up").await;
    replica
}

/// A Sentinel that decides by itself.
async fn sentinel_of(master: &Server) -> Server {
    let file = master.file("sentinel.conf");
    let rules = format!(
        "sentinel monitor main 127.0.0.1 {} 1\n\
         sentinel down-after-milliseconds main 500\n\
         sentinel failover-timeout main 1000\n",
        master.port()
    );
    fs::write(&file, rules).expect("written");
    let sentinel = Server::start_sentinel(&file).await;
    // When the clock of the machine jumps, it would look on and do nothing for 30 s.
    let jumps = [
        "SENTINEL",
        "DEBUG",
        "tilt-trigger",
        "3600000",
        "tilt-period",
        "100",
    ];
    let _: String = sentinel.ask(&jumps).await;
    sentinel
}

/// A master, its replica, and a Sentinel that makes the one the other.
pub(crate) struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

#[async_trait]
impl Installation for Watched {
    async fn start() -> Self {
        let master = Server::start().await;
        let replica = replica_of(&master).await;
        let sentinel = sentinel_of(&master).await;
        within_patience(knows_an_heir(&sentinel)).await;
        Self {
            master,
            replica,
            sentinel,
        }
    }

    fn config(&self) -> RedisConfig {
        let port = self.sentinel.port();
        RedisConfig {
            records_url: format!("redis+sentinel://127.0.0.1:{port}/main/{DATABASE}"),
            look_interval: Duration::from_millis(50),
            ..self.master.config()
        }
    }

    /// What the replica has not got yet would be lost, as ever with Redis, so it gets it first.
    async fn crash_and_come_back(&mut self) {
        within_patience(has_caught_up(&self.replica, &self.master)).await;
        self.master.kill().await;
        self.replica.says("replication", "role:master").await;
        let new = format!("address=127.0.0.1:{}", self.replica.port());
        self.sentinel.says("sentinel", &new).await;
    }
}

/// Returns when the Sentinel has heard from the replica itself: to one that it only knows of from its
/// master it would not hand over.
async fn knows_an_heir(sentinel: &Server) {
    loop {
        let replicas: Vec<HashMap<String, String>> =
            sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).await;
        let link = replicas
            .first()
            .and_then(|heir| heir.get("master-link-status"));
        if link.is_some_and(|link| link == "ok") {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Returns when the replica has what the master has now.
async fn has_caught_up(replica: &Server, master: &Server) {
    let wanted = replicated(master).await;
    while replicated(replica).await < wanted {
        tokio::task::yield_now().await;
    }
}

/// Up to where it has the stream of changes.
async fn replicated(server: &Server) -> u64 {
    let about: String = server.ask(&["INFO", "replication"]).await;
    let mut lines = about.lines();
    let offset = lines.find_map(|line| line.strip_prefix("master_repl_offset:")?.parse().ok());
    offset.expect("it says")
}

/// Whether the database of this test, on that server, has the record.
async fn has(server: &Server, id: JobId) -> bool {
    let mut exists = redis::cmd("EXISTS");
    exists.arg(format!("voicefleet:job:{id}"));
    ask(&format!("{}/{DATABASE}", server.url()), &exists).await
}

#[tokio::test]
async fn after_a_failover_the_new_master_is_used() {
    let watched = Watched::start().await;
    let records = records(&watched.config());
    let Watched {
        mut master,
        replica,
        sentinel: _sentinel,
    } = watched;
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
