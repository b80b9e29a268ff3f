//! A thousand who listen for events and two hundred who never finish their request: others do not notice.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use voicefleet_tests::{Client, Cluster, id_of};

use crate::{JOE, load, quantile};

/// Rounds, each with the same probes before and beside the crowd.
const ROUNDS: usize = 5;
/// Of each kind, each time.
const PROBES: usize = 40;
const LISTENERS: usize = 1_000;
/// How many jobs they listen to.
const JOBS: usize = 50;
const SLOW: usize = 200;
/// They send another byte so often.
const DRIBBLE: Duration = Duration::from_millis(500);
const CONNECTING: usize = 50;
/// Most streams of events that one API server has.
const MOST_LISTENERS: usize = 10_000;
/// Who come when there are that many.
const TOO_MANY: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn probes_beside_those_who_hold_connections_open() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let client = api.client().expect("a client");
    let address = api.base().trim_start_matches("http://").to_owned();
    spoken(&client, "Known.").await.expect("spoken");
    let jobs = waiting_jobs(&client).await;

    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone.push(Probes::of(&client, &format!("alone {round}")).await);
        let crowd = Crowd::gather(&address, &jobs).await;
        beside.push(Probes::of(&client, &format!("beside {round}")).await);
        println!(
            "round {round}: the server has {} files open",
            open_files(api.pid().expect("runs"))
        );
        crowd.disperse();
    }
    for (kind, of) in [
        ("cached", Probes::cached as fn(&Probes) -> &[f64]),
        ("uncached", Probes::uncached),
    ] {
        let medians = |rounds: &[Probes], share| {
            let each: Vec<f64> = rounds
                .iter()
                .map(|probes| quantile(of(probes), share))
                .collect();
            quantile(&each, 0.5)
        };
        println!(
            "{kind} realtime speech, p50/p95, medians of {ROUNDS} rounds of {PROBES}: {:.1}/{:.1} ms alone, \
             {:.1}/{:.1} ms beside {LISTENERS} listeners and {SLOW} slow clients",
            medians(&alone, 0.5),
            medians(&alone, 0.95),
            medians(&beside, 0.5),
            medians(&beside, 0.95),
        );
    }
    api.stop().await.expect("stops");
    worker.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; `make chaos` runs it"]
async fn listeners_beyond_the_bound_are_refused_at_once() {
    let mut cluster = Cluster::start().await.expect("a cluster");
    let api = cluster.api().await.expect("an API server");
    let worker = cluster.worker("piper").await.expect("a worker");
    let client = api.client().expect("a client");
    let address = api.base().trim_start_matches("http://").to_owned();
    spoken(&client, "Known.").await.expect("spoken");
    let jobs = waiting_jobs(&client).await;
    let alone = Probes::of(&client, "alone").await;

    let held = listeners(&address, &jobs, MOST_LISTENERS).await;
    let mut refusals = Vec::new();
    for number in 0..TOO_MANY {
        let began = Instant::now();
        let events = format!("/v1/jobs/{}/events", jobs[number % JOBS]);
        let refused = client.get(&events).await.expect("an answer");
        assert_eq!(refused.status, 503);
        assert!(refused.headers.contains_key("retry-after"));
        refusals.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let beside = Probes::of(&client, "beside").await;
    println!(
        "beside {MOST_LISTENERS} listeners one more is refused within p50/p95 {:.1}/{:.1} ms; \
         cached speech p95 {:.1} ms alone, {:.1} ms beside them; {} MiB resident",
        quantile(&refusals, 0.5),
        quantile(&refusals, 0.95),
        quantile(&alone.cached, 0.95),
        quantile(&beside.cached, 0.95),
        api.resident_bytes().expect("runs") >> 20,
    );
    // Whoever leaves makes room.
    drop(held);
    let next = listeners(&address, &jobs, LISTENERS).await;
    drop(next);
    api.stop().await.expect("stops");
    worker.stop().await.expect("stops");
}

/// Jobs that wait for an engine of which there is no worker.
async fn waiting_jobs(client: &Client) -> Vec<String> {
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        let text = format!("Wait {number}.");
        let job = client.speak("kokoro", "af_heart", "batch", &text).await;
        jobs.push(id_of(&job.expect("accepted")).expect("an id").to_owned());
    }
    jobs
}

