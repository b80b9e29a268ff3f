//! What a change does to a record: the one implementation that every backend applies.

use serde::{Deserialize, Serialize};

use crate::{
    job::{Job, Timings},
    state::JobState,
    time::Timestamp,
};

use super::{
    claim::{Claim, RunId},
    records::{JobChange, RecordError},
};

/// A job as a backend keeps it: with the moment since which it has been queued, so that the waiting
/// of several attempts adds up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub job: Job,
    /// When it last became `queued`.
    pub queued_at: Timestamp,
    /// Who has it, while it runs.
    #[serde(default)]
    pub holder: Option<Claim>,
}

impl JobRecord {
    /// The record of a job that has just been accepted.
    pub fn new(job: Job) -> Self {
        let queued_at = job.created_at;
        Self {
            job,
            queued_at,
            holder: None,
        }
    }

    /// Applies `change`, in the name of `run` if there is one, or leaves the record as it is.
    ///
    /// `now` is when the record's keeper does it; it dates the moves that carry no time of their own.
    /// A failure is kept until the next attempt begins. `timings.queue_ms` belongs to the record:
    /// the time spent queued is added whenever the job leaves that state, and the value in
    /// [`JobChange::Advance`] and [`JobChange::Succeed`] is not taken over.
    ///
    /// # Errors
    /// [`RecordError::IllegalMove`]; [`RecordError::Superseded`] if the job is in flight but not with `run`.
    pub fn apply(
        &mut self,
        run: Option<RunId>,
        change: JobChange,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        self.check(&change)?;
        self.check_holder(run, &change)?;
        match change {
            JobChange::Start { at, claim } => {
                self.leave(JobState::Running, at);
                self.holder = Some(claim);
                self.job.attempt += 1;
                self.job.started_at = Some(at);
                self.job.failure = None;
            }
            JobChange::Advance { progress, timings } => {
                self.job.progress = progress;
                self.take_timings(timings);
            }
            JobChange::Requeue { failure } => {
                self.leave(JobState::Queued, now);
                self.job.failure = Some(failure);
            }
            JobChange::GiveBack => {
                self.leave(JobState::Queued, now);
                self.job.attempt = self.job.attempt.saturating_sub(1);
            }
            JobChange::Succeed {
                at,
                timings,
                progress,
                from_cache,
            } => {
                self.leave(JobState::Succeeded, at);
                self.take_timings(timings);
                self.job.progress = progress;
                self.job.from_cache = from_cache;
                self.job.failure = None;
            }
            JobChange::End { state, at, failure } => {
                self.leave(state, at);
                self.job.failure = Some(failure);
            }
        }
        Ok(())
    }

    fn check(&self, change: &JobChange) -> Result<(), RecordError> {
        let from = self.job.state;
        let (to, legal) = match change {
            JobChange::Start { claim, .. } => {
                let takes_over = self.holder.is_some_and(|holder| claim.succeeds(&holder));
                let legal = from.can_become(JobState::Running) || takes_over;
                (JobState::Running, legal)
            }
            JobChange::Advance { .. } => (JobState::Running, from == JobState::Running),
            JobChange::Requeue { .. } | JobChange::GiveBack => {
                (JobState::Queued, from.can_become(JobState::Queued))
            }
            JobChange::Succeed { .. } => {
                (JobState::Succeeded, from.can_become(JobState::Succeeded))
            }
            JobChange::End { state, .. } => {
                let is_end = state.is_terminal() && *state != JobState::Succeeded;
                (*state, is_end && from.can_become(*state))
            }
        };
        if legal {
            Ok(())
        } else {
            Err(RecordError::IllegalMove { from, to })
        }
    }

    fn check_holder(&self, run: Option<RunId>, change: &JobChange) -> Result<(), RecordError> {
        let begins = matches!(change, JobChange::Start { .. });
        let has_it = |run| self.holder.is_some_and(|holder| holder.run == run);
        match run {
            Some(run) if !begins && !has_it(run) => Err(RecordError::Superseded(self.job.id)),
            _ => Ok(()),
        }
    }

    fn leave(&mut self, to: JobState, at: Timestamp) {
        if self.job.state == JobState::Queued {
            self.job.timings.queue_ms += at.since(self.queued_at).as_secs_f64() * 1000.0;
        }
        if to == JobState::Queued {
            self.queued_at = at;
        }
        if to.is_terminal() {
            self.job.finished_at = Some(at);
        }
        self.job.state = to;
        self.holder = None;
    }

