//! What surprises whoever meets these loops, one test each.

use std::time::Duration;

use voicefleet_simulation::control_loops::{
    Behavior, Cause, Fallback, FallbackBehavior, MetricType, Reading, ScaledObject, ScalerError,
    World, WorldSettings,
};

type Answer = Result<Reading, ScalerError>;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn script(steps: &[(u64, f64)]) -> Vec<(Duration, Answer)> {
    let answer = |(since, value): &(u64, f64)| (s(*since), Ok(Reading::of(*value)));
    steps.iter().map(answer).collect()
}

fn object() -> ScaledObject {
    ScaledObject {
        max: 20,
        polling_interval: s(5),
        cooldown: s(60),
        ..ScaledObject::default()
    }
}

fn with_behavior() -> ScaledObject {
    ScaledObject {
        behavior: Some(Behavior::default()),
        ..object()
    }
}

/// The changes as (seconds, replicas after).
fn changes(object: ScaledObject, steps: &[(u64, f64)], until: u64) -> Vec<(u64, u32)> {
    made(&mut world(object, script(steps)), until)
}

fn world(object: ScaledObject, script: Vec<(Duration, Answer)>) -> World {
    World::new(object, script, WorldSettings::default())
}

fn made(world: &mut World, until: u64) -> Vec<(u64, u32)> {
    let changes = world.run_until(s(until)).iter();
    changes.map(|made| (made.at.as_secs(), made.to)).collect()
}

const BURST: &[(u64, f64)] = &[(7, 10.0), (100, 0.0)];

#[test]
fn a_without_behavior_a_burst_grows_by_doubling_from_four() {
    assert_eq!(
        changes(object(), BURST, 155),
        [(10, 1), (15, 4), (30, 8), (45, 10)]
    );
}

#[test]
fn b_with_the_default_behavior_a_burst_grows_by_four_or_double() {
    assert_eq!(
        changes(with_behavior(), BURST, 155),
        [(10, 1), (15, 5), (30, 10)]
    );
}

#[test]
fn c_a_push_wakes_at_once() {
    let slow = ScaledObject {
        polling_interval: s(30),
        ..object()
    };
    let mut pushed = world(slow.clone(), script(BURST)).with_push(s(7));
    assert_eq!(made(&mut pushed, 20), [(7, 1), (15, 4)]);
    assert_eq!(changes(slow, BURST, 30).first(), Some(&(30, 1)));
}

#[test]
fn d_without_behavior_old_recommendations_come_back() {
    let quick = ScaledObject {
        cooldown: s(30),
        ..object()
    };
    let again = &[(7, 10.0), (60, 0.0), (150, 1.0)];
    let after = |object| {
        let all = changes(object, again, 300).into_iter();
        all.filter(|(at, _)| *at >= 85).collect::<Vec<_>>()
    };
    assert_eq!(
        after(quick.clone()),
        [(90, 0), (150, 1), (165, 4), (180, 8), (195, 10)]
    );
    let cured = ScaledObject {
        behavior: Some(Behavior::default()),
        ..quick
    };
    assert_eq!(after(cured), [(90, 0), (150, 1)], "E: with behavior");
}

#[test]
fn f_a_tenth_more_is_ignored_unless_the_tolerance_is_zero() {
    let eleven = &[(0, 10.0), (90, 11.0)];
    let last = |object| changes(object, eleven, 200).last().copied();
    assert_eq!(last(with_behavior()), Some((15, 10)));
    let mut strict = with_behavior();
    if let Some(behavior) = &mut strict.behavior {
        behavior.scale_up.tolerance = Some(0.0);
    }
    assert_eq!(last(strict), Some((90, 11)));
}

#[test]
fn g_a_value_metric_waits_for_the_first_ready_pod() {
    let changes = |metric_type| {
        let object = ScaledObject {
            metric_type,
            ..object()
        };
        let settings = WorldSettings {
            start_up: s(40),
            ..WorldSettings::default()
        };
        made(&mut World::new(object, script(&[(0, 10.0)]), settings), 80)
    };
    assert_eq!(
        changes(MetricType::Value),
        [(0, 1), (45, 4), (60, 8), (75, 10)]
    );
    assert_eq!(
        changes(MetricType::AverageValue),
        [(0, 1), (0, 4), (15, 8), (30, 10)]
    );
}

