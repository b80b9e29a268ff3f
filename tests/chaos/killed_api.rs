//! An API server is killed in the middle of a flood: what it had accepted is done.

use futures::{StreamExt, stream};
use voicefleet_tests::{Client, Cluster};

use crate::load::{self, Work};

const JOBS: usize = 600;
/// The server is killed when it has accepted so many.
const ACCEPTED_BEFORE: usize = 150;
const CLIENTS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn what_an_api_server_accepted_is_done_though_it_was_killed() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let doomed = cluster.api().await.expect("an API server");
    let staying = cluster.api().await.expect("another");
    let worker = cluster.worker("piper").await.expect("a worker");
    let client = doomed.client().expect("a client");
    let mut answers = stream::iter(0..JOBS)
        .map(|number| accepted(client.clone(), number))
        .buffer_unordered(CLIENTS);

    let (mut ids, mut refused, mut doomed) = (Vec::new(), 0, Some(doomed));
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(id) => ids.push(id),
            Err(_) => refused += 1,
        }
        if ids.len() >= ACCEPTED_BEFORE
            && let Some(server) = doomed.take()
        {
            server.kill().await.expect("killed");
        }
    }
    let witness = [staying.client().expect("a client")];
    let jobs = load::all_ended(&witness, &ids).await;
    println!(
        "{} accepted before the kill, {refused} not; of the accepted: {:?}",
        ids.len(),
        load::statuses(&jobs)
    );
    assert!(refused > 0, "the kill came too late to show anything");
    load::all_have_results(&witness[0], &jobs).await;
    assert_eq!(jobs.len(), ids.len());

    // What it had recorded but not answered, and perhaps not queued, does not stand in anybody's way.
    let all: Vec<Work> = (0..JOBS).map(work).collect();
    let again = load::submit_all(&witness, &all).await;
    let jobs = load::all_ended(&witness, &again).await;
    assert_eq!(load::statuses(&jobs).get("succeeded"), Some(&JOBS));
    for process in [staying, worker] {
        process.stop().await.expect("stops with exit code 0");
    }
}

fn work(number: usize) -> Work {
    Work::Speech {
        text: format!("Candidate {number}, welcome."),
        tier: "standard",
    }
}

async fn accepted(client: Client, number: usize) -> anyhow::Result<String> {
    load::submit(&client, &work(number)).await
}
