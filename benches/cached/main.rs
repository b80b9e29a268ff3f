//! What is there already: speech of 150 kB from Redis through the API, beside nginx with the same bytes in
//! files and beside Redis itself. `wrk` asks over loopback, with more and more connections.

mod nginx;
mod raw_redis;
mod server;
mod wrk;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use tokio::task::spawn_blocking;
use voicefleet_benches::{median, report};
use voicefleet_testkit::servers::RedisServer;

use crate::{nginx::Nginx, server::Server, wrk::Figures};

/// Bytes of a speech, and how many there are.
pub(crate) const SIZE: usize = 150_000;
pub(crate) const SPEECHES: usize = 32;

#[derive(Parser)]
struct Options {
    /// Connections, in turn.
    #[arg(long, value_delimiter = ',', default_value = "64,1000,8000")]
    connections: Vec<usize>,
    /// How often each contender is measured; the medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each is asked, seconds.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// The Redis that a child process of the bench is to serve from.
    #[arg(long, hide = true)]
    serve: Option<String>,
    #[arg(long, hide = true, default_value_t = 0)]
    near: usize,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Who is asked, and how.
struct Contender {
    name: &'static str,
    url: String,
    script: Option<PathBuf>,
}

/// The program's: its API is a role of this bench.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match &options.serve {
        Some(redis) => server::serve(redis, options.near).await,
        None => measure(&options).await,
    }
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let redis = spawn_blocking(RedisServer::start).await??;
    let scripts = tempfile::tempdir()?;
    let nginx = Nginx::start()?;
    let far = Server::start(&redis.url(), 0)?;
    let near = Server::start(&redis.url(), 64 << 20)?;
    let posts = wrk::posts(scripts.path())?;
    let gets = wrk::gets(scripts.path(), &near.jobs()?)?;
    let speech = |name, server: &Server| Contender {
        name,
        url: format!("http://{}/v1/audio/speech", server.address),
        script: Some(posts.clone()),
    };
    let contenders = [
        Contender {
            name: "nginx, files",
            url: format!("http://{}", nginx.address),
            script: Some(wrk::files(scripts.path())?),
        },
        speech("speech, from Redis", &far),
        speech("speech, near", &near),
        Contender {
            name: "result of a job, near",
            url: format!("http://{}", near.address),
            script: Some(gets),
        },
    ];
    for (name, server) in [("speech, from Redis", &far), ("speech, near", &near)] {
        report(&format!("{name}: {}", server.memory_of_idle(5_000)?));
    }
    report(&format!("nginx: {}", nginx.memory_of_idle(5_000)?));
    let span = Duration::from_secs(options.seconds);
    for connections in &options.connections {
        report(&raw_redis::line(&redis, *connections)?);
        let mut measured: Vec<Vec<Figures>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (contender, rounds) in contenders.iter().zip(&mut measured) {
                let (url, script) = (&contender.url, contender.script.as_deref());
                rounds.push(wrk::run(url, script, *connections, span)?);
            }
        }
        let nginx: Vec<f64> = measured[0].iter().map(|round| round.per_second).collect();
        for (contender, rounds) in contenders.iter().zip(&measured) {
            let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
            let ratios = rounds.iter().zip(&nginx);
            let ratio = median(
                ratios
                    .map(|(ours, nginx)| ours.per_second / nginx)
                    .collect(),
            )?;
            report(&format!(
                "{connections} connections, {}: {:.0} requests/s (x{ratio:.2} of nginx), p50 {:.1} ms, p99 {:.1} ms, failed {:.0}",
                contender.name,
                of(|round| round.per_second)?,
                of(|round| round.p50_ms)?,
                of(|round| round.p99_ms)?,
                of(|round| round.failed)?,
            ));
        }
    }
    Ok(())
}