#[test]
fn the_last_replicas_go_in_one_step_after_the_cooldown() {
    let mut world = world(with_behavior(), script(BURST));
    let last = world.run_until(s(700)).last().copied().expect("a change");
    assert_eq!((last.from, last.to), (10, 0));
    assert_eq!(last.cause, Cause::Deactivation);
    assert_eq!(
        last.at,
        s(160),
        "strictly more than 60 s after the poll at 95"
    );
}

#[test]
fn who_is_active_now_and_then_is_never_let_go() {
    let flapping: Vec<_> = (0..20)
        .flat_map(|n| [(n * 50, 1.0), (n * 50 + 6, 0.0)])
        .collect();
    assert_eq!(changes(object(), &flapping, 1_000), [(0, 1)]);
}

fn failing(fallback: Option<Fallback>) -> Vec<(u64, u32)> {
    let script = vec![
        (s(0), Ok(Reading::of(4.0))),
        (s(60), Err(ScalerError)),
        (s(300), Ok(Reading::of(0.0))),
    ];
    let object = ScaledObject {
        fallback,
        ..with_behavior()
    };
    made(&mut world(object, script), 320)
}

/// And when the scaler is back, the cooldown is long over: errors have not refreshed it.
#[test]
fn an_error_freezes_and_the_first_good_answer_lets_go() {
    assert_eq!(failing(None), [(0, 1), (0, 4), (300, 0)]);
}

#[test]
fn a_fallback_holds_its_replicas_and_counts_as_active() {
    let fallback = |replicas, behavior| {
        failing(Some(Fallback {
            failure_threshold: 3,
            replicas,
            behavior,
        }))
    };
    let held = [(0, 1), (0, 4)];
    assert_eq!(fallback(2, FallbackBehavior::CurrentReplicasIfHigher), held);
    assert_eq!(fallback(6, FallbackBehavior::CurrentReplicas), held);
    assert_eq!(
        fallback(6, FallbackBehavior::Static),
        [(0, 1), (0, 4), (75, 6)]
    );
}

#[test]
fn both_loops_count_the_failures() {
    let to_six = Fallback {
        failure_threshold: 6,
        replicas: 6,
        behavior: FallbackBehavior::Static,
    };
    // Polls at 60, 65, 70, 75, 80, syncs at 60 and 75: the seventh failure is the poll at 80, and the
    // sync at 90 is the first to see the fallback.
    assert_eq!(failing(Some(to_six)), [(0, 1), (0, 4), (90, 6)]);
}

#[test]
fn fewer_replicas_wait_for_the_window_and_more_do_not() {
    let dip = &[(0, 10.0), (60, 2.0), (600, 12.0)];
    assert_eq!(
        changes(with_behavior(), dip, 620),
        // The last 10 was recommended at 45; its 300 s are over at the sync at 345.
        [(0, 1), (0, 5), (15, 10), (345, 2), (600, 6), (615, 12)]
    );
}

#[test]
fn from_idle_the_minimum_is_one_step_away() {
    let idles = ScaledObject {
        idle: Some(0),
        min: 4,
        polling_interval: s(30),
        ..with_behavior()
    };
    let mut world = world(idles, script(&[(7, 1.0), (40, 0.0)])).with_push(s(7));
    assert_eq!(made(&mut world, 200), [(7, 4), (120, 0)]);
}

#[test]
fn a_minimum_holds_while_nothing_is_to_do() {
    let held = ScaledObject {
        min: 2,
        ..with_behavior()
    };
    assert_eq!(changes(held, &[(0, 0.0)], 600), [(0, 2)]);
}

#[test]
fn what_is_set_by_hand_above_the_maximum_is_cut() {
    let mut world = world(with_behavior(), script(&[(0, 5.0)])).with_replicas_set(s(50), 30);
    assert_eq!(made(&mut world, 60).last(), Some(&(60, 20)));
}
