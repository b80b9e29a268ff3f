//! Pools as they are shipped, and the same jobs under other ways to scale.

use std::time::Duration;

use voicefleet_core::{EngineId, Tier};

use crate::{
    control_loops::{Behavior, ScalingPolicy, ScalingRules, Select, Step},
    report::{PoolReport, Report},
    scenario::{Pool, Scaling, Scenario, ScenarioError},
    simulator::simulate,
};

/// Piper on CPU, Kokoro and Whisper on GPU, scaled by work: more at once, fewer by and by. Start-up is
/// that of a node that is there and has the image: a process and its model.
pub fn shipped_pools() -> Vec<Pool> {
    let cpu = |scale_up| Behavior {
        scale_up,
        scale_down: rules(120, Step::Percent(50), 60),
    };
    let gpu = |scale_up| Behavior {
        scale_up,
        scale_down: rules(300, Step::Pods(1), 60),
    };
    let at_once = |max| ScalingRules {
        tolerance: Some(0.0),
        ..rules(0, Step::Pods(max), 15)
    };
    let pool = |engine, max, start_up, behavior| Pool {
        engine: EngineId::new(engine),
        slots: 2,
        start_up: Duration::from_secs(start_up),
        grace: Duration::from_mins(10),
        deletion_cost: true,
        min: 0,
        max,
        idle: None,
        cooldown: Duration::from_mins(10),
        behavior: Some(behavior),
        scaling: Scaling::Work {
            polling_interval: Duration::from_secs(5),
        },
    };
    vec![
        Pool {
            grace: Duration::from_secs(90),
            cooldown: Duration::from_mins(2),
            ..pool("piper", 20, 3, cpu(at_once(20)))
        },
        pool("kokoro", 20, 20, gpu(at_once(20))),
        pool("whisper", 40, 20, gpu(at_once(40))),
    ]
}

/// KEDA's `rabbitmq` trigger with its defaults: polled every 30 s, no `behavior`, five minutes of
/// cooldown, and as many messages for each worker as its slots clear in the drain time of the pool's
/// most urgent tier, at the mean cost of its jobs.
///
/// # Errors
/// As [`Scenario::new`].
pub fn by_messages(scenario: &Scenario) -> Result<Scenario, ScenarioError> {
    scenario.with_pools(|pool| {
        pool.behavior = None;
        pool.cooldown = Duration::from_mins(5);
        pool.scaling = Scaling::Messages {
            per_worker: cleared_in_time(scenario, pool),
            polling_interval: Duration::from_secs(30),
        };
    })
}

/// So many workers from beginning to end.
///
/// # Errors
/// As [`Scenario::new`].
pub fn fixed(
    scenario: &Scenario,
    mut workers: impl FnMut(&Pool) -> u32,
) -> Result<Scenario, ScenarioError> {
    scenario.with_pools(|pool| {
        pool.scaling = Scaling::Fixed {
            workers: workers(pool),
        };
    })
}

/// The fewest fixed workers, up to each pool's `max`, with which the most urgent tier of every pool waits
/// no longer than in `report`, 95 of 100 times.
///
/// # Errors
/// As [`Scenario::new`].
pub fn fixed_as_fast_as(scenario: &Scenario, report: &Report) -> Result<Scenario, ScenarioError> {
    let mut enough: Vec<u32> = scenario.pools().iter().map(|_| 1).collect();
    loop {
        let mut counts = enough.iter().copied();
        let tried = fixed(scenario, |_| counts.next().unwrap_or(1))?;
        let played = simulate(&tried);
        let mut slow = false;
        let pools = scenario.pools().iter().zip(&report.pools);
        for (((pool, wanted), got), workers) in pools.zip(&played.pools).zip(&mut enough) {
            if urgent_p95(got) > urgent_p95(wanted) && *workers < pool.max {
                *workers += 1;
                slow = true;
            }
        }
        if !slow {
            return Ok(tried);
        }
    }
}

/// 0 for a pool without jobs.
fn urgent_p95(pool: &PoolReport) -> f64 {
    let most_urgent = pool.figures.waits.first();
    most_urgent.map_or(0.0, |waits| waits.p95_seconds)
}

fn cleared_in_time(scenario: &Scenario, pool: &Pool) -> f64 {
    let jobs = || {
        let arrivals = scenario.trace().arrivals().iter();
        arrivals.filter(|job| job.engine == pool.engine)
    };
    let most_urgent = jobs().map(|job| job.tier).min().unwrap_or(Tier::Realtime);
    let costs = || {
        let jobs = jobs().filter(|job| job.tier == most_urgent);
        jobs.map(|job| job.cost.as_secs_f64())
    };
    let (jobs, cost) = costs().fold((0.0, 0.0), |(jobs, sum), cost| (jobs + 1.0, sum + cost));
    let drain = scenario.drain().0[most_urgent.rank()].as_secs_f64();
    let cleared = f64::from(pool.slots) * drain * jobs / cost;
    // Nothing to go by, or jobs that take longer than the drain time.
    if cleared.is_finite() {
        cleared.max(1.0)
    } else {
        1.0
    }
}

fn rules(window: u64, step: Step, period: u64) -> ScalingRules {
    ScalingRules {
        window: Duration::from_secs(window),
        select: Select::Max,
        policies: vec![ScalingPolicy {
            step,
            period: Duration::from_secs(period),
        }],
        tolerance: None,
    }
}
