//! Who is next, and how many workers are wanted.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use voicefleet_core::{
    EngineId, Tier,
    scaling::{Demand, DrainTargets, Hardware, PoolPlan, PoolPolicy, Split, plan},
    tier::TierRota,
};

/// Turns given out while all tiers wait.
const TURNS: usize = 1_000;

#[library_benchmark]
#[bench::all_wait(setup = TierRota::default)]
fn thousand_turns(mut rota: TierRota) -> Option<Tier> {
    let mut last = None;
    for _ in 0..TURNS {
        last = rota.pick(black_box([true; 3]));
    }
    last
}

#[library_benchmark]
#[bench::contended(setup = contended_fleet)]
fn fleet_plan((pools, split): (Vec<(PoolPolicy, Demand)>, Split)) -> Vec<PoolPlan> {
    plan(black_box(&pools), black_box(&split))
}

/// Three pools that want three times what there is.
fn contended_fleet() -> (Vec<(PoolPolicy, Demand)>, Split) {
    let pools = ["piper", "whisper", "kokoro"].map(|engine| {
        let policy = PoolPolicy {
            engine: EngineId::new(engine),
            hardware: Hardware::Cpu,
            slots: 2,
            max_workers: 100,
        };
        let load = Demand {
            waiting: 10_000,
            backlog_seconds: [100.0, 2_000.0, 40_000.0],
            ..Demand::default()
        };
        (policy, load.with_workers(2, &DrainTargets::default()))
    });
    let mut split = Split::default();
    split.budgets.insert(Hardware::Cpu, 100);
    (pools.to_vec(), split)
}

library_benchmark_group!(name = plans, benchmarks = [thousand_turns, fleet_plan]);
