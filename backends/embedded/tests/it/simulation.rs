//! Clients and workers that are cut off at random points, with a crash now and then. Whatever happened,
//! an honest worker can finish every job afterwards, each once.

use std::time::Duration;

use voicefleet_core::{
    Clock, Envelope, ErrorCode, Failure, Job, JobId, JobState,
    ports::{Delivery, JobChange, JobFilter, Settlement, Submission},
};
use voicefleet_testkit::{FakeClock, conformance::within_patience};

use crate::bench::Database;

const STEPS: usize = 60;
const MAX_ATTEMPTS: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_once_whatever_was_cut_off() {
    for seed in 0..12 {
        let clock = FakeClock::default();
        let mut world = World {
            database: Database::at(&clock).await,
            clock,
            dice: fastrand::Rng::with_seed(seed),
            held: Vec::new(),
        };
        for _ in 0..STEPS {
            world.step().await;
        }
        world.settle_down(seed).await;
    }
}

struct World {
    database: Database,
    clock: FakeClock,
    dice: fastrand::Rng,
    /// Deliveries whose worker is still busy, or gone.
    held: Vec<Box<dyn Delivery>>,
}

impl World {
    async fn step(&mut self) {
        match self.dice.u8(0..20) {
            0..=6 => self.submit().await,
            7..=15 => self.work().await,
            16 => self.cancel_one().await,
            17 => self.lose_a_worker(),
            18 => self
                .clock
                .advance(Duration::from_secs(self.dice.u64(0..20))),
            _ => self.crash().await,
        }
        self.database.assert_counts_are_true().await;
    }

    /// Every other job is a twin; sometimes the process dies before it is published.
    async fn submit(&mut self) {
        let text = match self.dice.u8(0..4) {
            0 => "twin one".to_owned(),
            1 => "twin two".to_owned(),
            _ => JobId::generate().to_string(),
        };
        let (job, submission) = self.database.submit_text(&text).await;
        if submission != Submission::Leads {
            return;
        }
        match self.dice.u8(0..5) {
            0 => self.crash().await,
            _ => self.database.publish(&job).await,
        }
    }

    /// A worker gets as far as it gets.
    async fn work(&mut self) {
        if !self.something_is_due().await {
            return;
        }
        let delivery = self.database.next().await;
        let id = delivery.envelope().job_id;
        let records = self.database.records();
        let progress = self.dice.u8(0..10);
        if progress == 0 {
            return self.held.push(delivery);
        }
        if records.change(id, self.database.start()).await.is_err() {
            return settle(delivery, Settlement::Done).await;
        }
        match progress {
            1 => self.held.push(delivery),
            2 => {
                self.database.change(id, JobChange::GiveBack).await;
                settle(delivery, Settlement::GiveBack).await;
            }
            3 | 4 => self.fail_attempt(delivery).await,
            5 => {
                self.database.change(id, self.database.succeed()).await;
                self.held.push(delivery);
            }
            6 => {
                self.database.change(id, self.database.succeed()).await;
                settle(delivery, Settlement::Done).await;
                self.crash().await;
            }
            _ => finish(&self.database, delivery).await,
        }
    }

    async fn something_is_due(&self) -> bool {
        let due = "SELECT count(*) FROM envelopes
            WHERE state = 'ready' OR (state = 'delayed' AND not_before <= ?1)";
        let count = sqlx::query_scalar::<_, i64>(due).bind(self.clock.now().0);
        count
            .fetch_one(&mut self.database.sql().await)
            .await
            .expect("a number")
            > 0
    }

    async fn fail_attempt(&mut self, delivery: Box<dyn Delivery>) {
        let id = delivery.envelope().job_id;
        let failure = Failure::new(ErrorCode::EngineFailed, "the engine failed on this input");
        let last = self.database.job(id).await.attempt >= MAX_ATTEMPTS;
        let (change, settlement) = if last {
            let end = self.database.end(JobState::Failed, &failure);
            (end, Settlement::DeadLetter(failure))
        } else {
            let not_before = self
                .database
                .config
                .clock
                .now()
                .after(Duration::from_secs(5));
            (
                JobChange::Requeue { failure },
                Settlement::Retry { not_before },
            )
        };
        self.database.change(id, change).await;
        if self.dice.bool() {
            settle(delivery, settlement).await;
        } else {
            self.held.push(delivery);
        }
        if last {
            // Nobody tells the followers but the next opening.
            self.crash().await;
        }
    }

    async fn cancel_one(&mut self) {
        let jobs = in_flight(&self.database).await;
        let Some(job) = self.dice.choice(&jobs) else {
            return;
        };
        let withdrawn = Failure::new(ErrorCode::Cancelled, "withdrawn by the client");
        self.database
            .change(job.id, self.database.end(JobState::Cancelled, &withdrawn))
            .await;
        let records = self.database.records();
        if let Some(heir) = records.followers(job.id).await.expect("read").first() {
            let heir = records.promote(job.id, heir.id).await.expect("promoted");
            if heir.follows.is_none() {
                self.database.publish(&heir).await;
            }
        }
    }

    fn lose_a_worker(&mut self) {
        if !self.held.is_empty() {
            let index = self.dice.usize(0..self.held.len());
            drop(self.held.swap_remove(index));
        }
    }

    async fn crash(&mut self) {
        let Self { clock, .. } = self;
        let placeholder = Database::at(clock).await;
        let database = std::mem::replace(&mut self.database, placeholder);
        self.database = database.reopen().await;
        self.held.clear();
    }

    async fn settle_down(mut self, seed: u64) {
        self.crash().await;
        self.clock.advance(Duration::from_mins(1));
        while self.database.gauge().await.ready > 0 {
            let delivery = self.database.next().await;
            let start = self.database.start();
            match self
                .database
                .records()
                .change(delivery.envelope().job_id, start)
                .await
            {
                Ok(_) => finish(&self.database, delivery).await,
                Err(_) => settle(delivery, Settlement::Done).await,
            }
        }
        let left = in_flight(&self.database).await;
        assert!(left.is_empty(), "seed {seed}: {left:#?}");
        for job in every_job(&self.database, None).await {
            assert!(job.attempt <= MAX_ATTEMPTS, "seed {seed}: {job:#?}");
            assert!(job.finished_at.is_some(), "seed {seed}: {job:#?}");
        }
        let gauge = self.database.gauge().await;
        assert_eq!((gauge.ready, gauge.in_flight), (0, 0), "seed {seed}");
        self.database.assert_counts_are_true().await;
    }
}

/// What an honest worker does with a job that runs.
async fn finish(database: &Database, delivery: Box<dyn Delivery>) {
    let Envelope { job_id, .. } = delivery.envelope().clone();
    database.change(job_id, database.succeed()).await;
    let records = database.records();
    for follower in records.followers(job_id).await.expect("read") {
        database.change(follower.id, database.succeed()).await;
    }
    settle(delivery, Settlement::Done).await;
}

async fn settle(delivery: Box<dyn Delivery>, settlement: Settlement) {
    within_patience(delivery.settle(settlement))
        .await
        .expect("settled");
}

async fn in_flight(database: &Database) -> Vec<Job> {
    let mut jobs = every_job(database, Some(JobState::Queued)).await;
    jobs.extend(every_job(database, Some(JobState::Running)).await);
    jobs
}

async fn every_job(database: &Database, state: Option<JobState>) -> Vec<Job> {
    let filter = JobFilter {
        state,
        limit: 1_000,
        ..JobFilter::default()
    };
    database.records().list(&filter).await.expect("listed").jobs
}
