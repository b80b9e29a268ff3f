//! What a `ScaledObject` says, with KEDA's and Kubernetes' defaults.

use std::time::Duration;

/// The settings of both loops for one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// `minReplicaCount`: below it only `idle` is possible.
    pub min: u32,
    /// `maxReplicaCount`.
    pub max: u32,
    /// `idleReplicaCount`: replicas while nothing is active. KEDA supports 0 only.
    pub idle: Option<u32>,
    /// `pollingInterval`.
    pub polling_interval: Duration,
    /// `cooldownPeriod`: how long nothing has to be active before the last replicas go.
    pub cooldown: Duration,
    /// `initialCooldownPeriod`: the same, counted from creation, while nothing was ever active.
    pub initial_cooldown: Duration,
    /// The metric's target, above 0.
    pub target: f64,
    /// How the metric is compared with its target.
    pub metric_type: MetricType,
    /// The HPA's `behavior`; without it the controller uses older rules.
    pub behavior: Option<Behavior>,
    /// What counts while the scaler fails.
    pub fallback: Option<Fallback>,
}

impl Default for ScaledObject {
    /// KEDA's defaults: `K:apis/keda/v1alpha1/withtriggers_types.go:51`, `scaledobject_types.go` there,
    /// `K:pkg/scaling/executor/scale_executor.go:33-37`.
    fn default() -> Self {
        Self {
            min: 0,
            max: 100,
            idle: None,
            polling_interval: Duration::from_secs(30),
            cooldown: Duration::from_mins(5),
            initial_cooldown: Duration::ZERO,
            target: 1.0,
            metric_type: MetricType::AverageValue,
            behavior: None,
            fallback: None,
        }
    }
}

/// How the HPA compares an external metric with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// Value per existing pod.
    AverageValue,
    /// The value itself; the ratio is applied to the pods that are ready.
    Value,
}

/// The HPA's `behavior`.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// Rules for more replicas.
    pub scale_up: ScalingRules,
    /// Rules for fewer.
    pub scale_down: ScalingRules,
}

impl Default for Behavior {
    /// What Kubernetes fills in where `behavior` is set and its fields are not.
    /// pkg/apis/autoscaling/v2/defaults.go:29-64
    fn default() -> Self {
        let every_15_s = |step| ScalingPolicy {
            step,
            period: Duration::from_secs(15),
        };
        let rules = |window, steps: Vec<Step>| ScalingRules {
            window,
            select: Select::Max,
            policies: steps.into_iter().map(every_15_s).collect(),
            tolerance: None,
        };
        Self {
            scale_up: rules(Duration::ZERO, vec![Step::Pods(4), Step::Percent(100)]),
            scale_down: rules(Duration::from_mins(5), vec![Step::Percent(100)]),
        }
    }
}

/// Rules for one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingRules {
    /// `stabilizationWindowSeconds`: how far back recommendations hold a change off.
    pub window: Duration,
    /// Which policy counts.
    pub select: Select,
    /// The policies; at least one.
    pub policies: Vec<ScalingPolicy>,
    /// How far from its target the metric may be without effect, as a ratio; the controller's where not set.
    pub tolerance: Option<f64>,
}

/// `selectPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The policy that allows the largest change.
    Max,
    /// The policy that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// The largest change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    /// How much.
    pub step: Step,
    /// `periodSeconds`.
    pub period: Duration,
}

/// A change in replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many.
    Pods(u32),
    /// A part of those at the start of the period.
    Percent(u32),
}

/// What counts while the scaler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Failures in a row that are borne; with the next one the fallback counts.
    pub failure_threshold: u32,
    /// Replicas to fall back to.
    pub replicas: u32,
    /// Which replicas count.
    pub behavior: FallbackBehavior,
}

impl Fallback {
    /// The replicas to fall back to from `current`. K:pkg/fallback/fallback.go:243-318
    pub(super) fn replicas_from(&self, current: u32) -> u32 {
        match self.behavior {
            FallbackBehavior::Static => self.replicas,
            FallbackBehavior::CurrentReplicas => current,
            FallbackBehavior::CurrentReplicasIfHigher => self.replicas.max(current),
            FallbackBehavior::CurrentReplicasIfLower => self.replicas.min(current),
        }
    }
}

/// `fallback.behavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackBehavior {
    /// The fallback's replicas.
    Static,
    /// Those that are there.
    CurrentReplicas,
    /// The larger of the two.
    CurrentReplicasIfHigher,
    /// The smaller of the two.
    CurrentReplicasIfLower,
}
