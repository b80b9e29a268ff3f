//! Redis goes away and comes back.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use voicefleet_core::{
    JobState,
    ports::{Blob, BlobError, BlobKey, JobRecords, RecordError, Retention, Submission},
};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::{PATIENCE, stays_pending, within_patience};

use crate::{
    records::{job, start, submit},
    server::{Server, blobs, eventually, free_port, records},
};

fn impatient(server: &Server) -> RedisConfig {
    RedisConfig {
        connect_timeout: Duration::from_millis(300),
        response_timeout: Duration::from_millis(300),
        ..server.config()
    }
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, RecordError>) -> String {
    match answer {
        Err(RecordError::Unavailable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

async fn back(records: &Arc<dyn JobRecords>, job: &voicefleet_core::Job) {
    eventually(async || {
        records
            .get(job.id)
            .await
            .ok()
            .map(|read| assert_eq!(read, *job))
    })
    .await;
}

fn blob() -> Blob {
    Blob {
        bytes: vec![7; 1_000].into(),
        content_type: "audio/flac".to_owned(),
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_one_that_is_back_is_used() {
    let mut server = Server::start().await;
    let (records, blobs) = (server.records(), blobs(&server.config()));
    let key = BlobKey::Upload("a".to_owned());
    let job = submit(&records).await;
    blobs
        .put(&key, blob(), Retention::Pinned)
        .await
        .expect("stored");
    for _ in 0..2 {
        server.kill().await;
        for _ in 0..3 {
            let reason = unavailable(within_patience(records.get(job.id)).await);
            assert!(reason.contains(&server.port().to_string()), "{reason}");
            unavailable(within_patience(records.submit(&job)).await);
            let refused = within_patience(blobs.get(&key)).await;
            assert!(
                matches!(refused, Err(BlobError::Unavailable(_))),
                "{refused:?}"
            );
        }
        server.start_again().await;
        back(&records, &job).await;
        eventually(async || {
            blobs
                .get(&key)
                .await
                .ok()
                .map(|got| assert_eq!(got, Some(blob())))
        })
        .await;
    }
}

/// The connection stays, but nothing comes: a stopped machine, or a network that swallows.
#[tokio::test]
async fn a_server_that_is_silent_is_unavailable_within_the_time_out() {
    let server = Server::start().await;
    let records = records(&impatient(&server));
    let job = submit(&records).await;
    server.signal("STOP").await;
    for _ in 0..3 {
        unavailable(within_patience(records.get(job.id)).await);
    }
    server.signal("CONT").await;
    back(&records, &job).await;
}

/// What was connected stays so and carries nothing any more; whoever connects anew gets through.
#[tokio::test]
async fn a_connection_that_swallows_everything_is_replaced() {
    let server = Server::start().await;
    let passage = Passage::to(server.port()).await;
    let records = records(&RedisConfig {
        records_url: format!("redis://127.0.0.1:{}", passage.port),
        ..impatient(&server)
    });
    let job = submit(&records).await;
    passage.swallow();
    unavailable(within_patience(records.get(job.id)).await);
    back(&records, &job).await;
}

/// A way to a server that can lose what is on it.
struct Passage {
    port: u16,
    swallowing: Arc<Notify>,
    _connections: JoinSet<()>,
}

impl Passage {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let entrance = listener.local_addr().expect("an address").port();
        let swallowing = Arc::new(Notify::new());
        let (mut accepting, swallow) = (JoinSet::new(), Arc::clone(&swallowing));
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.expect("a connection");
                let swallow = Arc::clone(&swallow);
                connections.spawn(async move {
                    let far = TcpStream::connect(("127.0.0.1", port)).await;
                    let mut far = far.expect("the server is there");
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = swallow.notified() => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            port: entrance,
            swallowing,
            _connections: accepting,
        }
    }

    /// From now on, for every connection there is.
    fn swallow(&self) {
        self.swallowing.notify_waiters();
    }
}

#[tokio::test]
async fn a_server_need_not_be_there_yet() {
    let port = free_port();
    let records = records(&RedisConfig::new(format!("redis://127.0.0.1:{port}")));
    for _ in 0..2 {
        let reason = unavailable(within_patience(records.submit(&job("x"))).await);
        assert!(reason.contains(&port.to_string()), "{reason}");
    }
}

/// Moves that nobody could hear are looked for as soon as there is a connection again.
#[tokio::test]
async fn a_short_outage_is_not_felt_by_whoever_waits() {
    let mut server = Server::start().await;
    let records = records(&RedisConfig {
        look_interval: Duration::from_hours(1),
        ..server.config()
    });
    let job = submit(&records).await;
    let waiting = records.wait(job.id, (job.state, job.progress), PATIENCE * 10);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    server.kill().await;
    server.start_again().await;
    let other = server.records();
    let moved = other.change(job.id, start()).await.expect("legal");
    assert_eq!(moved.state, JobState::Running);
    assert_eq!(within_patience(waiting).await, Ok(moved));
}

#[tokio::test]
async fn a_long_outage_ends_the_waiting() {
    let mut server = Server::start().await;
    let records = records(&RedisConfig {
        look_interval: Duration::from_millis(50),
        ..impatient(&server)
    });
    let job = submit(&records).await;
    let waiting = records.wait(job.id, (job.state, job.progress), PATIENCE * 10);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    server.kill().await;
    unavailable(within_patience(waiting).await);
}

/// The server is killed amid a crowd of submits; whatever it has acknowledged is there afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_record_is_lost_by_a_crash() {
    let mut server = Server::start().await;
    let records = server.records();
    let mut crowd = JoinSet::new();
    let (sender, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..4 {
        let (records, sender) = (Arc::clone(&records), sender.clone());
        crowd.spawn(async move {
            loop {
                let job = job(&voicefleet_core::JobId::generate().to_string());
                match records.submit(&job).await {
                    Ok(Submission::Leads) => sender.send(job).expect("heard"),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => return,
                }
            }
        });
    }
    drop(sender);
    let mut jobs = Vec::new();
    while jobs.len() < 200 {
        jobs.extend(within_patience(acknowledged.recv()).await);
    }
    server.kill().await;
    within_patience(crowd.join_all()).await;
    while let Some(job) = acknowledged.recv().await {
        jobs.push(job);
    }
    server.start_again().await;
    back(&records, &jobs[0]).await;
    for job in jobs {
        assert_eq!(records.leader(&job.fingerprint).await, Ok(Some(job.id)));
        assert_eq!(records.get(job.id).await, Ok(job));
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_without_the_password() {
    let server = Server::start().await;
    let _: String = server
        .ask(&["CONFIG", "SET", "requirepass", "right-one"])
        .await;
    let at = |password: &str| RedisConfig {
        records_url: format!("redis://:{password}@127.0.0.1:{}", server.port()),
        ..server.config()
    };
    let reason = unavailable(records(&at("wrong-one")).submit(&job("x")).await);
    assert!(!reason.contains("wrong-one"), "{reason}");
    assert!(reason.contains(&server.port().to_string()), "{reason}");
    submit(&records(&at("right-one"))).await;
}
