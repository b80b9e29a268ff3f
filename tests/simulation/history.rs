//! One history: what happens, in which order, and what must be true at its end.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tower::ServiceExt;
use voicefleet_core::{
    EngineId, Fingerprint, Job, JobState,
    ports::{BlobKey, BlobStore, JobQueue, JobRecords},
};

use crate::{
    faults::Wire,
    fleet::{Api, Running, Shared},
};

/// What happens in a history, at most.
const STEPS: usize = 40;
const TEXTS: [&str; 4] = [
    "One.",
    "One. Two. Three.",
    "A question. And another one.",
    "Four. Five. Six. Seven. Eight.",
];
const TIERS: [&str; 3] = ["realtime", "standard", "batch"];
/// Of 1,000 calls, so many fail at most.
const WORST: u32 = 60;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) jobs: usize,
    pub(crate) accepted: usize,
    pub(crate) succeeded: usize,
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) faults: usize,
    /// Chunks that were computed.
    pub(crate) chunks: usize,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: &Self) {
        self.jobs += other.jobs;
        self.accepted += other.accepted;
        self.succeeded += other.succeeded;
        self.kills += other.kills;
        self.stops += other.stops;
        self.faults += other.faults;
        self.chunks += other.chunks;
    }
}

/// Plays the history of this seed.
///
/// # Panics
/// If something is not as it must be at its end; the message names the seed.
pub(crate) fn play(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { History::new(seed).play().await })
}

