//! Workers come and go with the work, on one host.

use std::time::{Duration, Instant};

use serde_json::Value;
use voicefleet_tests::{Client, Cluster, Server, id_of};

use crate::JOE;

/// Longest wait for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

struct Host {
    cluster: Cluster,
    api: Server,
    client: Client,
    supervisor: Server,
}

impl Host {
    async fn start() -> Self {
        let mut cluster = Cluster::start().await.expect("a cluster");
        cluster.set("cooldown_seconds", "3");
        cluster.set("piper_slots", "1");
        let api = cluster.api().await.expect("an API server");
        Self {
            client: api.client().expect("a client"),
            supervisor: cluster.supervisor().await.expect("a supervisor"),
            api,
            cluster,
        }
    }

    async fn speak(&self, tier: &str, text: &str) -> String {
        let job = self.client.speak("piper", JOE, tier, text).await;
        let job = job.expect("accepted");
        id_of(&job).expect("an id").to_owned()
    }

    /// Waits until it has so many workers; gives their process ids.
    async fn has_workers(&self, count: usize) -> Vec<u32> {
        until(async || {
            let workers = self.supervisor.children().expect("it runs");
            (workers.len() == count).then_some(workers)
        })
        .await
    }

    async fn pool(&self, name: &str) -> Value {
        let split = self.client.get("/v1/split").await.expect("answered");
        let split = split.json().expect("an object");
        let pools = split["pools"].as_array().expect("pools");
        let pool = pools.iter().find(|pool| pool["pool"] == name);
        pool.expect("the pool").clone()
    }
}

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    seen.expect("in time")
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "how long it takes is worth reading")]
async fn from_nothing_to_the_audio_and_back_to_nothing() {
    let host = Host::start().await;
    assert!(host.supervisor.children().expect("it runs").is_empty());
    let begun = Instant::now();
    let id = host
        .speak("realtime", "Nobody was here a moment ago.")
        .await;
    host.has_workers(1).await;
    let there = begun.elapsed();
    let job = host.client.ended(&id).await.expect("ended");
    assert_eq!(job["status"], "succeeded");
    println!(
        "a worker process after {:.0} ms, the audio after {:.2} s",
        there.as_secs_f64() * 1000.0,
        begun.elapsed().as_secs_f64()
    );
    host.has_workers(0).await;
    println!(
        "nothing runs any more after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let pool = until(async || {
        let pool = host.pool("piper").await;
        (pool["workers_up"] == 0).then_some(pool)
    })
    .await;
    assert_eq!(
        (&pool["limit"], &pool["workers_wanted"]),
        (&"idle".into(), &0.into())
    );
    for process in [host.supervisor, host.api] {
        process.stop().await.expect("stops with exit code 0");
    }
    drop(host.cluster);
}

#[tokio::test]
async fn a_worker_that_dies_is_replaced_and_its_job_done() {
    let host = Host::start().await;
    let long: Vec<String> = (0..40)
        .map(|number| format!("This is sentence number {number} of a long answer."))
        .collect();
    let id = host.speak("batch", &long.join(" ")).await;
    let [worker] = host.has_workers(1).await[..] else {
        unreachable!("one was awaited")
    };
    until(async || {
        let job = host.client.get(&format!("/v1/jobs/{id}")).await.ok()?;
        let done = job.json().ok()?["progress"]["done"].as_u64()?;
        (done >= 1).then_some(())
    })
    .await;
    kill(worker);
    let [next] = until(async || {
        let workers = host.supervisor.children().expect("it runs");
        (workers.len() == 1 && workers[0] != worker).then_some(workers)
    })
    .await[..] else {
        unreachable!("one was awaited")
    };
    assert_ne!(next, worker);
    let job = host.client.ended(&id).await.expect("ended");
    assert_eq!(job["status"], "succeeded");
    host.supervisor
        .stop()
        .await
        .expect("stops with exit code 0");
}

/// Else they would work on without anybody who sends them off.
#[tokio::test]
async fn workers_of_a_supervisor_that_is_killed_end_by_themselves() {
    let host = Host::start().await;
    host.speak("realtime", "Stay for a while.").await;
    let workers = host.has_workers(1).await;
    host.supervisor.kill().await.expect("killed");
    until(async || {
        let gone = |pid: &u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
        workers.iter().all(gone).then_some(())
    })
    .await;
}

fn kill(pid: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.expect("kill is there").success());
}
