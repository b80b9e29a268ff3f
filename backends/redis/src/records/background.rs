//! What goes on beside the calls: hearing of moves, telling whoever waits, sweeping the lanes.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{JobId, ports::RecordError};

use super::{
    outbox::{Noted, TELL_EVERY},
    scripts::Scripts,
    stored::{from_news, read_all},
    watchers::{Move, Watchers},
};
use crate::{error::Unavailable, link::Link};

/// How often the listening connection has to prove that it is alive.
const PING: Duration = Duration::from_secs(15);

/// How long after a failure the next attempt is made.
const PAUSE: Duration = Duration::from_millis(500);

/// How often the lanes are swept, and how much in one step.
const SWEEP: Duration = Duration::from_mins(1);
const SWEEP_STEP: u64 = 500;

/// How many jobs are read before those who wait for them are told.
const BATCH: usize = 200;

/// What the tasks work with.
pub(super) struct Background {
    pub(super) link: Arc<Link>,
    pub(super) scripts: Arc<Scripts>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) noted: Arc<Noted>,
    pub(super) prefix: String,
    pub(super) look_interval: Duration,
    /// How long an outage may last before those who wait are told of it, and how long a sign of life
    /// may take.
    pub(super) patience: Duration,
}

impl Background {
    /// Until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            ((), (), (), (), ()) = async {
                tokio::join!(
                    self.listen(),
                    self.look_now_and_then(),
                    self.tell(),
                    self.sweep(),
                    self.tell_what_is_published(),
                )
            } => {}
        }
        self.watchers.close();
        // Else it is published a second time.
        if let Err(error) = self.noted.tell(&self.link).await {
            tracing::debug!(%error, "not noted that jobs are in the queue");
        }
    }

    /// Hears of moves, from when somebody first wants to know of one: workers never do, and what all of them
    /// heard would cost the server the more the more they are. It must be quick: the connection keeps what it
    /// has not taken.
    async fn listen(&self) {
        self.watchers.wanted().await;
        loop {
            if let Err(error) = self.listen_once().await {
                tracing::warn!(%error, "moves of jobs are not heard of at the moment");
            }
            sleep(PAUSE).await;
        }
    }

    /// Until the connection is lost.
    async fn listen_once(&self) -> Result<(), Unavailable> {
        let channel = format!("{}moves", self.prefix);
        let (mut sink, mut moves) = self.link.subscribe(&channel).await?.split();
        let _hearing = Watchers::hear(&self.watchers);
        // Whatever happened until now was not heard.
        self.watchers.mark_all();
        let listening = async {
            while let Some(message) = moves.next().await {
                if let Ok(news) = message.get_payload::<String>() {
                    self.hear(&news);
                }
            }
        };
        let pinging = async {
            loop {
                sleep(PING).await;
                let alive = timeout(self.patience, sink.ping::<redis::Value>()).await;
                if !matches!(alive, Ok(Ok(_))) {
                    break;
                }
            }
        };
        tokio::select! {
            () = listening => {}
            () = pinging => {}
        }
        Err(self.link.complaint("the listening connection is lost"))
    }

    /// `ID moved DONE/TOTAL`, or `ID ended` with version and body if it is short.
    fn hear(&self, news: &str) {
        let mut words = news.splitn(4, ' ');
        let Some(Ok(id)) = words.next().map(str::parse::<JobId>) else {
            return;
        };
        let (what, detail, body) = (words.next(), words.next(), words.next());
        let moved = match (what, detail) {
            (Some("moved"), Some(progress)) => Move::To(done_of(progress)),
            (Some("moved"), None) => Move::To(u32::MAX),
            _ => Move::End,
        };
        if !self.watchers.is_waited_for(id, moved) {
            return;
        }
        match detail
            .zip(body)
            .and_then(|(version, body)| from_news(version, body))
        {
            Some(stored) => self.watchers.tell(id, Ok(Arc::new(stored))),
            None => self.watchers.mark(id),
        }
    }

    async fn tell_what_is_published(&self) {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.noted.tell(&self.link).await {
                tracing::debug!(%error, "not noted that jobs are in the queue");
            }
        }
    }

    async fn look_now_and_then(&self) {
        let mut ticks = interval(self.look_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.watchers.mark_all();
        }
    }

    /// Reads what may have moved, and tells whoever waits for it. A short outage is nobody's concern:
    /// what could not be read is read again. A longer one ends their waiting.
    async fn tell(&self) {
        let mut well = Instant::now();
        loop {
            self.watchers.bell.notified().await;
            let Err(error) = self.tell_once().await else {
                well = Instant::now();
                continue;
            };
            tracing::debug!(%error, "jobs that are waited for cannot be read");
            if well.elapsed() > self.patience {
                self.watchers.disappoint(&error.into());
            }
            sleep(PAUSE).await;
            self.watchers.mark_all();
        }
    }

    async fn tell_once(&self) -> Result<(), Unavailable> {
        for ids in self.watchers.take_marked().chunks(BATCH) {
            let found = read_all(&self.link, &self.prefix, ids).await?;
            for id in ids {
                if !found.iter().any(|stored| stored.record.job.id == *id) {
                    self.watchers.tell(*id, Err(RecordError::NotFound(*id)));
                }
            }
            for stored in found {
                self.watchers
                    .tell(stored.record.job.id, Ok(Arc::new(stored)));
            }
        }
        Ok(())
    }

    async fn sweep(&self) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            while let Ok(SWEEP_STEP..) = self.link.script(&self.scripts.sweep(SWEEP_STEP)).await {}
        }
    }
}

/// The chunks that are done; all there can be, where that is not said.
fn done_of(progress: &str) -> u32 {
    let done = progress
        .split('/')
        .next()
        .and_then(|done| done.parse().ok());
    done.unwrap_or(u32::MAX)
}
