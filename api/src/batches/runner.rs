//! Takes batches that nobody has, and works on a few at a time.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    record::{BatchId, Lease},
    run::{self, LEASE, Left},
    store::{self, Sign, Stored, WriteError},
};
use crate::{
    ApiContext,
    app::{App, SharedApp},
    problem::ApiError,
};

/// How often is looked for batches that nobody has.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many of these looks pass between two looks for batches that are kept no longer.
const LOOKS_PER_CLEARING: u32 = 60;
/// Batches at a time: each has its lines in memory.
const MAX_RUNS: usize = 4;
/// Batches that are looked at, and cleared away, in one look.
const STEP: usize = 100;
/// How long a batch is left alone that could not be gone on with.
const REST: Duration = Duration::from_secs(10);

/// Works on the batches of all tenants, until `stop`. One per process that serves the API; several beside
/// each other share the batches, and go on with those of one that is gone.
pub async fn run_batches(context: ApiContext, stop: CancellationToken) {
    let mut runner = Runner {
        app: Arc::new(App::new(context)),
        server: Uuid::new_v4(),
        stop: stop.clone(),
        runs: JoinSet::new(),
        running: HashMap::new(),
        resting: HashMap::new(),
        seen: None,
    };
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {
                runner.look_and_complain(looks.is_multiple_of(LOOKS_PER_CLEARING)).await;
                looks = looks.wrapping_add(1);
            }
            Some(ended) = runner.runs.join_next_with_id() => runner.ended(ended),
        }
    }
    // Each gives its batch back.
    while let Some(ended) = runner.runs.join_next_with_id().await {
        runner.ended(ended);
    }
}

struct Runner {
    app: SharedApp,
    /// By which the batches know who has them.
    server: Uuid,
    stop: CancellationToken,
    runs: JoinSet<Result<(), Left>>,
    running: HashMap<Id, BatchId>,
    /// Until when each is left alone.
    resting: HashMap<BatchId, Instant>,
    /// Where the last look ended.
    seen: Option<Sign>,
}

impl Runner {
    async fn look_and_complain(&mut self, clears: bool) {
        let looked = async {
            if clears {
                store::clear_away(&self.app, STEP).await?;
            }
            self.look().await
        };
        if let Err(error) = looked.await {
            tracing::debug!(error = %error.failure, "not looked for batches");
        }
    }

    /// Takes batches while there is room for them, going round so that each has its turn.
    async fn look(&mut self) -> Result<(), ApiError> {
        if self.runs.len() >= MAX_RUNS {
            return Ok(());
        }
        self.resting.retain(|_, until| Instant::now() < *until);
        let signs = store::open(&self.app, self.seen.as_ref(), STEP).await?;
        let is_last = signs.len() < STEP;
        for sign in signs {
            if self.runs.len() >= MAX_RUNS {
                return Ok(());
            }
            let is_running = self.running.values().any(|id| *id == sign.id);
            if !is_running && !self.resting.contains_key(&sign.id) {
                self.take(&sign).await?;
            }
            self.seen = Some(sign);
        }
        if is_last {
            self.seen = None;
        }
        Ok(())
    }

    async fn take(&mut self, sign: &Sign) -> Result<(), ApiError> {
        let Some(mut stored) = store::find(&self.app, &sign.tenant, sign.id).await? else {
            return store::bury_stillborn(&self.app, sign).await;
        };
        let now = self.app.clock.now();
        if stored.batch.is_held_by_another(self.server, now) {
            return Ok(());
        }
        stored.batch.lease = Some(Lease {
            holder: self.server,
            until: now.after(LEASE),
        });
        match store::write(&self.app, &mut stored).await {
            Ok(()) => self.start(stored),
            // Another server was quicker.
            Err(WriteError::Changed) => {}
            Err(WriteError::Other(error)) => return Err(error),
        }
        Ok(())
    }

    fn start(&mut self, stored: Stored) {
        let id = stored.batch.id;
        let (app, stop) = (Arc::clone(&self.app), self.stop.clone());
        let task = self.runs.spawn(run::run(app, self.server, stored, stop));
        self.running.insert(task.id(), id);
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), Left>), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(id) = self.running.remove(&task) else {
            return;
        };
        match ended {
            Ok((_, Ok(()))) => tracing::info!(batch = %id, "a batch has ended"),
            Ok((_, Err(Left::Stopped | Left::Lost))) => {
                tracing::debug!(batch = %id, "a batch is left to another server");
            }
            Ok((_, Err(Left::Unable(error)))) => {
                self.resting.insert(id, Instant::now() + REST);
                tracing::warn!(batch = %id, error = %error.failure, "a batch is gone on with later");
            }
            Err(error) => {
                self.resting.insert(id, Instant::now() + REST);
                tracing::error!(batch = %id, %error, "the work on a batch broke off");
            }
        }
    }
}
