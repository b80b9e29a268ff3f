//! What a process takes.

use anyhow::Context;
use voicefleet_benches::process::{cpu_seconds_of, status_of};

/// Memory in KiB, as Linux tells it.
pub(crate) struct Resident {
    /// Of all that is in memory now.
    all: u64,
    /// Of that, what lies in no file: heap, stacks.
    anonymous: u64,
    /// The most that was in memory at a time.
    peak: u64,
    threads: u64,
    cpu_seconds: f64,
}

impl Resident {
    /// Above the lines.
    pub(crate) const HEAD: &str =
        "requests | resident, MiB | at rest | of it anonymous | peak | threads | CPU s";

    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let status = status_of(process)?;
        let of_living = "the process has ended";
        Ok(Self {
            all: status.vmrss.context(of_living)?,
            anonymous: status.rssanon.context(of_living)?,
            peak: status.vmhwm.context(of_living)?,
            threads: status.threads,
            cpu_seconds: cpu_seconds_of(process)?,
        })
    }

    /// After so many requests, and after some seconds without any.
    pub(crate) fn line(&self, requests: usize, at_rest: &Self) -> String {
        let Self { all, .. } = self;
        let Self {
            all: rest,
            anonymous,
            peak,
            threads,
            cpu_seconds,
        } = at_rest;
        let [all, rest, anonymous, peak] = [all, rest, anonymous, peak].map(|kib| kib / 1024);
        format!(
            "{requests:8} | {all:13} | {rest:7} | {anonymous:15} | {peak:4} | {threads:7} | {cpu_seconds:5.0}"
        )
    }
}
