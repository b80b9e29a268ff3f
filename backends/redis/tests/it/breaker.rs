//! A server that does not answer costs callers a time-out only a few times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use tokio::{net::TcpListener, task::JoinSet};
use voicefleet_core::ports::{BlobError, BlobKey, BlobStore};
use voicefleet_redis::RedisConfig;
use voicefleet_testkit::conformance::within_patience;

use crate::server::{Server, blobs, eventually};

/// Takes every connection and says nothing.
struct Mute {
    port: u16,
    taken: Arc<AtomicUsize>,
    _taking: JoinSet<()>,
}

impl Mute {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(AtomicUsize::new(0));
        let (mut taking, count) = (JoinSet::new(), Arc::clone(&taken));
        taking.spawn(async move {
            let mut open = Vec::new();
            loop {
                open.push(listener.accept().await.expect("a connection"));
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            port,
            taken,
            _taking: taking,
        }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

async fn ask(blobs: &Arc<dyn BlobStore>) -> Result<bool, String> {
    let key = BlobKey::Upload("a".to_owned());
    match within_patience(blobs.contains(&key)).await {
        Ok(found) => Ok(found),
        Err(BlobError::Unavailable(reason)) => Err(reason),
        Err(other) => panic!("{other:?}"),
    }
}

fn is_refused_at_once(answer: &Result<bool, String>) -> bool {
    matches!(answer, Err(reason) if reason.contains("is not asked until"))
}

#[tokio::test]
async fn a_server_that_never_answers_is_soon_not_asked_any_more() {
    let mute = Mute::start().await;
    let blobs = blobs(&RedisConfig {
        connect_timeout: Duration::from_millis(50),
        response_timeout: Duration::from_millis(50),
        ..RedisConfig::new(format!("redis://127.0.0.1:{}", mute.port))
    });
    for _ in 0..3 {
        let answer = ask(&blobs).await;
        assert!(!is_refused_at_once(&answer), "{answer:?}");
    }
    assert_eq!(mute.taken(), 3);
    // Also on a machine that takes its time, so that one call may already try again, the others do not.
    let answers = join_all((0..100).map(|_| ask(&blobs))).await;
    assert!(mute.taken() <= 4, "{} connections", mute.taken());
    let refused = answers.iter().filter(|answer| is_refused_at_once(answer));
    assert!(refused.count() >= 99);
    for reason in answers.into_iter().filter_map(Result::err) {
        assert!(reason.contains(&mute.port.to_string()), "{reason}");
    }
    // Some time later it is asked again, by one call only.
    let before = mute.taken();
    let answers = eventually(async || {
        let answers = join_all((0..100).map(|_| ask(&blobs))).await;
        (mute.taken() > before).then_some(answers)
    })
    .await;
    let refused = answers.iter().filter(|answer| is_refused_at_once(answer));
    assert_eq!(refused.count(), 99);
    assert_eq!(mute.taken(), before + 1);
}

#[tokio::test]
async fn a_server_that_refuses_is_a_server_that_answers() {
    let server = Server::start().await;
    let _: String = server.ask(&["CONFIG", "SET", "requirepass", "x"]).await;
    let blobs = blobs(&server.config());
    for _ in 0..10 {
        let answer = ask(&blobs).await;
        assert!(!is_refused_at_once(&answer), "{answer:?}");
    }
    let _: String = {
        let url = format!("redis://:x@127.0.0.1:{}", server.port());
        let mut command = redis::cmd("CONFIG");
        command.arg(&["SET", "requirepass", ""]);
        crate::server::ask(&url, &command).await
    };
    assert_eq!(ask(&blobs).await, Ok(false));
}

#[tokio::test]
async fn a_server_that_is_back_is_asked_again() {
    let mut server = Server::start().await;
    let blobs = blobs(&server.config());
    assert_eq!(ask(&blobs).await, Ok(false));
    server.kill().await;
    eventually(async || is_refused_at_once(&ask(&blobs).await).then_some(())).await;
    server.start_again().await;
    eventually(async || ask(&blobs).await.ok()).await;
    assert_eq!(ask(&blobs).await, Ok(false));
}

/// They all wait on one connection: that is one failure.
#[tokio::test]
async fn a_crowd_on_a_connection_that_breaks_does_not_close_the_way_back() {
    let mut server = Server::start().await;
    let blobs = blobs(&server.config());
    assert_eq!(ask(&blobs).await, Ok(false));
    server.signal("STOP").await;
    let crowd = join_all((0..100).map(|_| ask(&blobs)));
    tokio::pin!(crowd);
    voicefleet_testkit::conformance::stays_pending(&mut crowd).await;
    server.kill().await;
    assert!(crowd.await.iter().all(Result::is_err));
    server.start_again().await;
    assert_eq!(ask(&blobs).await, Ok(false));
}
