//! Both loops over one workload.

use serde::Serialize;
use voicefleet_core::Timestamp;

use super::{
    hpa::{HpaController, HpaSettings},
    keda::{Activity, ScaleLoop},
    scaled_object::ScaledObject,
    trigger::{Failures, Reading, ScalerError},
};

/// A workload as the loops see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `spec.replicas`: how many are wanted.
    pub wanted: u32,
    /// `status.replicas`: how many pods exist, ready or not.
    pub existing: u32,
    /// How many of those are ready.
    pub ready: u32,
}

/// Replicas to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// How many.
    pub replicas: u32,
    /// Why.
    pub cause: Cause,
}

/// Why replicas change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// KEDA: a trigger is active.
    Activation,
    /// KEDA: nothing was active for the cooldown period.
    Deactivation,
    /// KEDA or the HPA: fewer than the minimum.
    BelowMinimum,
    /// The HPA: more than the maximum.
    AboveMaximum,
    /// The HPA: what the metric asks for.
    Metric,
    /// Somebody set them.
    ByHand,
}

/// Both loops over one workload. It holds no clock and no timer: whoever owns the time calls
/// [`poll`](Self::poll) and [`sync`](Self::sync) at their intervals, and applies what they answer.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    object: ScaledObject,
    failures: Failures,
    scale_loop: ScaleLoop,
    hpa: HpaController,
}

impl Autoscaler {
    /// An autoscaler for a `ScaledObject` created at `created`.
    pub fn new(object: ScaledObject, hpa: HpaSettings, created: Timestamp) -> Self {
        Self {
            object,
            failures: Failures::default(),
            scale_loop: ScaleLoop::new(created),
            hpa: HpaController::new(hpa),
        }
    }

    /// Its settings.
    pub fn object(&self) -> &ScaledObject {
        &self.object
    }

    /// KEDA's check, every [`ScaledObject::polling_interval`] and at once at the beginning.
    /// K:pkg/scaling/scale_handler.go:180-213
    pub fn poll(
        &mut self,
        now: Timestamp,
        replicas: u32,
        answer: Result<Reading, ScalerError>,
    ) -> Option<Change> {
        let activity = match self.failures.bridge(answer, &self.object, replicas) {
            Ok(reading) if reading.active => Activity::Active,
            Ok(_) => Activity::Inactive,
            Err(ScalerError) => Activity::Failed,
        };
        self.scale_loop
            .request_scale(&self.object, now, replicas, activity)
    }

    /// An `external-push` scaler says that there is something to do. (That there is nothing to do is
    /// ignored.) K:pkg/scaling/scale_handler.go:237-262
    pub fn push(&mut self, now: Timestamp, replicas: u32) -> Option<Change> {
        self.scale_loop
            .request_scale(&self.object, now, replicas, Activity::Active)
    }

    /// The HPA controller's sync, every [`HpaSettings::sync_period`]. H:horizontal.go:773-1027
    pub fn sync(
        &mut self,
        now: Timestamp,
        workload: Workload,
        answer: Result<Reading, ScalerError>,
    ) -> Option<Change> {
        let (object, failures) = (&self.object, &mut self.failures);
        // The scaler is asked only where the metric counts, and only then a failure is counted.
        let read = || failures.bridge(answer, object, workload.wanted);
        self.hpa.sync(object, now, workload, read)
    }
}