    fn take_timings(&mut self, timings: Timings) {
        self.job.timings = Timings {
            queue_ms: self.job.timings.queue_ms,
            ..timings
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        AudioFormat, EngineId, EnvelopeId, ErrorCode, Failure, JobId, JobSpec, Progress,
        SpeechSpec, Tenant, Tier, Weight,
    };

    use super::*;

    fn record() -> JobRecord {
        let spec = JobSpec::Speech(SpeechSpec {
            walled: None,
            engine: EngineId::new("piper"),
            model: "m".into(),
            model_digest: "d".into(),
            voice: "v".into(),
            text: "hello".into(),
            speed: 1.0,
            format: AudioFormat::Wav,
        });
        JobRecord::new(Job {
            id: JobId::generate(),
            tenant: Tenant::default(),
            weight: Weight::default(),
            fingerprint: spec.fingerprint(),
            spec,
            tier: Tier::Standard,
            state: JobState::Queued,
            follows: None,
            from_cache: false,
            attempt: 0,
            cost: 1.0,
            created_at: Timestamp(1_000),
            started_at: None,
            finished_at: None,
            deadline: None,
            progress: Progress::default(),
            timings: Timings::default(),
            failure: None,
            trace: None,
        })
    }

    fn claim() -> Claim {
        Claim::new(EnvelopeId::generate(), false)
    }

    fn start(at: i64, claim: Claim) -> JobChange {
        let at = Timestamp(at);
        JobChange::Start { at, claim }
    }

    fn legal(record: &mut JobRecord, change: JobChange, now: i64) {
        record.apply(None, change, Timestamp(now)).expect("legal");
    }

    fn lost() -> Failure {
        Failure::new(ErrorCode::WorkerLost, "x")
    }

    #[test]
    fn waiting_adds_up_over_attempts_and_computing_does_not_count() {
        let mut record = record();
        let start = |at| start(at, claim());
        legal(&mut record, start(1_100), 0);
        let requeue = JobChange::Requeue { failure: lost() };
        legal(&mut record, requeue, 5_000);
        assert_eq!(record.job.failure, Some(lost()));
        legal(&mut record, start(5_030), 0);
        let succeed = JobChange::Succeed {
            at: Timestamp(9_000),
            timings: Timings {
                compute_ms: 7.0,
                queue_ms: 99.0,
                ..Timings::default()
            },
            progress: Progress::default(),
            from_cache: false,
        };
        legal(&mut record, succeed, 0);
        let job = record.job;
        assert!((job.timings.queue_ms - 130.0).abs() < 1e-9);
        assert!((job.timings.compute_ms - 7.0).abs() < 1e-9);
        assert_eq!((job.attempt, job.failure), (2, None));
        assert_eq!(job.finished_at, Some(Timestamp(9_000)));
    }

    #[test]
    fn a_job_given_back_has_used_no_attempt() {
        let mut record = record();
        legal(&mut record, start(1_000, claim()), 0);
        legal(&mut record, JobChange::GiveBack, 2_000);
        assert_eq!(
            (record.job.state, record.job.attempt),
            (JobState::Queued, 0)
        );
    }

    #[test]
    fn an_illegal_change_leaves_the_record_as_it_was() {
        let mut record = record();
        let before = record.clone();
        let advance = JobChange::Advance {
            progress: Progress::default(),
            timings: Timings::default(),
        };
        let end_as_success = JobChange::End {
            state: JobState::Succeeded,
            at: Timestamp(1),
            failure: lost(),
        };
        for change in [advance, end_as_success, JobChange::GiveBack] {
            let refused = record.apply(None, change, Timestamp(0));
            assert!(matches!(refused, Err(RecordError::IllegalMove { .. })));
        }
        assert_eq!(record, before);
    }

    #[test]
    fn only_the_same_envelope_delivered_again_takes_a_running_job_over() {
        let first = claim();
        let mut record = record();
        legal(&mut record, start(1_000, first), 0);
        let second_envelope = Claim::new(EnvelopeId::generate(), true);
        let not_taken_away = Claim::new(first.envelope, false);
        for other in [second_envelope, not_taken_away] {
            let refused = record.apply(None, start(2_000, other), Timestamp(0));
            assert!(matches!(refused, Err(RecordError::IllegalMove { .. })));
        }
        let heir = Claim::new(first.envelope, true);
        legal(&mut record, start(2_000, heir), 0);
        assert_eq!((record.job.attempt, record.holder), (2, Some(heir)));
    }

    #[test]
    fn a_run_that_has_lost_the_job_cannot_move_it() {
        let first = claim();
        let mut record = record();
        legal(&mut record, start(1_000, first), 0);
        let heir = Claim::new(first.envelope, true);
        legal(&mut record, start(2_000, heir), 0);
        let superseded = Err(RecordError::Superseded(record.job.id));
        for change in moves_of_a_run() {
            let refused = record.apply(Some(first.run), change.clone(), Timestamp(0));
            assert_eq!(refused, superseded);
            let mut its = record.clone();
            assert_eq!(its.apply(Some(heir.run), change, Timestamp(0)), Ok(()));
        }
        legal(&mut record, JobChange::GiveBack, 3_000);
        let end = end_as_cancelled();
        let refused = record.apply(Some(heir.run), end.clone(), Timestamp(0));
        assert_eq!(refused, superseded);
        legal(&mut record, end, 4_000);
    }

    fn end_as_cancelled() -> JobChange {
        JobChange::End {
            state: JobState::Cancelled,
            at: Timestamp(1),
            failure: lost(),
        }
    }

    fn moves_of_a_run() -> Vec<JobChange> {
        let (progress, timings) = (Progress::default(), Timings::default());
        vec![
            JobChange::Advance { progress, timings },
            JobChange::Requeue { failure: lost() },
            JobChange::GiveBack,
            JobChange::Succeed {
                at: Timestamp(1),
                timings,
                progress,
                from_cache: false,
            },
            end_as_cancelled(),
        ]
    }
}
