//! How far the work behind a job has come.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use voicefleet_core::{Job, ports::RecordError};

use crate::app::SharedApp;

/// How often a follower looks whom it follows: of that alone nobody tells it.
const GLANCE: Duration = Duration::from_secs(1);

/// A job, and the one that is computed in its place if it follows another.
pub(super) struct Progressing {
    app: SharedApp,
    pub(super) job: Job,
    leader: Option<Job>,
}

/// What a wait has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// The job has ended, however.
    Ended,
    /// More chunks are done.
    Further,
    /// `sync_wait` is over, or the server closes.
    Late,
}

impl Progressing {
    pub(super) fn of(app: &SharedApp, job: Job) -> Self {
        Self {
            app: Arc::clone(app),
            job,
            leader: None,
        }
    }

    /// Waits until more than `chunks` chunks are done, or the job has ended; for its end alone if `None`.
    pub(super) async fn beyond(&mut self, chunks: Option<usize>) -> Result<Stand, RecordError> {
        let app = Arc::clone(&self.app);
        let deadline = Instant::now() + app.limits.sync_wait;
        loop {
            if self.job.state.is_terminal() {
                return Ok(Stand::Ended);
            }
            if chunks.is_some_and(|chunks| self.chunks_done() > chunks) {
                return Ok(Stand::Further);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Stand::Late);
            }
            let moved = self.moved(chunks, left);
            let Some(moved) = app.stop.closing.run_until_cancelled(moved).await else {
                return Ok(Stand::Late);
            };
            moved?;
        }
    }

    fn chunks_done(&self) -> usize {
        let leader = self.leader.as_ref();
        let leader = leader.filter(|leader| self.job.follows == Some(leader.id));
        leader.unwrap_or(&self.job).progress.chunks_done as usize
    }

    /// Waits until something has changed, perhaps.
    async fn moved(&mut self, chunks: Option<usize>, left: Duration) -> Result<(), RecordError> {
        match (self.job.follows, chunks) {
            (Some(leader), Some(_)) => self.leader_moved(leader, left.min(GLANCE)).await,
            _ => self.job_moved(chunks, left).await,
        }
    }

    async fn job_moved(
        &mut self,
        chunks: Option<usize>,
        left: Duration,
    ) -> Result<(), RecordError> {
        self.leader = None;
        let (records, job) = (&self.app.records, &self.job);
        let seen = (job.state, job.progress);
        let has_parts = job.progress.chunks_total != 1;
        let chunks = chunks.and_then(|chunks| u32::try_from(chunks).ok());
        self.job = match chunks.filter(|_| has_parts) {
            Some(chunks) => records.wait_for_chunk(job.id, seen, chunks, left).await?,
            None => records.wait_for_end(job.id, seen, left).await?,
        };
        Ok(())
    }

    /// A follower's own record says nothing before its end.
    async fn leader_moved(
        &mut self,
        leader: voicefleet_core::JobId,
        left: Duration,
    ) -> Result<(), RecordError> {
        let (records, job) = (Arc::clone(&self.app.records), &self.job);
        let ended = records.wait_for_end(job.id, (job.state, job.progress), left);
        let known = self.leader.take().filter(|known| known.id == leader);
        match known {
            Some(known) if !known.state.is_terminal() => {
                let seen = (known.state, known.progress);
                let moved = tokio::select! {
                    ended = ended => ended.map(|_| known),
                    moved = records.wait(leader, seen, left) => moved,
                };
                self.leader = found(moved)?;
            }
            Some(_) => {
                // Its followers are about to hear of it.
                ended.await?;
            }
            None => match found(records.get(leader).await)? {
                Some(leader) => self.leader = Some(leader),
                None => {
                    ended.await?;
                }
            },
        }
        self.job = records.get(self.job.id).await?;
        Ok(())
    }
}

/// A leader's record may be gone before those of its followers.
fn found(job: Result<Job, RecordError>) -> Result<Option<Job>, RecordError> {
    match job {
        Ok(job) => Ok(Some(job)),
        Err(RecordError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
