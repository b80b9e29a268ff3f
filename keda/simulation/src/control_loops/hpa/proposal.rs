//! From a metric's value to replicas.

use super::super::{
    autoscaler::Workload,
    scaled_object::{MetricType, ScaledObject},
    trigger::in_thousandths,
};

/// The replicas that the metric asks for, unbounded.
pub(super) fn replicas(
    object: &ScaledObject,
    tolerance: f64,
    workload: Workload,
    value: f64,
) -> u32 {
    let tolerances = Tolerances::of(object, tolerance);
    let (usage, target) = (in_thousandths(value), in_thousandths(object.target));
    match object.metric_type {
        // H:replica_calculator.go:382-420. It counts pods that exist, ready or not.
        MetricType::AverageValue => {
            // Without pods the ratio is infinite, or no number where nothing is used: never within.
            let ratio = usage / (target * f64::from(workload.existing));
            if tolerances.cover(ratio) {
                workload.existing
            } else {
                round_up(usage / target)
            }
        }
        // H:replica_calculator.go:282-306,354-377
        MetricType::Value => {
            let ratio = usage / target;
            if tolerances.cover(ratio) {
                workload.wanted
            } else {
                round_up(ratio * f64::from(workload.ready))
            }
        }
    }
}

struct Tolerances {
    up: f64,
    down: f64,
}

impl Tolerances {
    /// Each direction may have its own (beta, on since 1.35). H:horizontal.go:1514-1527
    fn of(object: &ScaledObject, default: f64) -> Self {
        let behavior = object.behavior.as_ref();
        Self {
            up: behavior
                .and_then(|set| set.scale_up.tolerance)
                .unwrap_or(default),
            down: behavior
                .and_then(|set| set.scale_down.tolerance)
                .unwrap_or(default),
        }
    }

    /// `H:replica_calculator.go:56`
    fn cover(&self, ratio: f64) -> bool {
        (1.0 - self.down..=1.0 + self.up).contains(&ratio)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value is whole"
)]
fn round_up(replicas: f64) -> u32 {
    replicas.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(existing: u32, value: f64) -> u32 {
        let workload = Workload {
            wanted: existing,
            existing,
            ready: existing,
        };
        replicas(&ScaledObject::default(), 0.1, workload, value)
    }

    #[test]
    fn a_tenth_more_is_within_the_tolerance() {
        assert_eq!(proposed(10, 11.0), 10);
        assert_eq!(proposed(10, 11.1), 12);
        assert_eq!(proposed(10, 9.0), 10);
        assert_eq!(proposed(10, 8.9), 9);
    }

    #[test]
    fn without_pods_the_value_counts() {
        assert_eq!(proposed(0, 3.0), 3);
        assert_eq!(proposed(0, 0.0), 0);
    }
}
