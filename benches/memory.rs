//! Piper alone: resident memory after 200 and after 2,000 different requests, and the time from process
//! start to the first audio (models in the page cache).

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use voicefleet_benches::{median, report};
use voicefleet_tests::{Client, Server};

const STARTS: usize = 5;
const VOICE: &str = "en_US-joe-medium";

async fn speak_many(client: &Client, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    stream::iter(numbers.map(Ok::<usize, anyhow::Error>))
        .try_for_each_concurrent(4, |number| async move {
            let length = number % 7 + 1;
            let text = format!(
                "Request {number}. {}",
                "It has a few more words. ".repeat(length)
            );
            client.spoken("piper", VOICE, &text).await.map(drop)
        })
        .await
}

#[expect(clippy::cast_precision_loss, reason = "shown in whole MiB")]
fn resident_mib(server: &Server) -> anyhow::Result<f64> {
    Ok(server.resident_bytes()? as f64 / 1024.0 / 1024.0)
}

async fn first_audio_seconds() -> anyhow::Result<f64> {
    let data = tempfile::tempdir()?;
    let began = Instant::now();
    let server = Server::start(data.path(), &[]).await?;
    server
        .client()?
        .spoken("piper", VOICE, "Good morning.")
        .await?;
    let took = began.elapsed().as_secs_f64();
    server.stop().await?;
    Ok(took)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let starts: Vec<f64> = stream::iter(0..STARTS)
        .then(|_| first_audio_seconds())
        .try_collect()
        .await?;
    report(&format!(
        "process start to first audio: {:.2} s (median of {STARTS})",
        median(starts)?
    ));

    let data = tempfile::tempdir()?;
    let server = Server::start(data.path(), &[]).await?;
    let client = server.client()?;
    for (from, to) in [(0, 200), (200, 1_000), (1_000, 2_000)] {
        speak_many(&client, from..to).await?;
        report(&format!(
            "resident after {to} requests: {:.0} MiB",
            resident_mib(&server)?
        ));
    }
    server.stop().await
}
