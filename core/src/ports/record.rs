//! What a change does to a record: the one implementation that every backend applies.

use serde::{Deserialize, Serialize};

use crate::{
    job::{Job, Timings},
    state::JobState,
    time::Timestamp,
};

use super::records::{JobChange, RecordError};

/// A job as a backend keeps it: with the moment since which it has been queued, so that the waiting
/// of several attempts adds up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub job: Job,
    /// When it last became `queued`.
    pub queued_at: Timestamp,
}

impl JobRecord {
    /// The record of a job that has just been accepted.
    pub fn new(job: Job) -> Self {
        let queued_at = job.created_at;
        Self { job, queued_at }
    }

    /// Applies `change`, or leaves the record as it is.
    ///
    /// `now` is when the record's keeper does it; it dates the moves that carry no time of their own.
    /// A failure is kept until the next attempt begins. `timings.queue_ms` belongs to the record:
    /// the time spent queued is added whenever the job leaves that state, and the value in
    /// [`JobChange::Advance`] and [`JobChange::Succeed`] is not taken over.
    ///
    /// # Errors
    /// [`RecordError::IllegalMove`].
    pub fn apply(&mut self, change: JobChange, now: Timestamp) -> Result<(), RecordError> {
        self.check(&change)?;
        match change {
            JobChange::Start { at } => {
                self.leave(JobState::Running, at);
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
            JobChange::Start { .. } => (JobState::Running, from.can_become(JobState::Running)),
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
        AudioFormat, EngineId, ErrorCode, Failure, JobId, JobSpec, Progress, SpeechSpec, Tier,
    };

    use super::*;

    fn record() -> JobRecord {
        let spec = JobSpec::Speech(SpeechSpec {
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
        })
    }

    fn lost() -> Failure {
        Failure::new(ErrorCode::WorkerLost, "x")
    }

    #[test]
    fn waiting_adds_up_over_attempts_and_computing_does_not_count() {
        let mut record = record();
        let start = |at| JobChange::Start { at: Timestamp(at) };
        record.apply(start(1_100), Timestamp(0)).expect("legal");
        let requeue = JobChange::Requeue { failure: lost() };
        record.apply(requeue, Timestamp(5_000)).expect("legal");
        assert_eq!(record.job.failure, Some(lost()));
        record.apply(start(5_030), Timestamp(0)).expect("legal");
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
        record.apply(succeed, Timestamp(0)).expect("legal");
        let job = record.job;
        assert!((job.timings.queue_ms - 130.0).abs() < 1e-9);
        assert!((job.timings.compute_ms - 7.0).abs() < 1e-9);
        assert_eq!((job.attempt, job.failure), (2, None));
        assert_eq!(job.finished_at, Some(Timestamp(9_000)));
    }

    #[test]
    fn a_job_given_back_has_used_no_attempt() {
        let mut record = record();
        let start = JobChange::Start {
            at: Timestamp(1_000),
        };
        record.apply(start, Timestamp(0)).expect("legal");
        record
            .apply(JobChange::GiveBack, Timestamp(2_000))
            .expect("legal");
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
            let refused = record.apply(change, Timestamp(0));
            assert!(matches!(refused, Err(RecordError::IllegalMove { .. })));
        }
        assert_eq!(record, before);
    }
}
