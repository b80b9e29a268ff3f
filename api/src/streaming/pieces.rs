//! The audio of one job in pieces, from the chunks while it runs and from its result once it has ended.

use std::sync::Arc;

use bytes::Bytes;
use voicefleet_core::{
    Job, JobState, Pcm,
    fingerprint::digest_of,
    ports::{AudioCodec, BlobKey},
};

use super::progress::{Progressing, Stand};
use crate::{app::SharedApp, awaited::Awaited, problem::ApiError, rendering, results, synchronous};

/// Seconds of a finished result that are given at once.
const PIECE_SECONDS: usize = 5;

/// The pieces, in order: together the samples of the stored result, each once.
pub(crate) struct Pieces {
    app: SharedApp,
    progress: Progressing,
    awaited: Awaited,
    /// Where the chunks are; unknown before the first one is looked for.
    plan: Option<String>,
    /// A chunk was not where it should be: what is missing comes from the result.
    astray: bool,
    /// Chunks given.
    chunks: usize,
    /// What was given, to find it again in the result.
    given: Vec<Given>,
    /// What is left of the result, once the job has ended.
    rest: Option<Rest>,
}

/// A piece that is on its way.
#[derive(Clone)]
struct Given {
    samples: usize,
    digest: String,
}

/// The end of a result.
struct Rest {
    samples: std::vec::IntoIter<f32>,
    rate: u32,
}

impl Pieces {
    pub(super) fn of(app: &SharedApp, job: Job, awaited: Awaited) -> Self {
        Self {
            app: Arc::clone(app),
            progress: Progressing::of(app, job),
            awaited,
            plan: None,
            astray: false,
            chunks: 0,
            given: Vec::new(),
            rest: None,
        }
    }

    /// The job as it was last seen.
    pub(crate) fn job(&self) -> &Job {
        &self.progress.job
    }

    pub(super) fn into_job(self) -> Job {
        self.progress.job
    }

    /// Nothing is withdrawn any more, whatever becomes of the client.
    pub(super) fn settle(&mut self) {
        self.awaited.settle();
    }

    /// Nobody wants the rest: the job is cancelled, unless others wait for it.
    pub(crate) fn withdraw(self) {
        self.awaited.withdraw();
    }

    /// The next piece; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Pcm>, ApiError> {
        if self.rest.is_none() {
            if let Some(chunk) = self.chunk().await? {
                return Ok(Some(chunk));
            }
            self.rest = Some(self.read_rest().await?);
        }
        Ok(self.rest.as_mut().and_then(Rest::next))
    }

    /// The next chunk; `None` once the job has succeeded. However else this ends, the client hears of it.
    pub(super) async fn chunk(&mut self) -> Result<Option<Pcm>, ApiError> {
        let chunk = self.chunk_or_end().await;
        if !matches!(chunk, Ok(Some(_))) {
            self.settle();
        }
        chunk
    }

    async fn chunk_or_end(&mut self) -> Result<Option<Pcm>, ApiError> {
        loop {
            let wanted = (!self.astray).then_some(self.chunks);
            let stand = self.progress.beyond(wanted).await;
            let stand = stand.map_err(|error| ApiError::from(error).about_job(self.job()))?;
            match stand {
                Stand::Further => match self.read_chunk().await {
                    Some(chunk) if chunk.samples.is_empty() => {}
                    Some(chunk) => return Ok(Some(chunk)),
                    None => self.astray = true,
                },
                Stand::Ended if self.job().state == JobState::Succeeded => return Ok(None),
                Stand::Ended => return Err(results::failure_of(self.job())),
                Stand::Late => {
                    return Err(synchronous::not_done_yet(&self.app, self.job()).await);
                }
            }
        }
    }

    /// `None` if it cannot be had, for whatever reason.
    async fn read_chunk(&mut self) -> Option<Pcm> {
        if self.plan.is_none() {
            self.plan = self.read_plan().await;
        }
        let key = BlobKey::Checkpoint {
            fingerprint: self.job().fingerprint.clone(),
            plan: self.plan.clone()?,
            chunk: self.chunks,
        };
        let bytes = self.read(&key).await?;
        let read = self
            .app
            .codec_lanes
            .go_on(move |codec| chunk_of(codec, &bytes));
        let (pcm, given) = read.await.ok()??;
        self.chunks += 1;
        self.given.push(given);
        Some(pcm)
    }

    async fn read_plan(&self) -> Option<String> {
        let key = BlobKey::Plan(self.job().fingerprint.clone());
        let bytes = self.read(&key).await?;
        let plan = String::from_utf8(bytes.to_vec()).ok()?;
        plan.bytes()
            .all(|digit| digit.is_ascii_hexdigit())
            .then_some(plan)
    }

    async fn read(&self, key: &BlobKey) -> Option<Bytes> {
        match self.app.blobs.get(key).await {
            Ok(found) => found.map(|blob| blob.bytes),
            Err(error) => {
                tracing::debug!(%error, "a chunk could not be read");
                None
            }
        }
    }

    /// What the result has beyond the pieces given.
    async fn read_rest(&mut self) -> Result<Rest, ApiError> {
        let flac = rendering::canonical(&self.app, &self.job().fingerprint);
        let flac = flac.await.map_err(|error| error.about_job(self.job()))?;
        let given = std::mem::take(&mut self.given);
        self.app
            .codec_lanes
            .go_on(move |codec| rest_after(codec, &flac, &given))
            .await?
    }
}

fn chunk_of(codec: &dyn AudioCodec, bytes: &[u8]) -> Option<(Pcm, Given)> {
    let pcm = codec.as_stored(&Pcm::from_bytes(bytes)?)?;
    let given = Given {
        samples: pcm.samples.len(),
        digest: digest_of(&pcm.to_bytes()),
    };
    Some((pcm, given))
}

/// A job that was begun anew, on a worker whose engine speaks otherwise, may have come to something
/// else than what has been sent. Nothing can be joined to that.
fn rest_after(codec: &dyn AudioCodec, flac: &[u8], given: &[Given]) -> Result<Rest, ApiError> {
    let stored = codec.decode(flac, None, rendering::NO_LIMITS);
    let Pcm { mut samples, rate } =
        stored.map_err(|error| ApiError::internal(&error.to_string()))?;
    let mut start = 0;
    for piece in given {
        let end = start + piece.samples;
        let again = samples.get(start..end).map(|samples| Pcm {
            samples: samples.to_vec(),
            rate,
        });
        if again.is_none_or(|again| digest_of(&again.to_bytes()) != piece.digest) {
            return Err(ApiError::internal(
                "a result is not what was streamed of it before it was done",
            ));
        }
        start = end;
    }
    samples.drain(..start);
    samples.shrink_to_fit();
    Ok(Rest {
        samples: samples.into_iter(),
        rate,
    })
}

impl Rest {
    fn next(&mut self) -> Option<Pcm> {
        let most = PIECE_SECONDS * self.rate as usize;
        let samples: Vec<f32> = self.samples.by_ref().take(most).collect();
        (!samples.is_empty()).then_some(Pcm {
            samples,
            rate: self.rate,
        })
    }
}