/// Milliseconds from the request to the last byte.
struct Probes {
    cached: Vec<f64>,
    uncached: Vec<f64>,
}

impl Probes {
    /// Alternately of each kind, one after the other.
    async fn of(client: &Client, when: &str) -> Self {
        let (mut cached, mut uncached) = (Vec::new(), Vec::new());
        for number in 0..PROBES {
            cached.push(spoken(client, "Known.").await.expect("spoken"));
            let news = format!("{when}, {number}.");
            uncached.push(spoken(client, &news).await.expect("spoken"));
        }
        Self { cached, uncached }
    }

    fn cached(&self) -> &[f64] {
        &self.cached
    }

    fn uncached(&self) -> &[f64] {
        &self.uncached
    }
}

async fn spoken(client: &Client, text: &str) -> anyhow::Result<f64> {
    let body = json!({"model": "piper", "voice": JOE, "input": text, "response_format": "wav"});
    let began = Instant::now();
    let answer = client.post("/v1/audio/speech", &body).await?;
    anyhow::ensure!(
        answer.status == 200,
        "{} {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}

/// Connections that are held open until this is dropped.
struct Crowd {
    listeners: JoinSet<()>,
    slow: JoinSet<()>,
}

impl Crowd {
    async fn gather(address: &str, jobs: &[String]) -> Self {
        let opened = self::listeners(address, jobs, LISTENERS).await;
        let (mut listeners, mut slow) = (JoinSet::new(), JoinSet::new());
        for (reading, writing) in opened {
            listeners.spawn(listen(reading, writing));
        }
        for number in 0..SLOW {
            slow.spawn(dribble(address.to_owned(), number % 2 == 0));
        }
        Self { listeners, slow }
    }

    /// Sends them away; until then nobody was cut off.
    fn disperse(mut self) {
        let ended = self.listeners.try_join_next();
        assert!(ended.is_none(), "a listener was cut off");
        assert_eq!(self.slow.len(), SLOW);
    }
}

/// So many streams of events that have begun.
async fn listeners(
    address: &str,
    jobs: &[String],
    count: usize,
) -> Vec<(OwnedReadHalf, OwnedWriteHalf)> {
    let opening = (0..count).map(|number| listening(address, &jobs[number % JOBS]));
    let opened = stream::iter(opening).buffer_unordered(CONNECTING);
    opened.collect().await
}

/// A stream of events that has begun.
async fn listening(address: &str, job: &str) -> (OwnedReadHalf, OwnedWriteHalf) {
    // One that was refused, for those before it have just left, comes again.
    load::persistently(|| asked(address, job)).await
}

async fn asked(address: &str, job: &str) -> anyhow::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    let connection = TcpStream::connect(address).await?;
    let (mut reading, mut writing) = connection.into_split();
    let request = format!("GET /v1/jobs/{job}/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    writing.write_all(request.as_bytes()).await?;
    let mut begun = [0; 12];
    reading.read_exact(&mut begun).await?;
    anyhow::ensure!(&begun == b"HTTP/1.1 200");
    Ok((reading, writing))
}

/// Ends when the server cuts it off.
async fn listen(mut reading: OwnedReadHalf, _writing: OwnedWriteHalf) {
    let mut bytes = [0; 1_024];
    while matches!(reading.read(&mut bytes).await, Ok(read) if read > 0) {}
}

/// Sends a head, or a body, byte by byte, and comes back when it is cut off.
async fn dribble(address: String, in_the_head: bool) {
    let head = "POST /v1/audio/speech HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let rest = if in_the_head {
        "x-more: "
    } else {
        "content-length: 100000\r\n\r\n{"
    };
    let mut ticks = interval(DRIBBLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut connection = TcpStream::connect(&address).await.expect("connected");
        let begun = connection
            .write_all(format!("{head}{rest}").as_bytes())
            .await;
        let mut goes_on = begun.is_ok();
        while goes_on {
            ticks.tick().await;
            goes_on = connection.write_all(b" ").await.is_ok();
        }
    }
}

fn open_files(process: u32) -> usize {
    let open = std::fs::read_dir(format!("/proc/{process}/fd"));
    open.map_or(0, Iterator::count)
}
