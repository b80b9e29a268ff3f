//! A cluster of three masters.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use voicefleet_core::ports::{Blob, BlobKey, Retention, Submission};
use voicefleet_redis::{ConfigError, RedisBlobs, RedisConfig, RedisRecords};
use voicefleet_testkit::conformance::{PATIENCE, stays_pending, within_patience};

use crate::{
    conformance::Installation,
    records::{job, start, submit},
    server::{Server, blobs, eventually, records},
};

/// All slots, in three parts.
const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];

pub(crate) struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Until every node knows who has which slot.
    async fn agree(&self) {
        for node in &self.nodes {
            within_patience(knows_all(node)).await;
        }
    }

    /// Where all the records lie: in which slot, and which of the nodes has it.
    async fn slot_and_owner(&self) -> (String, usize) {
        let question = ["CLUSTER", "KEYSLOT", "{voicefleet}:"];
        let slot: u16 = self.nodes[0].ask(&question).await;
        let has = |[_, to]: &[&str; 2]| slot <= to.parse().expect("a slot");
        let owner = SLOTS.iter().position(has).expect("it has one");
        (slot.to_string(), owner)
    }

    /// A further node, which has everything that the owner has, and takes over when that one is gone.
    async fn replica_of(&self, owner: usize) -> Server {
        let replica = Server::start_node().await;
        for node in &self.nodes {
            let port = node.port().to_string();
            let _: String = replica.ask(&["CLUSTER", "MEET", "127.0.0.1", &port]).await;
        }
        for node in self.nodes.iter().chain([&replica]) {
            let _: String = node
                .ask(&["CONFIG", "SET", "cluster-node-timeout", "1000"])
                .await;
            eventually(async || {
                let about: String = node.ask(&["CLUSTER", "INFO"]).await;
                about.contains("cluster_known_nodes:4").then_some(())
            })
            .await;
        }
        let id: String = self.nodes[owner].ask(&["CLUSTER", "MYID"]).await;
        let _: String = replica.ask(&["CLUSTER", "REPLICATE", &id]).await;
        eventually(async || {
            let about: String = replica.ask(&["INFO", "replication"]).await;
            about.contains("master_link_status:up").then_some(())
        })
        .await;
        replica
    }

    async fn keys(&self) -> Vec<Vec<String>> {
        let keys = self.nodes.iter().map(|node| node.ask(&["KEYS", "*"]));
        join_all(keys).await
    }
}

#[async_trait]
impl Installation for Cluster {
    async fn start() -> Self {
        let nodes = join_all(SLOTS.map(|_| Server::start_node())).await;
        for ((node, [from, to]), epoch) in nodes.iter().zip(SLOTS).zip(["1", "2", "3"]) {
            let _: String = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", epoch]).await;
            let _: String = node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]).await;
        }
        // Every pair, for from each other they would hear late.
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let port = nodes[other].port().to_string();
            let meet = ["CLUSTER", "MEET", "127.0.0.1", &port];
            let _: String = nodes[one].ask(&meet).await;
        }
        let cluster = Self { nodes };
        cluster.agree().await;
        cluster
    }

    /// Names two of the three; the others are found.
    fn config(&self) -> RedisConfig {
        let hosts = self.nodes[1..]
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()));
        let hosts: Vec<_> = hosts.collect();
        RedisConfig {
            records_url: format!("redis+cluster://{}", hosts.join(",")),
            ..self.nodes[0].config()
        }
    }

    async fn crash_and_come_back(&mut self) {
        for node in &mut self.nodes {
            node.kill().await;
            node.start_again().await;
        }
        self.agree().await;
    }
}

