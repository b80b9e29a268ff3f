//! Target beside actual, for whoever pays.

use opentelemetry::{KeyValue, global, metrics::Gauge};
use voicefleet_core::{
    Clock, Tier,
    scaling::{PoolSurvey, Survey},
    time::SystemClock,
};

/// The instruments.
pub(crate) struct Meters {
    demand: Gauge<u64>,
    wanted: Gauge<u64>,
    in_flight: Gauge<u64>,
    waiting: Gauge<u64>,
    backlog: Gauge<f64>,
    oldest: Gauge<f64>,
    share: Gauge<f64>,
    target: Gauge<f64>,
    actual: Gauge<f64>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let meter = global::meter("voicefleet");
        let count = |name: &'static str, about: &'static str| {
            meter.u64_gauge(name).with_description(about).build()
        };
        let number = |name: &'static str, about: &'static str| {
            meter.f64_gauge(name).with_description(about).build()
        };
        Self {
            demand: count(
                "voicefleet_pool_demand_workers",
                "Workers that the pool's own work asks for.",
            ),
            wanted: count(
                "voicefleet_pool_workers_wanted",
                "Workers that the pool should have, within the split.",
            ),
            in_flight: count("voicefleet_pool_in_flight_jobs", "Jobs with a worker."),
            waiting: count(
                "voicefleet_pool_waiting_jobs",
                "Jobs that wait for a worker.",
            ),
            backlog: number(
                "voicefleet_pool_backlog_seconds",
                "Compute-seconds of the jobs that wait or run, by tier.",
            ),
            oldest: number(
                "voicefleet_queue_oldest_job_seconds",
                "Age of the oldest job that waits or runs, by tier.",
            ),
            share: number(
                "voicefleet_split_share_ratio",
                "The pool's share of the compute as it was set.",
            ),
            target: number(
                "voicefleet_split_target_ratio",
                "The pool's part of the compute as it is to be now: idle pools lend theirs.",
            ),
            actual: number(
                "voicefleet_split_actual_ratio",
                "The pool's part of the compute of the last five minutes.",
            ),
        }
    }

    pub(crate) fn record(&self, survey: &Survey) {
        for pool in &survey.pools {
            self.record_pool(pool);
        }
    }

    fn record_pool(&self, pool: &PoolSurvey) {
        let plan = &pool.plan;
        let name = KeyValue::new("pool", plan.engine.as_str().to_owned());
        let label = std::slice::from_ref(&name);
        self.demand.record(u64::from(plan.demand.workers), label);
        self.wanted.record(u64::from(plan.workers), label);
        self.in_flight.record(plan.demand.in_flight, label);
        self.waiting.record(plan.demand.waiting, label);
        self.share.record(f64::from(plan.share) / 100.0, label);
        self.target.record(plan.target_ratio, label);
        self.actual.record(pool.actual_ratio.unwrap_or(0.0), label);
        let now = SystemClock.now();
        for tier in Tier::ALL {
            let labels = [name.clone(), KeyValue::new("tier", tier.name())];
            let backlog = plan.demand.backlog_seconds[tier.rank()];
            self.backlog.record(backlog, &labels);
            let oldest = pool
                .gauge
                .tiers
                .get(tier.rank())
                .and_then(|tier| tier.oldest);
            let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            self.oldest.record(age, &labels);
        }
    }
}
