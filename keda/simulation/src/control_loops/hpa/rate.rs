//! How fast replicas may change: the policies of `behavior`.

use std::{cmp::Ordering, time::Duration};

use voicefleet_core::Timestamp;

use super::{
    super::scaled_object::{Behavior, ScalingRules, Select, Step},
    Bounds,
};

/// A change by the HPA.
#[derive(Clone, Copy, Debug)]
struct ScaleEvent {
    at: Timestamp,
    /// Replicas added; negative where they were removed.
    added: f64,
}

/// The HPA's changes of late.
#[derive(Clone, Debug, Default)]
pub(super) struct ScaleEvents(Vec<ScaleEvent>);

/// Kubernetes allows no longer `periodSeconds`. pkg/apis/autoscaling/validation/validation.go
const LONGEST_PERIOD: Duration = Duration::from_mins(30);

impl ScaleEvents {
    pub(super) fn record(&mut self, now: Timestamp, from: u32, to: u32) {
        self.0.retain(|event| now < event.at.after(LONGEST_PERIOD));
        self.0.push(ScaleEvent {
            at: now,
            added: f64::from(to) - f64::from(from),
        });
    }

    /// The step from `current` towards `desired` that bounds and policies allow. H:horizontal.go:1266-1318
    pub(super) fn limit(
        &self,
        behavior: &Behavior,
        now: Timestamp,
        current: u32,
        desired: u32,
        bounds: Bounds,
    ) -> u32 {
        match desired.cmp(&current) {
            Ordering::Greater => {
                let most = self.most(&behavior.scale_up, now, current);
                desired.min(most).min(bounds.max)
            }
            Ordering::Less => {
                let least = self.least(&behavior.scale_down, now, current);
                desired.max(least).max(bounds.min)
            }
            Ordering::Equal => desired,
        }
    }

    /// H:horizontal.go:1383-1410
    fn most(&self, rules: &ScalingRules, now: Timestamp, current: u32) -> u32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.replicas_before(now, current, policy.period);
            match policy.step {
                Step::Pods(pods) => start + f64::from(pods),
                Step::Percent(percent) => (start * (1.0 + f64::from(percent) / 100.0)).ceil(),
            }
        });
        let limit = match rules.select {
            Select::Max => limits.reduce(f64::max),
            Select::Min => limits.reduce(f64::min),
            Select::Disabled => None,
        };
        limit.map_or(current, |limit| saturating(limit).max(current))
    }

    /// H:horizontal.go:1412-1437
    fn least(&self, rules: &ScalingRules, now: Timestamp, current: u32) -> u32 {
        let limits = rules.policies.iter().map(|policy| {
            let start = self.replicas_before(now, current, policy.period);
            match policy.step {
                Step::Pods(pods) => start - f64::from(pods),
                Step::Percent(percent) => (start * (1.0 - f64::from(percent) / 100.0)).trunc(),
            }
        });
        let limit = match rules.select {
            Select::Max => limits.reduce(f64::min),
            Select::Min => limits.reduce(f64::max),
            Select::Disabled => None,
        };
        limit.map_or(current, |limit| saturating(limit).min(current))
    }

    /// How many there were at the start of the period.
    fn replicas_before(&self, now: Timestamp, current: u32, period: Duration) -> f64 {
        let lately = self.0.iter().filter(|event| now < event.at.after(period));
        f64::from(current) - lately.map(|event| event.added).sum::<f64>()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value is whole"
)]
fn saturating(replicas: f64) -> u32 {
    replicas as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_loops::ScalingPolicy;

    fn rules(select: Select, steps: &[Step]) -> ScalingRules {
        let policy = |step: &Step| ScalingPolicy {
            step: *step,
            period: Duration::from_secs(15),
        };
        ScalingRules {
            window: Duration::ZERO,
            select,
            policies: steps.iter().map(policy).collect(),
            tolerance: None,
        }
    }

    fn steps(select: Select, desired: u32) -> u32 {
        let steps = [Step::Pods(3), Step::Percent(50)];
        let behavior = Behavior {
            scale_up: rules(select, &steps),
            scale_down: rules(select, &steps),
        };
        let bounds = Bounds { min: 1, max: 100 };
        ScaleEvents::default().limit(&behavior, Timestamp(0), 11, desired, bounds)
    }

    #[test]
    fn the_selected_policy_bounds_the_step() {
        assert_eq!(steps(Select::Max, 100), 17);
        assert_eq!(steps(Select::Min, 100), 14);
        assert_eq!(steps(Select::Disabled, 100), 11);
        assert_eq!(steps(Select::Max, 0), 5);
        assert_eq!(steps(Select::Min, 0), 8);
        assert_eq!(steps(Select::Disabled, 0), 11);
    }

    /// The controller computes with floating point: 100 * 1.1 is a little more than 110.
    #[test]
    fn a_tenth_more_than_a_hundred_is_111() {
        let behavior = Behavior {
            scale_up: rules(Select::Max, &[Step::Percent(10)]),
            scale_down: rules(Select::Max, &[Step::Percent(90)]),
        };
        let bounds = Bounds { min: 1, max: 1_000 };
        let events = ScaleEvents::default();
        let step =
            |current, desired| events.limit(&behavior, Timestamp(0), current, desired, bounds);
        assert_eq!(step(100, 1_000), 111);
        assert_eq!(step(20, 0), 1);
    }

    #[test]
    fn what_was_added_within_the_period_counts() {
        let behavior = Behavior {
            scale_up: rules(Select::Max, &[Step::Pods(4)]),
            scale_down: rules(Select::Max, &[Step::Pods(4)]),
        };
        let bounds = Bounds { min: 1, max: 100 };
        let mut events = ScaleEvents::default();
        events.record(Timestamp(0), 1, 4);
        let at = |now| events.limit(&behavior, Timestamp(now), 4, 50, bounds);
        assert_eq!(at(14_999), 5);
        assert_eq!(at(15_000), 8);
    }
}
