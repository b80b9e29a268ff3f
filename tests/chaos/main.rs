//! What is left of a cluster when its parts are killed under load: long, seeded, and with figures.
//! `make chaos` runs it; `VOICEFLEET_SEED` sets another seed.

#![expect(
    clippy::print_stdout,
    reason = "their figures are what these tests are run for"
)]

mod flood;
mod held_open;
mod killed_api;
mod killed_fleet;
mod killed_workers;
mod ledger;
mod load;
mod recordings;
mod scaled_in;
mod single_flight;
mod tenants;

/// The Piper voice of the tests.
const JOE: &str = "en_US-joe-medium";

/// The seed of everything that is left to chance; printed, so that a run can be repeated.
fn seed() -> u64 {
    let given = std::env::var("VOICEFLEET_SEED").ok();
    let seed = given
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_121);
    println!("VOICEFLEET_SEED={seed}");
    seed
}

/// The quantile of `values`, which are in any order.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below the number of values"
    )]
    let index = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}
