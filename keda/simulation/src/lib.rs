//! What KEDA, the HPA controller and pools of workers do with a trace of jobs, in virtual time.
//!
//! - [`control_loops`]: the two loops that scale a workload in Kubernetes, checked against observed traces.
//! - [`Trace`]: the jobs of a time, read from CSV ([`trace::read_csv`]) or made up ([`trace::Day`]).
//! - [`Scenario`]: a trace, the pools that serve it, and how each pool is scaled.
//! - [`simulate`]: plays a scenario and gives a [`Report`]: waits, worker-seconds, jobs that were killed.
//!
//! The same scenario always gives the same report: there is no clock, no thread and no chance in it.

mod agenda;
pub mod comparison;
pub mod control_loops;
mod demand;
mod report;
mod scenario;
mod simulator;
pub mod trace;

pub use demand::{Demand, DrainTargets, PoolLoad, WorkSeconds};
pub use report::{Figures, PoolReport, ReplicaStep, Report, TierWaits};
pub use scenario::{Pool, Scaling, Scenario, ScenarioError};
pub use simulator::{simulate, simulate_by};
pub use trace::{Arrival, Trace};
