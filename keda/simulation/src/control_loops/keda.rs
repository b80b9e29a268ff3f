//! KEDA's scale loop: from nothing to the first replicas, from any number to none, and never below the minimum.

use voicefleet_core::Timestamp;

use super::{
    autoscaler::{Cause, Change},
    scaled_object::ScaledObject,
};

/// What the triggers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Active,
    Inactive,
    Failed,
}

/// What the loop remembers of one `ScaledObject`.
#[derive(Clone, Debug)]
pub(super) struct ScaleLoop {
    created: Timestamp,
    last_active: Option<Timestamp>,
}

impl ScaleLoop {
    pub(super) fn new(created: Timestamp) -> Self {
        Self {
            created,
            last_active: None,
        }
    }

    /// The executor's decision. K:pkg/scaling/executor/scale_scaledobjects.go:37-118
    pub(super) fn request_scale(
        &mut self,
        object: &ScaledObject,
        now: Timestamp,
        replicas: u32,
        activity: Activity,
    ) -> Option<Change> {
        match activity {
            Activity::Active => self.activate(object, now, replicas),
            // An error freezes, also with a fallback, unless that is to zero. :86,:93-97
            Activity::Failed if object.fallback.is_none_or(|to| to.replicas != 0) => None,
            Activity::Failed | Activity::Inactive => self.rest(object, now, replicas),
        }
    }

    /// :70-82,:240-286
    fn activate(&mut self, object: &ScaledObject, now: Timestamp, replicas: u32) -> Option<Change> {
        self.last_active = Some(whole_second(now));
        let idles = object.idle.is_some() && replicas < object.min;
        (idles || replicas == 0).then(|| Change {
            replicas: object.min.max(1),
            cause: Cause::Activation,
        })
    }

    /// :98-112
    fn rest(&self, object: &ScaledObject, now: Timestamp, replicas: u32) -> Option<Change> {
        let above_idle = object.idle.is_some_and(|idle| replicas > idle);
        if above_idle || (replicas > 0 && object.min == 0) {
            return self.has_cooled_down(object, now).then(|| Change {
                replicas: object.idle.unwrap_or(object.min),
                cause: Cause::Deactivation,
            });
        }
        (object.idle.is_none() && replicas < object.min).then_some(Change {
            replicas: object.min,
            cause: Cause::BelowMinimum,
        })
    }

    /// Strictly after the period's end. :189-238
    fn has_cooled_down(&self, object: &ScaledObject, now: Timestamp) -> bool {
        match self.last_active {
            Some(last_active) => last_active.after(object.cooldown) < now,
            None => self.created.after(object.initial_cooldown) < now,
        }
    }
}

/// `status.lastActiveTime` is a `metav1.Time`: it is stored with whole seconds.
fn whole_second(now: Timestamp) -> Timestamp {
    Timestamp(now.0.div_euclid(1_000) * 1_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::control_loops::{Fallback, FallbackBehavior};

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    fn object() -> ScaledObject {
        ScaledObject {
            cooldown: Duration::from_mins(1),
            ..ScaledObject::default()
        }
    }

    #[test]
    fn the_cooldown_has_to_be_exceeded_and_begins_with_a_whole_second() {
        let mut scale_loop = ScaleLoop::new(at(0));
        let started = Timestamp(10_999);
        scale_loop.request_scale(&object(), started, 0, Activity::Active);
        let mut rest = |now| scale_loop.request_scale(&object(), now, 3, Activity::Inactive);
        assert_eq!(rest(at(70)), None);
        assert_eq!(rest(Timestamp(70_001)).map(|to| to.replicas), Some(0));
    }

    #[test]
    fn who_was_never_active_goes_after_the_initial_cooldown() {
        let object = ScaledObject {
            initial_cooldown: Duration::from_secs(20),
            ..object()
        };
        let mut scale_loop = ScaleLoop::new(at(0));
        let mut rest = |now| scale_loop.request_scale(&object, now, 1, Activity::Inactive);
        assert_eq!(rest(at(20)), None);
        assert_eq!(rest(at(21)).map(|to| to.replicas), Some(0));
    }

    #[test]
    fn an_error_with_a_fallback_to_zero_does_not_freeze() {
        let fallback = |replicas| ScaledObject {
            fallback: Some(Fallback {
                failure_threshold: 3,
                replicas,
                behavior: FallbackBehavior::Static,
            }),
            ..object()
        };
        let mut scale_loop = ScaleLoop::new(at(0));
        let mut fails = |object| scale_loop.request_scale(&object, at(100), 2, Activity::Failed);
        assert_eq!(fails(fallback(1)), None);
        assert_eq!(fails(fallback(0)).map(|to| to.replicas), Some(0));
    }

    #[test]
    fn too_few_replicas_are_raised_to_the_minimum() {
        let object = ScaledObject { min: 3, ..object() };
        let mut scale_loop = ScaleLoop::new(at(0));
        let change = scale_loop.request_scale(&object, at(1), 1, Activity::Inactive);
        assert_eq!(change.map(|to| to.replicas), Some(3));
    }
}
