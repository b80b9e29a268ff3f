//! Workers are killed all the time, then everything else is as well: every job is done, none twice.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use voicefleet_tests::{Cluster, Server};

use crate::{
    ledger::{self, Ledger},
    load, seed,
};

const JOBS: usize = 1_000;
const KILL_EVERY: Duration = Duration::from_secs(2);
/// How long the links are cut.
const CUT: Duration = Duration::from_secs(5);
/// When something else happens, counted in kills of workers.
const EVENTS: [(usize, Event); 5] = [
    (4, Event::RabbitRestarts),
    (12, Event::RedisRestarts),
    (20, Event::LinksAreCut),
    (28, Event::RabbitRestarts),
    (36, Event::RedisRestarts),
];

#[derive(Clone, Copy, Debug)]
enum Event {
    RabbitRestarts,
    RedisRestarts,
    LinksAreCut,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn a_thousand_jobs_while_a_worker_is_killed_every_two_seconds() {
    storm(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn a_thousand_jobs_while_servers_restart_and_links_are_cut_as_well() {
    storm(&EVENTS).await;
}

async fn storm(events: &[(usize, Event)]) {
    let mut dice = fastrand::Rng::with_seed(seed());
    let mut cluster = Cluster::start().await.expect("a cluster");
    ledger::keep(&mut cluster);
    // A worker that dies is no fault of the job; here one dies every two seconds.
    cluster.set("max_attempts", "50");
    for engine in ["piper", "whisper"] {
        cluster.set(&format!("{engine}_slots"), "1");
    }
    let apis = [
        cluster.api().await.expect("an API server"),
        cluster.api().await.expect("another"),
    ];
    let clients = apis.each_ref().map(|api| api.client().expect("a client"));
    let mut crew = Crew::hire(
        &mut cluster,
        &["piper", "piper", "piper", "piper", "whisper", "whisper"],
    )
    .await;

    let began = Instant::now();
    let works = load::mixed(JOBS, &mut dice);
    let (jobs, kills) = {
        let working = async {
            let ids = load::submit_all(&clients, &works).await;
            load::all_ended(&clients, &ids).await
        };
        let mut kills = 0;
        let killing = kill(&mut cluster, &mut crew, events, &mut dice, &mut kills);
        let jobs = tokio::select! {
            jobs = working => jobs,
            () = killing => unreachable!("it never ends"),
        };
        (jobs, kills)
    };
    let took = began.elapsed();
    load::all_have_results(&clients[0], &jobs).await;
    crew.leave().await;
    report(&Ledger::of(&cluster), &jobs, kills, took, events);
}

/// Kills until it is dropped, and counts the kills.
async fn kill(
    cluster: &mut Cluster,
    crew: &mut Crew,
    events: &[(usize, Event)],
    dice: &mut fastrand::Rng,
    kills: &mut usize,
) {
    let mut ticks = interval(KILL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        *kills += 1;
        crew.kill_one(cluster, dice)
            .await
            .expect("killed and replaced");
        if let Some((_, event)) = events.iter().find(|(at, _)| at == kills) {
            println!("after {kills} kills: {event:?}");
            happen(*event, cluster).await;
        }
    }
}

async fn happen(event: Event, cluster: &mut Cluster) {
    match event {
        Event::RabbitRestarts => cluster.restart_rabbitmq().await.expect("RabbitMQ is back"),
        Event::RedisRestarts => cluster.restart_redis().await.expect("Redis is back"),
        Event::LinksAreCut => {
            cluster.rabbit_link().cut();
            cluster.redis_link().cut();
            sleep(CUT).await;
            cluster.rabbit_link().mend();
            cluster.redis_link().mend();
        }
    }
}

/// The workers.
struct Crew(Vec<(&'static str, Server)>);

impl Crew {
    async fn hire(cluster: &mut Cluster, engines: &[&'static str]) -> Self {
        let mut crew = Vec::new();
        for engine in engines {
            crew.push((*engine, cluster.worker(engine).await.expect("a worker")));
        }
        Self(crew)
    }

    /// A dead worker is replaced at once, as a supervisor would.
    async fn kill_one(
        &mut self,
        cluster: &mut Cluster,
        dice: &mut fastrand::Rng,
    ) -> anyhow::Result<()> {
        let (engine, worker) = self.0.swap_remove(dice.usize(0..self.0.len()));
        worker.kill().await.context("killed")?;
        self.0.push((engine, cluster.worker(engine).await?));
        Ok(())
    }

    async fn leave(self) {
        for (_, worker) in self.0 {
            worker.stop().await.expect("stops with exit code 0");
        }
    }
}

fn report(
    ledger: &Ledger,
    jobs: &BTreeMap<String, Value>,
    kills: usize,
    took: Duration,
    events: &[(usize, Event)],
) {
    let needed: u64 = jobs
        .values()
        .filter_map(|job| job["progress"]["total"].as_u64())
        .sum();
    let needed = usize::try_from(needed).expect("few");
    let begun = ledger.chunks_begun();
    let computed = ledger.computed();
    let twice = computed.values().filter(|times| **times > 1).count();
    println!(
        "{} jobs: {:?}; {kills} workers killed in {took:.0?}; chunks: {needed} needed, {begun} begun, {} wasted; \
         {} jobs resumed; {twice} results computed twice",
        jobs.len(),
        load::statuses(jobs),
        begun.saturating_sub(needed),
        ledger.resumed(),
    );
    assert_eq!(jobs.len(), JOBS);
    assert_eq!(twice, 0);
    let server_losses = events.len() * 3;
    assert!(
        begun <= needed + kills + server_losses,
        "more than a chunk wasted per kill"
    );
}
