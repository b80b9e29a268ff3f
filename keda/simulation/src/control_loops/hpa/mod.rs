//! The HPA controller for one external metric: from the metric to replicas, then held back by what was
//! recommended lately, then by how fast they may change.

mod proposal;
mod rate;

use std::time::Duration;

use voicefleet_core::Timestamp;

use super::{
    autoscaler::{Cause, Change, Workload},
    scaled_object::{Behavior, ScaledObject},
    trigger::{Reading, ScalerError},
};
use rate::ScaleEvents;

/// The controller's own settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HpaSettings {
    /// How often each HPA is looked at.
    pub sync_period: Duration,
    /// How far from its target a metric may be without effect, as a ratio.
    pub tolerance: f64,
    /// How far back recommendations hold fewer replicas off, where an HPA has no `behavior`.
    pub downscale_stabilisation: Duration,
}

impl Default for HpaSettings {
    /// H:config/v1alpha1/defaults.go:35-55
    fn default() -> Self {
        Self {
            sync_period: Duration::from_secs(15),
            tolerance: 0.1,
            downscale_stabilisation: Duration::from_mins(5),
        }
    }
}

/// The smallest and the largest number of replicas that an HPA sets.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    min: u32,
    max: u32,
}

impl Bounds {
    /// KEDA gives the HPA no minimum below 1. K:apis/keda/v1alpha1/scaledobject_types.go:303-309
    fn of(object: &ScaledObject) -> Self {
        Self {
            min: object.min.max(1),
            max: object.max,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Recommendation {
    at: Timestamp,
    replicas: u32,
}

/// What the controller remembers of one HPA.
#[derive(Clone, Debug)]
pub(super) struct HpaController {
    settings: HpaSettings,
    /// `None` until the HPA is first seen.
    recommendations: Option<Vec<Recommendation>>,
    events: ScaleEvents,
}

impl HpaController {
    pub(super) fn new(settings: HpaSettings) -> Self {
        Self {
            settings,
            recommendations: None,
            events: ScaleEvents::default(),
        }
    }

    /// One look at the HPA. `read` asks the scaler.
    pub(super) fn sync(
        &mut self,
        object: &ScaledObject,
        now: Timestamp,
        workload: Workload,
        read: impl FnOnce() -> Result<Reading, ScalerError>,
    ) -> Option<Change> {
        let current = workload.wanted;
        let first_sight = Recommendation {
            at: now,
            replicas: current,
        };
        // H:horizontal.go:751,832
        self.recommendations
            .get_or_insert_with(|| vec![first_sight]);
        let change = self.decide(object, now, workload, read)?;
        if object.behavior.is_some() {
            // H:horizontal.go:1155-1200
            self.events.record(now, current, change.replicas);
        }
        Some(change)
    }

    /// H:horizontal.go:863-890
    fn decide(
        &mut self,
        object: &ScaledObject,
        now: Timestamp,
        workload: Workload,
        read: impl FnOnce() -> Result<Reading, ScalerError>,
    ) -> Option<Change> {
        let (current, bounds) = (workload.wanted, Bounds::of(object));
        let (replicas, cause) = match current {
            // ScalingDisabled: leaving 0 is KEDA's.
            0 => return None,
            above if above > bounds.max => (bounds.max, Cause::AboveMaximum),
            below if below < bounds.min => (bounds.min, Cause::BelowMinimum),
            _ => {
                // A metric that cannot be read changes nothing.
                let value = read().ok()?.value;
                let proposed = proposal::replicas(object, self.settings.tolerance, workload, value);
                let replicas = match &object.behavior {
                    None => self.normalise(now, current, proposed, bounds),
                    Some(behavior) => self.normalise_by(behavior, now, current, proposed, bounds),
                };
                (replicas, Cause::Metric)
            }
        };
        (replicas != current).then_some(Change { replicas, cause })
    }

    /// Without `behavior`: the largest recommendation of the window, which may be above what is there;
    /// at most twice as many, or 4. H:horizontal.go:1032-1056,1320-1358
    fn normalise(&mut self, now: Timestamp, current: u32, proposed: u32, bounds: Bounds) -> u32 {
        let window = self.settings.downscale_stabilisation;
        let stabilised = self
            .recommended()
            .filter(|made| now <= made.at.after(window))
            .map(|made| made.replicas)
            .fold(proposed, u32::max);
        self.remember(now, proposed, window);
        let limit = bounds.max.min(current.saturating_mul(2).max(4));
        stabilised.min(limit).max(bounds.min)
    }

    /// With `behavior`. H:horizontal.go:1206-1318
    fn normalise_by(
        &mut self,
        behavior: &Behavior,
        now: Timestamp,
        current: u32,
        proposed: u32,
        bounds: Bounds,
    ) -> u32 {
        let (up, down) = (&behavior.scale_up, &behavior.scale_down);
        let within = |window: Duration| {
            self.recommended()
                .filter(move |made| now < made.at.after(window))
                .map(|made| made.replicas)
        };
        let at_least = within(up.window).fold(proposed, u32::min);
        let at_most = within(down.window).fold(proposed, u32::max);
        self.remember(now, proposed, up.window.max(down.window));
        // Not `clamp`: a longer window for more than for fewer makes `at_least` the larger one.
        let stabilised = current.max(at_least).min(at_most);
        self.events
            .limit(behavior, now, current, stabilised, bounds)
    }

    fn recommended(&self) -> impl Iterator<Item = &Recommendation> {
        self.recommendations.iter().flatten()
    }

    /// Adds a recommendation and forgets those that no window reaches any more.
    fn remember(&mut self, now: Timestamp, replicas: u32, window: Duration) {
        let made = self.recommendations.get_or_insert_default();
        made.retain(|made| now <= made.at.after(window));
        made.push(Recommendation { at: now, replicas });
    }
}
