//! A crowd wants the same few things from two API servers at once.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use voicefleet_tests::{Client, Cluster};

use crate::{
    ledger::{self, Ledger},
    load::{self, Work},
    seed,
};

const SUBMITS: usize = 10_000;
const PROMPTS: usize = 300;
const CLIENTS: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn ten_thousand_submits_of_three_hundred_prompts_are_three_hundred_syntheses() {
    let mut dice = fastrand::Rng::with_seed(seed());
    let mut cluster = Cluster::start().await.expect("a cluster");
    ledger::keep(&mut cluster);
    let apis = [
        cluster.api().await.expect("an API server"),
        cluster.api().await.expect("another"),
    ];
    let workers = [
        cluster.worker("piper").await.expect("a worker"),
        cluster.worker("piper").await.expect("another"),
    ];
    let clients = apis.each_ref().map(|api| api.client().expect("a client"));
    let mut prompts: Vec<usize> = (0..SUBMITS).map(|number| number % PROMPTS).collect();
    dice.shuffle(&mut prompts);

    let asking: Vec<_> = prompts
        .iter()
        .enumerate()
        .map(|(number, prompt)| answered(clients[number % 2].clone(), *prompt))
        .collect();
    let ids: BTreeSet<String> = stream::iter(asking)
        .buffer_unordered(CLIENTS)
        .collect()
        .await;
    for worker in workers {
        worker.stop().await.expect("stops with exit code 0");
    }
    let computed = Ledger::of(&cluster).computed();
    println!(
        "{} submits, {} jobs answered, {} syntheses",
        SUBMITS,
        ids.len(),
        computed.len()
    );
    assert_eq!(ids.len(), SUBMITS);
    assert_eq!(computed.values().sum::<usize>(), PROMPTS);
}

/// Submits one, waits for it and takes its audio; gives its id.
async fn answered(client: Client, prompt: usize) -> String {
    let work = Work::Speech {
        text: format!("This is prompt number {prompt}."),
        tier: "standard",
    };
    let id = load::submit(&client, &work).await.expect("accepted");
    assert!(!client.result(&id).await.expect("its audio").is_empty());
    id
}
