//! What the queue costs: a job that is no work, HTTP in to result out, over the real RabbitMQ and Redis.
//!
//! The one request that goes the whole way is the synchronous `POST /v1/audio/speech`: it is recorded,
//! queued, fetched by a worker in another process, spoken by an engine that answers at once, stored,
//! and sent. Beside it, in the same run and over the same servers, the same with Celery behind
//! `FastAPI`, if a folder with both is named (`--celery`).

mod bare;
mod brokers;
mod celery;
mod contender;
mod fleet;
mod http;
mod load;
mod machine;
mod options;
mod ours;
mod roles;
mod rounds;

use clap::Parser;

use crate::{
    options::{Options, Role},
    roles::{api, worker},
};

/// The program's: its API and its worker are roles of this bench.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    match (options.role, options.servers()) {
        (Some(Role::Api), Some(servers)) => api::serve(&servers).await,
        (Some(Role::Worker), Some(servers)) => worker::work(&servers).await,
        _ => tokio::select! {
            measured = rounds::run(&options) => measured,
            // Whatever was started ends with what is dropped here.
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        },
    }
}
