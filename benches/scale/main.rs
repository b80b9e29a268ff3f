//! What one job costs as jobs wait, as tenants are told apart, and as workers are there: submitted, queued,
//! delivered, begun, ended and acknowledged over the real RabbitMQ and Redis, in one process, without HTTP.

mod fleet;

use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task::spawn_blocking;
use voicefleet_benches::{median, process::cpu_seconds_of, report};
use voicefleet_testkit::servers::{RabbitServer, RedisServer};

use crate::fleet::Fleet;

/// Jobs in flight at a time, where many are submitted.
const SIDE_BY_SIDE: usize = 64;

#[derive(Parser)]
struct Options {
    /// Jobs that wait, in turn; 1000000 takes three minutes to fill.
    #[arg(long, value_delimiter = ',', default_value = "0,1000,10000,100000")]
    waiting: Vec<usize>,
    /// Tenants, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000")]
    tenants: Vec<usize>,
    /// Workers that are idle, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1,10,50,200")]
    workers: Vec<usize>,
    /// Jobs by which a point is measured, and how often.
    #[arg(long, default_value_t = 1_000)]
    jobs: usize,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The servers, and what they have used.
pub(crate) struct Servers {
    rabbit: RabbitServer,
    redis: RedisServer,
}

impl Servers {
    fn cpu_seconds(&self) -> anyhow::Result<(f64, f64)> {
        Ok((
            cpu_seconds_of(self.rabbit.process_id())?,
            cpu_seconds_of(self.redis.process_id())?,
        ))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let rabbit = spawn_blocking(RabbitServer::start);
    let redis = spawn_blocking(RedisServer::start);
    let servers = Servers {
        rabbit: rabbit.await??,
        redis: redis.await??,
    };
    by_waiting(&servers, &options).await?;
    by_tenants(&servers, &options).await?;
    by_workers(&servers, &options).await
}

/// Each job is put behind those that wait, and the first of them is done.
async fn by_waiting(servers: &Servers, options: &Options) -> anyhow::Result<()> {
    let fleet = Fleet::open(servers, "waiting").await?;
    let mut worker = fleet.worker().await?;
    let mut there = 0;
    for waiting in &options.waiting {
        let missing = waiting.saturating_sub(there);
        let filling = stream::iter(0..missing).map(|_| fleet.submit(0));
        filling
            .buffer_unordered(SIDE_BY_SIDE)
            .try_for_each(|()| async { Ok(()) })
            .await?;
        there += missing;
        let mut costs = Costs::new();
        for _ in 0..options.rounds {
            let began = costs.begin(servers)?;
            for _ in 0..options.jobs {
                fleet.submit(0).await?;
                fleet.do_next(&mut worker).await?;
            }
            costs.end(servers, began, options.jobs)?;
        }
        costs.say(&format!("{waiting} jobs wait"))?;
    }
    drop(worker);
    fleet.close().await;
    Ok(())
}

/// The jobs are of each tenant in turn.
async fn by_tenants(servers: &Servers, options: &Options) -> anyhow::Result<()> {
    for tenants in &options.tenants {
        let fleet = Fleet::open(servers, &format!("tenants{tenants}")).await?;
        let mut worker = fleet.worker().await?;
        let mut costs = Costs::new();
        for _ in 0..options.rounds {
            let began = costs.begin(servers)?;
            for job in 0..options.jobs {
                fleet.submit(1 + job % tenants).await?;
                fleet.do_next(&mut worker).await?;
            }
            costs.end(servers, began, options.jobs)?;
        }
        costs.say(&format!("{tenants} tenants"))?;
        drop(worker);
        fleet.close().await;
    }
    Ok(())
}

/// All but one of the workers only listen.
async fn by_workers(servers: &Servers, options: &Options) -> anyhow::Result<()> {
    let fleet = Fleet::open(servers, "workers").await?;
    let mut crowd = fleet::Crowd::default();
    for workers in &options.workers {
        crowd.grow_to(*workers, servers).await?;
        let mut costs = Costs::new();
        for _ in 0..options.rounds {
            let began = costs.begin(servers)?;
            for _ in 0..options.jobs {
                fleet.submit(0).await?;
                crowd.one_more_done().await?;
            }
            costs.end(servers, began, options.jobs)?;
        }
        costs.say(&format!("{workers} workers"))?;
    }
    crowd.close().await;
    fleet.close().await;
    Ok(())
}

/// What jobs cost, by round: wall, RabbitMQ and Redis, milliseconds for each.
struct Costs([Vec<f64>; 3]);

impl Costs {
    fn new() -> Self {
        Self([Vec::new(), Vec::new(), Vec::new()])
    }

    #[expect(clippy::unused_self, reason = "reads as a pair with `end`")]
    fn begin(&self, servers: &Servers) -> anyhow::Result<(Instant, (f64, f64))> {
        Ok((Instant::now(), servers.cpu_seconds()?))
    }

    fn end(
        &mut self,
        servers: &Servers,
        (began, before): (Instant, (f64, f64)),
        jobs: usize,
    ) -> anyhow::Result<()> {
        let wall: Duration = began.elapsed();
        let after = servers.cpu_seconds()?;
        let spent = [wall.as_secs_f64(), after.0 - before.0, after.1 - before.1];
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let jobs = jobs as f64;
        for (rounds, spent) in self.0.iter_mut().zip(spent) {
            rounds.push(spent / jobs * 1_000.0);
        }
        Ok(())
    }

    fn say(self, point: &str) -> anyhow::Result<()> {
        let [wall, rabbit, redis] = self.0;
        report(&format!(
            "{point}: {:.2} ms for a job, one after the other; CPU ms: RabbitMQ {:.3}, Redis {:.3}",
            median(wall)?,
            median(rabbit)?,
            median(redis)?
        ));
        Ok(())
    }
}
