//! Workers are taken away while they work.

use serde_json::Value;
use voicefleet_tests::Cluster;

use crate::{
    ledger::{self, Ledger},
    load::{self, Work},
};

const JOBS: usize = 200;
const WORKERS: usize = 4;
const SENTENCES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn two_hundred_jobs_while_four_workers_become_one() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    ledger::keep(&mut cluster);
    cluster.set("piper_slots", "1");
    let api = cluster.api().await.expect("an API server");
    let clients = [api.client().expect("a client")];
    let mut crew = Vec::new();
    for _ in 0..WORKERS {
        crew.push(cluster.worker("piper").await.expect("a worker"));
    }
    let works: Vec<Work> = (0..JOBS)
        .map(|number| Work::Speech {
            text: load::long_answer(number, SENTENCES),
            tier: "standard",
        })
        .collect();
    let ids = load::submit_all(&clients, &works).await;
    let scaling_in = async {
        // Once the work is well under way.
        clients[0].ended(&ids[JOBS / 10]).await.expect("ended");
        for worker in crew.drain(1..) {
            worker.stop().await.expect("stops with exit code 0");
        }
    };
    let (jobs, ()) = tokio::join!(load::all_ended(&clients, &ids), scaling_in);
    load::all_have_results(&clients[0], &jobs).await;

    let ledger = Ledger::of(&cluster);
    let needed: u64 = jobs
        .values()
        .filter_map(|job| job["progress"]["total"].as_u64())
        .sum();
    let begun = ledger.chunks_begun() as u64;
    let tried_again = jobs.values().filter(|job| attempts(job) > 1).count();
    let twice = ledger
        .computed()
        .values()
        .filter(|times| **times > 1)
        .count();
    println!(
        "{JOBS} jobs, {WORKERS} workers, then 1: {:?}; chunks: {needed} needed, {begun} begun; {} jobs went on \
         elsewhere; {tried_again} cost an attempt; {twice} results computed twice",
        load::statuses(&jobs),
        ledger.resumed(),
    );
    assert_eq!(jobs.len(), JOBS);
    assert_eq!((tried_again, twice), (0, 0));
    assert!(
        begun <= needed + WORKERS as u64,
        "more than was given back is repeated"
    );
}

fn attempts(job: &Value) -> u64 {
    job["attempts"].as_u64().unwrap_or(0)
}
