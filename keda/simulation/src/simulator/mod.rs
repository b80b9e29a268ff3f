//! Plays a scenario. Pools do not touch each other, so each is played alone.

mod fleet;
mod ledger;
mod pool_run;
mod waiting;

use crate::{
    demand::{Demand, WorkSeconds},
    report::Report,
    scenario::Scenario,
};
use ledger::Ledger;
use pool_run::PoolRun;

/// Plays a scenario; pools that are scaled by work follow [`WorkSeconds`] with the scenario's drain targets.
pub fn simulate(scenario: &Scenario) -> Report {
    let drain = scenario.drain();
    simulate_by(scenario, &WorkSeconds { drain })
}

/// Plays a scenario; pools that are scaled by work follow this demand.
///
/// Two things are simpler than in the product: a job keeps its slot until it is done, where a real
/// worker lays a less urgent one aside between two chunks; and a killed job begins anew, where a real
/// one goes on after its last chunk. Both make the waits longer than they are.
pub fn simulate_by(scenario: &Scenario, demand: &dyn Demand) -> Report {
    let mut all = Ledger::default();
    let mut pools = Vec::new();
    for pool in scenario.pools() {
        let run = PoolRun::new(scenario, pool, demand).play();
        pools.push(run.report(pool.engine.clone()));
        all.add(run);
    }
    Report {
        pools,
        fleet: all.figures(),
    }
}
