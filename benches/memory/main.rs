//! Does a server stay as big as it is? Tens of thousands of mixed requests to one embedded server with real
//! models: resident memory and CPU seconds as they go by, and whether every answer was right.

mod ask;
mod mix;
mod resident;
mod tally;

use std::{mem, time::Duration};

use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use voicefleet_benches::report;
use voicefleet_tests::Server;

use crate::{ask::Asker, mix::Mix, resident::Resident, tally::Tally};

/// Resident memory over many mixed requests.
#[derive(Parser)]
struct Options {
    /// Requests in all.
    #[arg(long, default_value_t = 50_000)]
    requests: usize,
    /// Decides which requests they are.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests at a time.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Room for results and uploads, MiB: enough for what is asked for again, and full long before the end.
    #[arg(long, default_value = "128")]
    cache_mib: String,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// After so many requests, and then after each [`STAGE`], memory is read.
const FIRST_STAGE: usize = 1_000;
const STAGE: usize = 10_000;
/// How long nothing is asked before it is read what stays: longer than the allocator keeps what is free.
const REST: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let data = tempfile::tempdir()?;
    let flags = [
        ["--cache-mib", &options.cache_mib],
        ["--max-upload-mib", "8"],
        // On a busy machine an answer may take long, and none may be put off.
        ["--sync-wait-seconds", "120"],
        ["--log", "warn"],
    ];
    let server = Server::start(data.path(), flags.as_flattened()).await?;
    let asker = Asker::new(server.client()?)?;
    let mut mix = Mix::new(options.seed, asker.clips());
    let mut tally = Tally::default();

    report(Resident::HEAD);
    report(&line(&server, 0).await?);
    let mut wishes = mix.for_each_engine(options.clients);
    for until in stages(options.requests) {
        wishes.extend(mix.until(until));
        let answers = stream::iter(mem::take(&mut wishes))
            .map(|wish| asker.ask(wish))
            .buffer_unordered(options.clients);
        tally = answers
            .try_fold(tally, |tally, answers| async { Ok(tally.with(answers)) })
            .await?;
        report(&line(&server, tally.answers()).await?);
    }
    server.stop().await?;
    for line in tally.lines() {
        report(&line);
    }
    tally.check()
}

/// What the server takes after so many requests, at once and at rest.
async fn line(server: &Server, requests: usize) -> anyhow::Result<String> {
    let now = Resident::of(server.pid()?)?;
    tokio::time::sleep(REST).await;
    let at_rest = Resident::of(server.pid()?)?;
    Ok(now.line(requests, &at_rest))
}

/// 1,000, and every 10,000 to the end.
fn stages(requests: usize) -> Vec<usize> {
    let each = (STAGE..requests).step_by(STAGE);
    let mut stages: Vec<usize> = [FIRST_STAGE].into_iter().chain(each).collect();
    stages.retain(|stage| *stage < requests);
    stages.push(requests);
    stages
}
