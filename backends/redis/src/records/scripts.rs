//! What the server does in one step.

use std::time::Duration;

use redis::{Script, ScriptInvocation};
use voicefleet_core::{
    EngineId, Job, JobId, Tenant,
    ports::{JobRecord, WorkerPresence},
    scaling::EngineUsage,
};

use super::stored::body_of;
use crate::{
    config::millis,
    error::Unavailable,
    script::{self, script},
};

/// What a change was made from.
#[derive(Clone, Copy)]
pub(super) enum Basis {
    /// The record with this version.
    Version(u64),
    /// The record as it was submitted, to lead, in the tier and by the tenant of the new one.
    AsSubmitted,
}

/// What the script answers: the version that was written, 0 if none was since the record is another one
/// by now; and whether jobs follow this one, which is asked at its end only.
pub(super) type Changed = (u64, bool);

/// The scripts, and what all of them need to know.
pub(super) struct Scripts {
    prefix: String,
    finished_ttl: Duration,
    unfinished_ttl: Duration,
    submit: Script,
    insert: Script,
    change: Script,
    promote: Script,
    unpublished: Script,
    sweep: Script,
    usage: Script,
    tenant: Script,
    worker: Script,
    workers: Script,
}

impl Scripts {
    pub(super) fn new(prefix: String, finished_ttl: Duration, unfinished_ttl: Duration) -> Self {
        Self {
            prefix,
            finished_ttl,
            unfinished_ttl,
            submit: script!("submit.lua"),
            insert: script!("insert.lua"),
            change: script!("change.lua"),
            promote: script!("promote.lua"),
            unpublished: script!("unpublished.lua"),
            sweep: script!("sweep.lua"),
            usage: script!("usage.lua"),
            tenant: script!("tenant.lua"),
            worker: script!("worker.lua"),
            workers: script!("workers.lua"),
        }
    }

    pub(super) fn submit(&self, job: &Job) -> Result<ScriptInvocation<'_>, Unavailable> {
        self.new_record(&self.submit, job)
    }

    pub(super) fn insert(&self, job: &Job) -> Result<ScriptInvocation<'_>, Unavailable> {
        self.new_record(&self.insert, job)
    }

    fn new_record<'a>(
        &self,
        script: &'a Script,
        job: &Job,
    ) -> Result<ScriptInvocation<'a>, Unavailable> {
        let mut call = self.call(script);
        call.arg(job.id.to_string())
            .arg(body_of(&JobRecord::new(job.clone()))?)
            .arg(job.fingerprint.as_str())
            .arg(job.state.name())
            .arg(job.tier.name())
            .arg(job.spec.engine().as_str())
            .arg(millis(
                Duration::try_from_secs_f64(job.cost).unwrap_or_default(),
            ))
            .arg(self.ttl_of(job))
            .arg(job.tenant.as_str());
        Ok(call)
    }

    /// Writes `new` if the record is still the one that it was made from, and counts what was computed.
    /// See [`Changed`] for the answer.
    pub(super) fn change(
        &self,
        new: &JobRecord,
        basis: Basis,
        usage: &EngineUsage,
    ) -> Result<ScriptInvocation<'_>, Unavailable> {
        let job = &new.job;
        let mut call = self.call(&self.change);
        call.arg(job.id.to_string());
        match basis {
            Basis::Version(version) => call.arg(version),
            Basis::AsSubmitted => call.arg("new"),
        };
        call.arg(body_of(new)?)
            .arg(job.state.name())
            .arg(i32::from(job.state.is_terminal()))
            .arg(self.ttl_of(job))
            .arg(job.tier.name())
            .arg(job.tenant.as_str())
            .arg(format!(
                "{}/{}",
                job.progress.chunks_done, job.progress.chunks_total
            ));
        if !usage.is_nothing() {
            for milliseconds in usage.in_milliseconds() {
                call.arg(milliseconds);
            }
            call.arg(usage.finished_jobs);
        }
        Ok(call)
    }

    pub(super) fn promote(&self, old_leader: JobId, heir: JobId) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.promote);
        call.arg(old_leader.to_string())
            .arg(heir.to_string())
            .arg(millis(self.unfinished_ttl));
        call
    }

    pub(super) fn unpublished(&self, age: Duration, limit: usize) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.unpublished);
        call.arg(millis(age)).arg(limit);
        call
    }

    pub(super) fn usage(&self, minutes: u64) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.usage);
        call.arg(minutes);
        call
    }

    pub(super) fn tenant_usage(&self, tenant: &Tenant, days_ago: u32) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.tenant);
        call.arg(tenant.as_str()).arg(days_ago);
        call
    }

    /// Without a `ttl` it has left.
    pub(super) fn worker(
        &self,
        worker: &WorkerPresence,
        ttl: Option<Duration>,
    ) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.worker);
        call.arg(worker.engine.as_str())
            .arg(format!("{}:{}", worker.id, worker.slots))
            .arg(ttl.map_or(0, millis));
        call
    }

    pub(super) fn workers(&self, engine: &EngineId) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.workers);
        call.arg(engine.as_str());
        call
    }

    pub(super) fn sweep(&self, count: u64) -> ScriptInvocation<'_> {
        let mut call = self.call(&self.sweep);
        call.arg(count);
        call
    }

    fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        script::call(script, &self.prefix)
    }

    fn ttl_of(&self, job: &Job) -> u64 {
        millis(if job.state.is_terminal() {
            self.finished_ttl
        } else {
            self.unfinished_ttl
        })
    }
}