async fn knows_all(node: &Server) {
    loop {
        let about: String = node.ask(&["CLUSTER", "INFO"]).await;
        let whole = about.contains("cluster_state:ok");
        if whole && about.contains("cluster_known_nodes:3") {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_of_it_lies_on_one_node() {
    let cluster = Cluster::start().await;
    let config = cluster.config();
    for _ in 0..5 {
        submit(&records(&config)).await;
    }
    let blob = Blob {
        bytes: vec![7; 100].into(),
        content_type: "audio/flac".to_owned(),
    };
    let key = BlobKey::Upload("a".to_owned());
    let put = blobs(&config).put(&key, blob, Retention::Cache).await;
    put.expect("stored");
    let mut keys = cluster.keys().await;
    keys.retain(|keys| !keys.is_empty());
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(
        keys[0].iter().all(|key| key.starts_with("{voicefleet}:")),
        "{keys:?}"
    );
}

/// Whichever node each of them listens to.
#[tokio::test]
async fn moves_are_heard_from_every_node() {
    let cluster = Cluster::start().await;
    let config = RedisConfig {
        look_interval: Duration::from_hours(1),
        ..cluster.config()
    };
    let writer = records(&config);
    for node in &cluster.nodes {
        let listener = records(&RedisConfig {
            records_url: format!("redis+cluster://127.0.0.1:{}", node.port()),
            ..config.clone()
        });
        let job = submit(&writer).await;
        let waiting = listener.wait(job.id, (job.state, job.progress), PATIENCE * 10);
        tokio::pin!(waiting);
        stays_pending(&mut waiting).await;
        let moved = writer.change(job.id, start()).await.expect("legal");
        assert_eq!(within_patience(waiting).await, Ok(moved));
    }
}

/// The slot goes to another node while it is used.
#[tokio::test]
async fn a_slot_that_moves_is_followed() {
    let cluster = Cluster::start().await;
    let records = records(&cluster.config());
    submit(&records).await;
    let (slot, owner) = cluster.slot_and_owner().await;
    let _: String = cluster.nodes[owner].ask(&["FLUSHALL"]).await;
    let heir = &cluster.nodes[(owner + 1) % 3];
    let id: String = heir.ask(&["CLUSTER", "MYID"]).await;
    for node in &cluster.nodes {
        let _: String = node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]).await;
    }
    let job = submit(&records).await;
    assert_eq!(records.get(job.id).await, Ok(job));
    let keys: usize = heir.ask(&["DBSIZE"]).await;
    assert!(keys > 0);
}

#[tokio::test]
async fn a_replica_that_takes_over_is_used() {
    let mut cluster = Cluster::start().await;
    let records = records(&cluster.config());
    let kept = submit(&records).await;
    let (_, owner) = cluster.slot_and_owner().await;
    let replica = cluster.replica_of(owner).await;
    let keys: usize = cluster.nodes[owner].ask(&["DBSIZE"]).await;
    eventually(async || {
        let copied: usize = replica.ask(&["DBSIZE"]).await;
        (copied == keys).then_some(())
    })
    .await;
    cluster.nodes[owner].kill().await;
    let next = job("after the failover");
    eventually(async || {
        let submitted = records.submit(&next).await.ok();
        submitted.map(|outcome| assert_eq!(outcome, Submission::Leads))
    })
    .await;
    assert_eq!(records.get(kept.id).await, Ok(kept));
    let copied: usize = replica.ask(&["DBSIZE"]).await;
    assert!(copied > keys);
}

/// Neither when it is named in the URL nor when the others name it.
#[tokio::test]
async fn a_silent_node_that_has_no_records_keeps_nobody_away() {
    let cluster = Cluster::start().await;
    let (_, owner) = cluster.slot_and_owner().await;
    let silent = &cluster.nodes[(owner + 1) % 3];
    silent.signal("STOP").await;
    for named in [
        &[silent, &cluster.nodes[owner]][..],
        &[&cluster.nodes[owner]],
    ] {
        let hosts = named
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()));
        let hosts: Vec<_> = hosts.collect();
        let records = records(&RedisConfig {
            records_url: format!("redis+cluster://{}", hosts.join(",")),
            connect_timeout: Duration::from_secs(2),
            ..cluster.config()
        });
        submit(&records).await;
    }
}

#[tokio::test]
async fn a_prefix_that_cannot_be_in_braces_is_refused() {
    for prefix in ["", ":", "a{b}:", "}a:"] {
        let config = RedisConfig {
            key_prefix: prefix.to_owned(),
            ..RedisConfig::new("redis+cluster://127.0.0.1:1")
        };
        assert_eq!(RedisRecords::open(&config).err(), Some(ConfigError::Prefix));
        assert_eq!(RedisBlobs::open(&config).err(), Some(ConfigError::Prefix));
    }
}
