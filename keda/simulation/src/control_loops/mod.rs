//! The two loops that scale a workload: KEDA's scale loop (0 to 1, N to 0) and the HPA controller
//! (1 to N and back), as pure functions of what they see and when.
//!
//! Rules carry the place they were read at: `K:` is kedacore/keda 2.20.2, `H:` is
//! `pkg/controller/podautoscaler` of Kubernetes 1.36.2. One trigger per `ScaledObject` is modelled.
//!
//! - [`ScaledObject`]: the settings of both loops.
//! - [`Autoscaler`]: both loops over one workload. Whoever owns the time calls it.
//! - [`World`]: an autoscaler over pods and a scripted metric, to look at the loops alone.

mod autoscaler;
mod hpa;
mod keda;
mod scaled_object;
mod trigger;
mod world;

pub use autoscaler::{Autoscaler, Cause, Change, Workload};
pub use hpa::HpaSettings;
pub use scaled_object::{
    Behavior, Fallback, FallbackBehavior, MetricType, ScaledObject, ScalingPolicy, ScalingRules,
    Select, Step,
};
pub use trigger::{Reading, ScalerError};
pub use world::{ReplicaChange, World, WorldSettings};
