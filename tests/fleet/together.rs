//! Several API servers and workers are one fleet.

use futures::future::try_join_all;
use voicefleet_tests::{Cluster, id_of};

use crate::JOE;

#[tokio::test]
async fn what_one_api_server_takes_another_answers() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let (one, other) = (
        cluster.api().await.expect("an API server"),
        cluster.api().await.expect("another"),
    );
    let speaker = cluster.worker("piper").await.expect("a worker");
    let listener = cluster.worker("whisper").await.expect("a worker");
    let (here, there) = (
        one.client().expect("a client"),
        other.client().expect("a client"),
    );

    let text = "The quick brown fox jumps over the lazy dog.";
    let job = here.speak("piper", JOE, "standard", text).await;
    let job = job.expect("accepted");
    let wav = there.result(id_of(&job).expect("an id")).await;
    let heard = there
        .heard(wav.expect("spoken"), &[("language", "en")])
        .await
        .expect("heard");
    // Piper speaks a little differently each time, and now and then the fox jumped.
    for words in ["brown fox", "lazy dog"] {
        assert!(heard.contains(words), "{heard}");
    }

    // The same again, at both at once: nothing is computed.
    let again = [&here, &there].map(|client| client.speak("piper", JOE, "batch", text));
    for job in try_join_all(again).await.expect("accepted") {
        assert_eq!(job["status"], "succeeded");
        assert_eq!(job["from_cache"], true);
    }
    for process in [speaker, listener, one, other] {
        process.stop().await.expect("stops with exit code 0");
    }
}
