//! A guard against what got slower: the instructions that the hot parts take, counted by Callgrind.
//!
//! `scripts/guard` runs it, and holds the counts to those in `counts.toml`.

mod api;
mod audio;
mod jobs;
mod planning;
mod text;
mod worker;

use gungraun::{Callgrind, LibraryBenchmarkConfig, main};

use crate::{
    api::requests, audio::sounds, jobs::records, planning::plans, text::texts, worker::workers,
};

/// Without a model of caches, which takes its time and is not looked at.
fn instructions_only() -> LibraryBenchmarkConfig {
    let mut setting = LibraryBenchmarkConfig::default();
    setting
        .tool(Callgrind::with_args(["--cache-sim=no"]))
        .pass_through_envs(["HOME", "XDG_CACHE_HOME", "VOICEFLEET_MODELS"]);
    setting
}

main!(
    config = instructions_only(),
    library_benchmark_groups = [texts, records, plans, sounds, requests, workers]
);
