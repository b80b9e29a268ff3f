//! Speech that is sent while the rest of it is still being made.
//!
//! `progress.rs` follows the work, `pieces.rs` gives its audio chunk by chunk, `sound.rs` makes a file
//! of it. Everything is pulled by the client's reading: between two reads nothing is made or kept.

mod pieces;
mod progress;
mod sound;

use bytes::Bytes;
use voicefleet_core::{AudioFormat, Job};

pub(crate) use self::{pieces::Pieces, sound::Sound};
use crate::{app::SharedApp, awaited, problem::ApiError, submit::NewJob, tenancy::Caller};

/// What there is to answer with.
pub(crate) enum Begun {
    /// The job has succeeded: its result.
    Whole(Job),
    /// The first bytes, and what gives the others.
    Underway(Job, Bytes, Box<Sound>),
}

/// Submits the work; its audio is had from the pieces.
pub(crate) async fn submit(
    app: &SharedApp,
    caller: &Caller,
    work: NewJob,
) -> Result<Pieces, ApiError> {
    let (job, awaited) = awaited::submit(app, caller, work).await?;
    Ok(Pieces::of(app, job, awaited))
}

/// Submits the work and waits, within `sync_wait`, until it has succeeded or the first of its audio is
/// there. What goes wrong until then is an error of the request.
pub(crate) async fn begin(
    app: &SharedApp,
    caller: &Caller,
    work: NewJob,
    format: AudioFormat,
) -> Result<Begun, ApiError> {
    let mut pieces = submit(app, caller, work).await?;
    let Some(first) = pieces.chunk().await? else {
        return Ok(Begun::Whole(pieces.into_job()));
    };
    let job = pieces.job().clone();
    let mut sound = Sound::begin(app, pieces, first, format)?;
    let head = sound.next().await?.unwrap_or_default();
    Ok(Begun::Underway(job, head, Box::new(sound)))
}
