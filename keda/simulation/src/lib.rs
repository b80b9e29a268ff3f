//! What KEDA, the HPA controller and pools of workers do with a day's jobs, in virtual time.

mod agenda;
pub mod control_loops;
