//! The demands of all pools, fitted into the split.

use serde::{Deserialize, Serialize};

use super::{
    Demand, Hardware, Split,
    fair_shares::{Claimant, divide},
};
use crate::catalog::EngineId;

/// What does not change while the fleet works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPolicy {
    /// The pool.
    pub engine: EngineId,
    /// What its workers run on.
    pub hardware: Hardware,
    /// Jobs at a time in one worker; at least 1.
    pub slots: u32,
    /// Most workers.
    pub max_workers: u32,
}

/// Why a pool gets as many workers as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// It has nothing to do.
    Idle,
    /// It gets all that it wants.
    Demand,
    /// It wants more than its share, and the others use theirs.
    Share,
    /// It wants more than it may ever have.
    Maximum,
}

/// What becomes of one pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPlan {
    /// The pool.
    pub engine: EngineId,
    /// What it wants for itself.
    pub demand: Demand,
    /// Workers that it gets.
    pub workers: u32,
    /// What bounds them.
    pub limit: Limit,
    /// Its share, per cent.
    pub share: u32,
    /// The slots of its workers beside those of all pools, 0 to 1; 0 where no pool gets any.
    pub target_ratio: f64,
}

/// A plan for all pools, in their order.
pub fn plan(pools: &[(PoolPolicy, Demand)], split: &Split) -> Vec<PoolPlan> {
    let mut workers: Vec<u32> = pools.iter().map(claim).collect();
    for (hardware, &budget) in &split.budgets {
        let on_it = |index: &usize| pools[*index].0.hardware == *hardware;
        let members: Vec<usize> = (0..pools.len()).filter(on_it).collect();
        let claimants: Vec<Claimant> = members
            .iter()
            .map(|&index| Claimant {
                wants: workers[index],
                slots: pools[index].0.slots.max(1),
                weight: split.share(&pools[index].0.engine),
            })
            .collect();
        for (index, got) in members.into_iter().zip(divide(&claimants, budget)) {
            workers[index] = got;
        }
    }
    let slots = |(index, workers): (usize, &u32)| {
        f64::from(*workers) * f64::from(pools[index].0.slots.max(1))
    };
    let all: f64 = workers.iter().enumerate().map(slots).sum();
    let plans = pools.iter().zip(workers.iter().enumerate());
    plans
        .map(|((policy, demand), place)| PoolPlan {
            engine: policy.engine.clone(),
            demand: *demand,
            workers: *place.1,
            limit: limit(policy, demand, *place.1),
            share: split.share(&policy.engine),
            target_ratio: if all > 0.0 { slots(place) / all } else { 0.0 },
        })
        .collect()
}

fn claim((policy, demand): &(PoolPolicy, Demand)) -> u32 {
    demand.workers.min(policy.max_workers)
}

fn limit(policy: &PoolPolicy, demand: &Demand, workers: u32) -> Limit {
    if demand.workers == 0 {
        Limit::Idle
    } else if workers >= demand.workers {
        Limit::Demand
    } else if workers >= policy.max_workers {
        Limit::Maximum
    } else {
        Limit::Share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(engine: &str, hardware: Hardware, workers: u32) -> (PoolPolicy, Demand) {
        let policy = PoolPolicy {
            engine: EngineId::new(engine),
            hardware,
            slots: 1,
            max_workers: 500,
        };
        let demand = Demand {
            workers,
            waiting: u64::from(workers),
            ..Demand::default()
        };
        (policy, demand)
    }

    fn budgets(budgets: &[(Hardware, u32)]) -> Split {
        Split {
            budgets: budgets.iter().copied().collect(),
            ..Split::default()
        }
    }

    fn workers(plan: &[PoolPlan]) -> Vec<(u32, Limit)> {
        plan.iter().map(|pool| (pool.workers, pool.limit)).collect()
    }

    #[test]
    fn three_flooded_pools_hold_their_shares() {
        let all = ["piper", "whisper", "kokoro"].map(|name| pool(name, Hardware::Cpu, 1_000));
        let plan = plan(&all, &budgets(&[(Hardware::Cpu, 100)]));
        assert_eq!(
            workers(&plan),
            [(70, Limit::Share), (20, Limit::Share), (10, Limit::Share)]
        );
        assert!((plan[0].target_ratio - 0.7).abs() < 1e-9);
    }

    #[test]
    fn an_idle_pool_lends_its_share() {
        let all = [
            pool("piper", Hardware::Cpu, 0),
            pool("whisper", Hardware::Cpu, 1_000),
            pool("kokoro", Hardware::Cpu, 5),
        ];
        let plan = plan(&all, &budgets(&[(Hardware::Cpu, 60)]));
        assert_eq!(
            workers(&plan),
            [(0, Limit::Idle), (55, Limit::Share), (5, Limit::Demand)]
        );
    }

    #[test]
    fn cores_are_not_lent_to_graphics_cards() {
        let all = [
            pool("piper", Hardware::Cpu, 0),
            pool("whisper", Hardware::Gpu, 9),
            pool("kokoro", Hardware::Gpu, 9),
        ];
        let plan = plan(&all, &budgets(&[(Hardware::Cpu, 99), (Hardware::Gpu, 6)]));
        assert_eq!(
            workers(&plan),
            [(0, Limit::Idle), (4, Limit::Share), (2, Limit::Share)]
        );
    }

    #[test]
    fn without_a_budget_all_get_what_they_want_up_to_their_maximum() {
        let all = [
            pool("piper", Hardware::Cpu, 1_000),
            pool("whisper", Hardware::Gpu, 9),
        ];
        let plan = plan(&all, &Split::default());
        assert_eq!(workers(&plan), [(500, Limit::Maximum), (9, Limit::Demand)]);
    }
}
