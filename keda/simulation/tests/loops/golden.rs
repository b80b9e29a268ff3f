//! Every observed trace is reproduced: the same changes, at nearly the same moments.

use std::time::Duration;

use serde::Deserialize;
use voicefleet_core::Timestamp;
use voicefleet_simulation::control_loops::{
    Behavior, Fallback, FallbackBehavior, MetricType, Reading, ReplicaChange, ScaledObject,
    ScalerError, ScalingPolicy, ScalingRules, Select, Step, World, WorldSettings,
};

/// How far a change may be off. Both real loops drift by some hundredths of a second each time, and a
/// watch sees a change a little after it was made.
const TOLERANCE: Duration = Duration::from_millis(500);

/// All traces were observed for about this long.
const OBSERVED: Duration = Duration::from_secs(200);

#[derive(Deserialize)]
struct Golden {
    clock_fraction: f64,
    traces: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    name: String,
    object: Object,
    behavior: Option<BehaviorSpec>,
    first_poll: Option<f64>,
    first_sync: f64,
    start_up: f64,
    metric: Vec<(f64, Option<f64>)>,
    #[serde(default)]
    by_hand: Vec<(f64, u32)>,
    steps: Vec<(f64, u32, u32)>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    poll: f64,
    #[serde(default)]
    cooldown: f64,
    max: u32,
    target: f64,
    #[serde(default)]
    metric_type: Option<String>,
    fallback: Option<(u32, u32)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BehaviorSpec {
    Default(String),
    Rules { scale_up: Rules, scale_down: Rules },
}

#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    window: f64,
    tolerance: Option<f64>,
    policies: Vec<(String, u32, f64)>,
}

#[test]
fn observed_traces_are_reproduced() {
    let golden: Golden =
        serde_json::from_str(include_str!("../golden_traces.json")).expect("the fixture");
    let began = Timestamp(
        seconds(golden.clock_fraction)
            .as_millis()
            .try_into()
            .unwrap(),
    );
    let errors: Vec<Duration> = golden
        .traces
        .iter()
        .flat_map(|trace| time_errors(trace, began))
        .collect();
    let largest = errors.iter().max().expect("changes");
    let summary = format!(
        "{} traces, {} changes, largest time error {largest:?}",
        golden.traces.len(),
        errors.len(),
    );
    assert_eq!((golden.traces.len(), errors.len()), (10, 52), "{summary}");
    assert!(*largest <= TOLERANCE, "{summary}");
    report(&summary);
}

#[expect(clippy::print_stdout, reason = "the figure that this test finds out")]
fn report(summary: &str) {
    println!("{summary}");
}

/// How far off in time each change of the trace is; panics if they are not the same changes.
fn time_errors(trace: &Trace, began: Timestamp) -> Vec<Duration> {
    let changes = replay(trace, began);
    let modelled: Vec<_> = changes.iter().map(|made| (made.from, made.to)).collect();
    let observed: Vec<_> = trace
        .steps
        .iter()
        .map(|(_, from, to)| (*from, *to))
        .collect();
    assert_eq!(modelled, observed, "{}: {changes:?}", trace.name);
    let pairs = changes.iter().zip(&trace.steps);
    pairs
        .map(|(made, (at, ..))| made.at.abs_diff(seconds(*at)))
        .collect()
}

fn replay(trace: &Trace, began: Timestamp) -> Vec<ReplicaChange> {
    let settings = WorldSettings {
        began,
        first_poll: trace.first_poll.map(seconds),
        first_sync: seconds(trace.first_sync),
        start_up: seconds(trace.start_up),
        ..WorldSettings::default()
    };
    let answer = |value: &Option<f64>| value.map(Reading::of).ok_or(ScalerError);
    let script = trace
        .metric
        .iter()
        .map(|(since, value)| (seconds(*since), answer(value)))
        .collect();
    let mut world = World::new(object(trace), script, settings);
    for (at, replicas) in &trace.by_hand {
        world = world.with_replicas_set(seconds(*at), *replicas);
    }
    world.run_until(OBSERVED).to_vec()
}

fn object(trace: &Trace) -> ScaledObject {
    let given = &trace.object;
    ScaledObject {
        max: given.max,
        polling_interval: seconds(given.poll),
        cooldown: seconds(given.cooldown),
        target: given.target,
        metric_type: match given.metric_type.as_deref() {
            None => MetricType::AverageValue,
            Some("Value") => MetricType::Value,
            Some(other) => panic!("metric type {other}"),
        },
        behavior: trace.behavior.as_ref().map(behavior),
        fallback: given
            .fallback
            .map(|(failure_threshold, replicas)| Fallback {
                failure_threshold,
                replicas,
                behavior: FallbackBehavior::CurrentReplicasIfHigher,
            }),
        ..ScaledObject::default()
    }
}

fn behavior(spec: &BehaviorSpec) -> Behavior {
    match spec {
        BehaviorSpec::Default(word) => {
            assert_eq!(word, "default");
            Behavior::default()
        }
        BehaviorSpec::Rules {
            scale_up,
            scale_down,
        } => Behavior {
            scale_up: rules(scale_up),
            scale_down: rules(scale_down),
        },
    }
}

fn rules(rules: &Rules) -> ScalingRules {
    let policy = |(kind, value, period): &(String, u32, f64)| ScalingPolicy {
        step: match kind.as_str() {
            "Pods" => Step::Pods(*value),
            "Percent" => Step::Percent(*value),
            other => panic!("policy {other}"),
        },
        period: seconds(*period),
    };
    ScalingRules {
        window: seconds(rules.window),
        select: Select::Max,
        policies: rules.policies.iter().map(policy).collect(),
        tolerance: rules.tolerance,
    }
}

fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value)
}
