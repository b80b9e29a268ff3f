//! Reads the fleet, at intervals and when something comes.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{
    EngineId,
    ports::{FleetLedger, JobQueue},
    scaling::{Limit, ScalingPolicy, Survey},
};

use crate::{
    board::{Board, Reading},
    metrics::Meters,
};

/// How often, and how patiently.
#[derive(Clone, Debug)]
pub struct SurveyorConfig {
    /// The policy.
    pub policy: ScalingPolicy,
    /// Time between two readings.
    pub every: Duration,
    /// Longest time for one reading; after it, nothing is known.
    pub patience: Duration,
    /// For how long after an outage every pool stays active: as long as KEDA's cooldown.
    pub cooldown: Duration,
}

impl SurveyorConfig {
    /// Once a second, with less than a second's patience, and a cooldown of two minutes.
    pub fn new(policy: ScalingPolicy) -> Self {
        Self {
            policy,
            every: Duration::from_secs(1),
            patience: Duration::from_millis(900),
            cooldown: Duration::from_mins(2),
        }
    }
}

/// Shortest time between two readings because something came.
const BREATH: Duration = Duration::from_millis(20);
/// How long to wait before listening again to a queue that would not tell.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Keeps a [`Board`] up to date.
pub struct Surveyor {
    queue: Arc<dyn JobQueue>,
    ledger: Arc<dyn FleetLedger>,
    config: SurveyorConfig,
    board: Board,
    meters: Meters,
}

impl Surveyor {
    /// Begins when [run](Self::run).
    pub fn new(
        queue: Arc<dyn JobQueue>,
        ledger: Arc<dyn FleetLedger>,
        config: SurveyorConfig,
    ) -> Self {
        Self {
            queue,
            ledger,
            config,
            board: Board::default(),
            meters: Meters::new(),
        }
    }

    /// What it keeps.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let (tell, mut arrivals) = mpsc::channel(16);
        let mut listening = JoinSet::new();
        for engine in self.config.policy.engines() {
            let (queue, tell) = (Arc::clone(&self.queue), tell.clone());
            listening.spawn(listen(queue, engine, tell));
        }
        let reading = async {
            let mut past = Past::default();
            loop {
                self.read(&mut past).await;
                self.wait(&mut arrivals).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = reading => {}
        }
    }

    /// One reading.
    async fn read(&self, past: &mut Past) {
        let survey = Survey::take(&*self.queue, &*self.ledger, &self.config.policy);
        let taken = match timeout(self.config.patience, survey).await {
            Ok(taken) => taken.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.config.patience)),
        };
        match taken {
            Ok(survey) => {
                if std::mem::take(&mut past.is_out) {
                    tracing::info!("the fleet can be read again");
                    past.held_until = Some(Instant::now() + self.config.cooldown);
                }
                self.meters.record(&survey);
                self.board.put(Reading::Known {
                    survey: Arc::new(survey),
                    at: Instant::now(),
                    held_until: past.held_until,
                });
            }
            Err(why) => {
                if !std::mem::replace(&mut past.is_out, true) {
                    tracing::warn!(why, "the fleet cannot be read");
                }
                self.board.put(Reading::Unknown { why });
            }
        }
    }

    /// Until the next reading is due, or something comes for a pool that has nothing.
    async fn wait(&self, arrivals: &mut mpsc::Receiver<EngineId>) {
        let begun = Instant::now();
        let due = sleep(self.config.every);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                Some(engine) = arrivals.recv() => {
                    if self.wake(&engine) {
                        sleep(BREATH.saturating_sub(begun.elapsed())).await;
                        return;
                    }
                }
            }
        }
    }

    /// Says at once that a pool has work now, before it is known how much. Returns whether it had none.
    fn wake(&self, engine: &EngineId) -> bool {
        let Reading::Known {
            survey, held_until, ..
        } = self.board.read()
        else {
            return true;
        };
        if survey
            .pool(engine)
            .is_some_and(|pool| pool.plan.workers > 0)
        {
            return false;
        }
        let mut survey = Survey::clone(&survey);
        let idle = survey
            .pools
            .iter_mut()
            .find(|pool| pool.plan.engine == *engine && pool.plan.workers == 0);
        let Some(pool) = idle else {
            return false;
        };
        pool.plan.workers = 1;
        pool.plan.demand.workers = 1;
        pool.plan.limit = Limit::Demand;
        self.board.put(Reading::Known {
            survey: Arc::new(survey),
            at: Instant::now(),
            held_until,
        });
        true
    }
}

/// What is remembered from one reading to the next.
#[derive(Default)]
struct Past {
    is_out: bool,
    held_until: Option<Instant>,
}

/// Tells of what comes for `engine`, through outages of the queue.
async fn listen(queue: Arc<dyn JobQueue>, engine: EngineId, tell: mpsc::Sender<EngineId>) {
    loop {
        match queue.arrivals(&engine).await {
            Ok(mut arrivals) => loop {
                arrivals.next().await;
                if tell.send(engine.clone()).await.is_err() {
                    return;
                }
            },
            Err(error) => {
                tracing::debug!(%engine, %error, "arrivals are not told");
                sleep(LISTEN_AGAIN).await;
            }
        }
    }
}