struct History {
    seed: u64,
    dice: fastrand::Rng,
    shared: Shared,
    rate: u32,
    wires: Vec<Wire>,
    apis: Vec<Api>,
    workers: Vec<Running>,
    /// In the order in which they were.
    accepted: Vec<String>,
    outcome: Outcome,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let rate = dice.u32(0..WORST);
        let mut history = Self {
            seed,
            dice,
            shared: Shared::new(),
            rate,
            wires: Vec::new(),
            apis: Vec::new(),
            workers: Vec::new(),
            accepted: Vec::new(),
            outcome: Outcome::default(),
        };
        for _ in 0..2 {
            let wire = history.wire();
            history.apis.push(history.shared.api(wire));
            let wire = history.wire();
            history.workers.push(history.shared.worker(wire));
        }
        history
    }

    fn wire(&mut self) -> Wire {
        let wire = Wire::new(self.dice.u64(..), self.rate);
        self.wires.push(wire.clone());
        wire
    }

    async fn play(mut self) -> Outcome {
        for _ in 0..self.dice.usize(5..STEPS) {
            self.step().await;
        }
        self.come_to_rest().await;
        self.check().await;
        self.outcome
    }

    async fn step(&mut self) {
        match self.dice.u8(0..100) {
            0..45 => self.submit().await,
            45..55 => self.cancel().await,
            55..70 => self.kill_a_worker(),
            70..75 => self.stop_a_worker(),
            75..80 => self.kill_an_api(),
            80..90 => {
                let by = Duration::from_millis(self.dice.u64(1..20_000));
                self.shared.clock.advance(by);
            }
            _ => {}
        }
        for _ in 0..self.dice.usize(0..60) {
            yield_now().await;
        }
        self.replace_the_dead();
    }

    /// The client hangs up at some point, or hears the answer.
    async fn submit(&mut self) {
        let text = TEXTS[self.dice.usize(0..TEXTS.len())];
        let tier = TIERS[self.dice.usize(0..TIERS.len())];
        let body = json!({"kind": "speech", "input": text, "engine": "piper", "voice": "hum", "tier": tier});
        self.outcome.jobs += 1;
        let answer = self.ask(Method::POST, "/v1/jobs", Some(body)).await;
        if let Some((status, job)) = answer
            && status.is_success()
        {
            self.outcome.accepted += 1;
            let id = job["id"].as_str().expect("an id");
            self.accepted.push(id.to_owned());
        }
    }

    async fn cancel(&mut self) {
        if !self.accepted.is_empty() {
            let id = &self.accepted[self.dice.usize(0..self.accepted.len())];
            let path = format!("/v1/jobs/{id}/cancel");
            self.ask(Method::POST, &path, None).await;
        }
    }

    /// Asks one of the API servers; `None` if it is killed before it answers.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<(StatusCode, Value)> {
        let api = &self.apis[self.dice.usize(0..self.apis.len())];
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("a request");
        let mut asking = Box::pin(api.router.clone().oneshot(request));
        let dies = self.dice.u8(0..20) == 0;
        let patience = if dies { self.dice.usize(0..30) } else { 2_000 };
        for _ in 0..patience {
            if let std::task::Poll::Ready(response) = futures::poll!(&mut asking) {
                let response = response.expect("infallible");
                let status = response.status();
                let body = to_bytes(response.into_body(), 1 << 20)
                    .await
                    .expect("a body");
                return Some((status, serde_json::from_slice(&body).unwrap_or_default()));
            }
            yield_now().await;
        }
        if dies {
            api.wire.kill();
            self.outcome.kills += 1;
        }
        None
    }

    fn kill_a_worker(&mut self) {
        let victim = self.dice.usize(0..self.workers.len());
        self.workers.swap_remove(victim).kill();
        self.outcome.kills += 1;
        let wire = self.wire();
        self.workers.push(self.shared.worker(wire));
    }

    fn stop_a_worker(&mut self) {
        let stop = &self.workers[self.dice.usize(0..self.workers.len())].stop;
        stop.drain.cancel();
        stop.give_back.cancel();
        self.outcome.stops += 1;
    }

    fn kill_an_api(&mut self) {
        let victim = self.dice.usize(0..self.apis.len());
        self.apis.swap_remove(victim).wire.kill();
        self.outcome.kills += 1;
        let wire = self.wire();
        self.apis.push(self.shared.api(wire));
    }

    fn replace_the_dead(&mut self) {
        for place in 0..self.workers.len() {
            if self.workers[place].has_ended() {
                let wire = self.wire();
                self.workers[place] = self.shared.worker(wire);
            }
        }
        for place in 0..self.apis.len() {
            if self.apis[place].wire.is_dead() {
                let wire = self.wire();
                self.apis[place] = self.shared.api(wire);
            }
        }
    }

    /// Nothing is lost any more, and time passes, until every job has ended.
    async fn come_to_rest(&mut self) {
        for wire in &self.wires {
            wire.mend();
        }
        for _ in 0..400 {
            self.replace_the_dead();
            for wire in &self.wires {
                wire.mend();
            }
            self.shared.clock.advance(Duration::from_secs(5));
            tokio::time::sleep(Duration::from_secs(5)).await;
            let jobs = self.shared.records.all();
            if jobs.iter().all(|job| job.state.is_terminal()) && self.depth().await == 0 {
                return;
            }
        }
        let seed = self.seed;
        let left: Vec<Job> = self.shared.records.all();
        let left: Vec<&Job> = left.iter().filter(|job| !job.state.is_terminal()).collect();
        panic!(
            "seed {seed}: it does not come to rest; depth {}, {left:#?}",
            self.depth().await
        );
    }

    async fn depth(&self) -> u64 {
        let gauge = self.shared.queue.gauge(&EngineId::new("piper")).await;
        let tiers = gauge.expect("a gauge").tiers;
        tiers.iter().map(|tier| tier.ready + tier.in_flight).sum()
    }

    async fn check(&mut self) {
        let seed = self.seed;
        let jobs: BTreeMap<String, Job> = self
            .shared
            .records
            .all()
            .into_iter()
            .map(|job| (job.id.to_string(), job))
            .collect();
        for id in &self.accepted {
            let job = jobs.get(id);
            let job = job.unwrap_or_else(|| panic!("seed {seed}: {id} was accepted and is lost"));
            let ends_well = matches!(job.state, JobState::Succeeded | JobState::Cancelled);
            assert!(ends_well, "seed {seed}: {job:#?}");
        }
        for job in jobs.values() {
            self.check_result(job).await;
        }
        self.outcome.succeeded = jobs
            .values()
            .filter(|job| job.state == JobState::Succeeded)
            .count();
        self.outcome.faults = self.wires.iter().map(Wire::faults).sum();
        self.outcome.chunks = self.shared.script.calls();
    }

    /// Whoever has succeeded has a result, nobody leads, and no chunk is left over.
    async fn check_result(&self, job: &Job) {
        let seed = self.seed;
        let leader = self.shared.records.leader(&job.fingerprint).await;
        assert_eq!(leader, Ok(None), "seed {seed}: {job:#?}");
        if job.state == JobState::Succeeded {
            let there = self.has_result(&job.fingerprint).await;
            assert!(there, "seed {seed}: no result for {job:#?}");
        }
    }

    async fn has_result(&self, fingerprint: &Fingerprint) -> bool {
        let key = BlobKey::Result(fingerprint.clone());
        self.shared.blobs.contains(&key).await.expect("in memory")
    }
}
