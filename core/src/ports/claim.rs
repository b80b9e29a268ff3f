//! Whose a running job is.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::envelope::EnvelopeId;

/// One run of a job on one worker. Whatever a worker does to a job it does in the name of its run, so
/// that one that was given up for lost, and is not, cannot disturb its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// A new run.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// With what right a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// The envelope that was delivered for it.
    pub envelope: EnvelopeId,
    /// Whether that envelope had been delivered before and came back unsettled.
    pub redelivered: bool,
}

impl Claim {
    /// A new run, for an envelope.
    pub fn new(envelope: EnvelopeId, redelivered: bool) -> Self {
        Self {
            run: RunId::generate(),
            envelope,
            redelivered,
        }
    }

    /// Whether it may take the job over from a run that has not ended: the queue has taken the same
    /// envelope away from whoever had it. Another envelope of the same job is merely a second one.
    pub(super) fn succeeds(&self, holder: &Self) -> bool {
        self.redelivered && self.envelope == holder.envelope
    }
}
