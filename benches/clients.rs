//! Are requests served side by side? Audio seconds per second with one client and with four, in turn on
//! the same server; the ratio is what counts. Two cores make at most 2.

use std::time::Instant;

use futures::future::try_join_all;
use voicefleet_benches::{median, report};
use voicefleet_tests::{Client, Server};

const ROUNDS: usize = 5;
const JOBS_PER_ROUND: usize = 24;

/// Speaks this round's sentences with so many clients, each waiting for its own; seconds taken.
async fn round(client: &Client, clients: usize, label: &str) -> anyhow::Result<f64> {
    let began = Instant::now();
    let one_client = |number: usize| async move {
        for job in (number..JOBS_PER_ROUND).step_by(clients) {
            let text = format!(
                "In round {label}, question number {job} asks what you would do if the plan failed on the last day.",
            );
            client.spoken("piper", "en_US-joe-medium", &text).await?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..clients).map(one_client)).await?;
    Ok(began.elapsed().as_secs_f64())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path(), &[]).await?;
    let client = server.client()?;
    round(&client, 4, "zero").await?;
    let mut ratios = Vec::new();
    for number in 1..=ROUNDS {
        let alone = round(&client, 1, &format!("{number} alone")).await?;
        let together = round(&client, 4, &format!("{number} together")).await?;
        report(&format!(
            "round {number}: 1 client {alone:.2} s, 4 clients {together:.2} s, throughput x{:.2}",
            alone / together
        ));
        ratios.push(alone / together);
    }
    report(&format!(
        "4 clients against 1: throughput x{:.2} (median of {ROUNDS})",
        median(ratios)?
    ));
    server.stop().await
}
