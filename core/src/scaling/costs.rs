//! What finished jobs teach about those that wait.

use std::collections::BTreeMap;

use crate::{
    catalog::EngineId,
    job::{Job, Timings},
    state::JobState,
};

/// What an engine has computed in some stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineUsage {
    /// Compute-seconds spent.
    pub compute_seconds: f64,
    /// What the finished jobs among them had been estimated to cost, compute-seconds.
    pub estimated_seconds: f64,
    /// What those finished jobs really cost, compute-seconds.
    pub finished_seconds: f64,
    /// How many those were.
    pub finished_jobs: u64,
}

impl EngineUsage {
    /// What one change of a job adds: what was computed since its timings were `before`, and, when it
    /// has succeeded by its own work, what it has taught.
    pub fn of_change(before: &Timings, after: &Job) -> Self {
        let compute_seconds = after.timings.compute_ms / 1000.0;
        let mut usage = Self {
            compute_seconds: (compute_seconds - before.compute_ms / 1000.0).max(0.0),
            ..Self::default()
        };
        if after.state == JobState::Succeeded && !after.from_cache && compute_seconds > 0.0 {
            usage.estimated_seconds = after.cost;
            usage.finished_seconds = compute_seconds;
            usage.finished_jobs = 1;
        }
        usage
    }

    /// Whether there is nothing in it.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds `other` to it.
    pub fn add(&mut self, other: &Self) {
        self.compute_seconds += other.compute_seconds;
        self.estimated_seconds += other.estimated_seconds;
        self.finished_seconds += other.finished_seconds;
        self.finished_jobs += other.finished_jobs;
    }

    /// Seconds as whole milliseconds, so that sums stay exact: computed, estimated, finished.
    pub fn in_milliseconds(&self) -> [i64; 3] {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, at 300 million years"
        )]
        let whole = |seconds: f64| (seconds * 1000.0).round() as i64;
        [
            whole(self.compute_seconds),
            whole(self.estimated_seconds),
            whole(self.finished_seconds),
        ]
    }

    /// The reverse of [`in_milliseconds`](Self::in_milliseconds), with the number of finished jobs.
    pub fn from_milliseconds(milliseconds: [i64; 3], finished_jobs: u64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of two hours of a fleet are far below 2^52"
        )]
        let [compute_seconds, estimated_seconds, finished_seconds] =
            milliseconds.map(|milliseconds| milliseconds as f64 / 1000.0);
        Self {
            compute_seconds,
            estimated_seconds,
            finished_seconds,
            finished_jobs,
        }
    }
}

/// Finished jobs that are enough to learn from.
const ENOUGH_JOBS: u64 = 5;

/// No single day makes an engine more than so many times dearer or cheaper than its estimate.
const MOST_CORRECTION: f64 = 10.0;

/// How far off the estimates of each engine are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearntCosts(BTreeMap<EngineId, f64>);

impl LearntCosts {
    /// From what has been computed lately.
    pub fn from_usage<'a>(
        usage: impl IntoIterator<Item = (&'a EngineId, &'a EngineUsage)>,
    ) -> Self {
        let known = usage.into_iter().filter(|(_, usage)| {
            usage.finished_jobs >= ENOUGH_JOBS && usage.estimated_seconds > 0.0
        });
        let ratio = |usage: &EngineUsage| {
            let ratio = usage.finished_seconds / usage.estimated_seconds;
            ratio.clamp(1.0 / MOST_CORRECTION, MOST_CORRECTION)
        };
        Self(
            known
                .map(|(engine, usage)| (engine.clone(), ratio(usage)))
                .collect(),
        )
    }

    /// What a job of `engine` costs beside its estimate; 1 as long as nothing is known.
    pub fn correction(&self, engine: &EngineId) -> f64 {
        self.0.get(engine).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correction(finished_jobs: u64, estimated: f64, finished: f64) -> f64 {
        let engine = EngineId::new("piper");
        let usage = EngineUsage {
            compute_seconds: finished,
            estimated_seconds: estimated,
            finished_seconds: finished,
            finished_jobs,
        };
        LearntCosts::from_usage([(&engine, &usage)]).correction(&engine)
    }

    #[test]
    fn the_ratio_of_what_was_to_what_was_thought() {
        assert!((correction(100, 10.0, 25.0) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_few_jobs_teach_nothing() {
        assert!((correction(4, 10.0, 25.0) - 1.0).abs() < 1e-9);
        assert!((correction(100, 0.0, 25.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn no_lesson_is_boundless() {
        assert!((correction(100, 1.0, 1e9) - 10.0).abs() < 1e-9);
        assert!((correction(100, 1e9, 0.0) - 0.1).abs() < 1e-9);
    }
}
