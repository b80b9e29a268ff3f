//! Many at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, task::JoinSet};
use voicefleet_core::{
    JobId, Tier, Timestamp,
    ports::{Delivery, JobConsumer, Settlement},
};

use super::{QueueBench, ROOMY, comes_to_hold, consumer, envelope, settle};
use crate::conformance::within_patience;

const PUBLISHERS: usize = 4;
const JOBS_EACH: usize = 50;
const CONSUMERS: u64 = 4;
const JOBS: usize = PUBLISHERS * JOBS_EACH;

/// Publishers, consumers, and every way to let go of a delivery at random: each job is out at most once
/// at a time and done exactly once, and nothing is left.
pub async fn a_crowd_settles_everything_exactly_once<B: QueueBench>() {
    let bench = B::fresh(ROOMY).await;
    let ledger = Ledger::default();
    let mut crowd = JoinSet::new();
    for seed in 0..CONSUMERS {
        let (consumer, ledger, now) = (consumer(&bench).await, ledger.clone(), bench.now());
        crowd.spawn(async move {
            ledger
                .consume(consumer, fastrand::Rng::with_seed(seed), now)
                .await;
        });
    }
    for seed in (0..).take(PUBLISHERS) {
        let (queue, mut dice) = (bench.queue(), fastrand::Rng::with_seed(seed));
        crowd.spawn(async move {
            for _ in 0..JOBS_EACH {
                let tier = Tier::ALL[dice.usize(0..3)];
                queue.publish(&envelope(tier)).await.expect("published");
            }
        });
    }
    within_patience(crowd.join_all()).await;
    let done = ledger.done();
    assert_eq!(done.len(), JOBS);
    assert!(
        done.values().all(|times| *times == 1),
        "done more than once: {done:?}"
    );
    for tier in Tier::ALL {
        comes_to_hold(&bench, tier, 0, 0).await;
    }
}

/// What the crowd has seen.
#[derive(Clone)]
struct Ledger {
    books: Arc<Mutex<Books>>,
    finished: Arc<watch::Sender<usize>>,
}

#[derive(Default)]
struct Books {
    out: HashSet<JobId>,
    done: HashMap<JobId, u32>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            books: Arc::default(),
            finished: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Ledger {
    async fn consume(
        self,
        mut consumer: Box<dyn JobConsumer>,
        mut dice: fastrand::Rng,
        now: Timestamp,
    ) {
        let mut finished = self.finished.subscribe();
        loop {
            let delivery = tokio::select! {
                delivery = consumer.next() => delivery.expect("a delivery"),
                _ = finished.wait_for(|count| *count == JOBS) => return,
            };
            self.let_go(delivery, dice.u8(0..10), now).await;
        }
    }

    async fn let_go(&self, delivery: Box<dyn Delivery>, die: u8, now: Timestamp) {
        let id = delivery.envelope().job_id;
        assert!(self.books().out.insert(id), "{id} is out twice");
        tokio::task::yield_now().await;
        assert!(self.books().out.remove(&id));
        match die {
            0 => drop(delivery),
            1 => settle(delivery, Settlement::GiveBack).await,
            2 => settle(delivery, Settlement::Retry { not_before: now }).await,
            _ => {
                settle(delivery, Settlement::Done).await;
                *self.books().done.entry(id).or_default() += 1;
                self.finished.send_modify(|count| *count += 1);
            }
        }
    }

    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("nobody panics with the books")
    }

    fn done(&self) -> HashMap<JobId, u32> {
        self.books().done.clone()
    }
}
