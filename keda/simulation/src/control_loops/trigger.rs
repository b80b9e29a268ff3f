//! What a scaler answers, and what counts while it fails.

use super::scaled_object::ScaledObject;

/// A scaler's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The metric's value.
    pub value: f64,
    /// Whether there is anything to do.
    pub active: bool,
}

impl Reading {
    /// Active exactly when the value is above 0.
    pub fn of(value: f64) -> Self {
        Self {
            value,
            active: value > 0.0,
        }
    }
}

/// The scaler gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scaler gave no answer")]
pub struct ScalerError;

/// Failures in a row. Both loops count into the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(u32);

impl Failures {
    /// The answer, or what the fallback puts in its place. K:pkg/fallback/fallback.go:115-175
    pub(super) fn bridge(
        &mut self,
        answer: Result<Reading, ScalerError>,
        object: &ScaledObject,
        replicas: u32,
    ) -> Result<Reading, ScalerError> {
        if answer.is_ok() {
            self.0 = 0;
            return answer;
        }
        let fallback = object.fallback.ok_or(ScalerError)?;
        self.0 += 1;
        if self.0 <= fallback.failure_threshold {
            return Err(ScalerError);
        }
        // A trigger in fallback is active. K:pkg/scaling/scale_handler.go:1003
        Ok(Reading {
            value: f64::from(fallback.replicas_from(replicas)) * object.target,
            active: true,
        })
    }
}

/// A value as KEDA passes it on: in thousandths; what is no amount is 0. K:pkg/scalers/scaler.go:158-163
pub(super) fn in_thousandths(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 {
        (value * 1000.0).round()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_amount_is_nothing() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert!(in_thousandths(value).abs() < f64::EPSILON);
        }
        assert!((in_thousandths(1.2344) - 1234.0).abs() < f64::EPSILON);
    }
}
