//! Which changes are made, and what they do.

use std::time::Duration;

use futures::future::join_all;
use voicefleet_core::{
    Clock, JobId, JobState, Progress, Timings,
    ports::{JobChange, JobFilter, JobRecord, RecordError},
};

use super::{RecordsBench, advance, change, end, fresh, new_job, requeue, start, submit, succeed};
use crate::FakeClock;

type Step = fn(&FakeClock) -> JobChange;

/// Every change in every state.
pub async fn every_legal_move_is_made_and_every_other_refused<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    for from in JobState::ALL {
        for wish in every_change(&clock) {
            let job = new_job(&clock);
            submit(&records, &job).await;
            for step in path_to(from, &clock) {
                change(&records, job.id, step).await;
            }
            let before = records.get(job.id).await.expect("recorded");
            let outcome = records.change(job.id, wish.clone()).await;
            let after = records.get(job.id).await.expect("recorded");
            let mut model = JobRecord::new(before.clone());
            match model.apply(None, wish.clone(), clock.now()) {
                Ok(()) => assert_eq!(outcome.as_ref(), Ok(&after), "{from} {wish:?}"),
                Err(refusal) => {
                    assert_eq!(outcome, Err(refusal), "{from} {wish:?}");
                    assert_eq!(after, before);
                }
            }
        }
    }
}

/// A job's whole life, compared step by step with [`JobRecord::apply`].
pub async fn changes_do_what_the_model_does<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let job = new_job(&clock);
    submit(&records, &job).await;
    let mut model = JobRecord::new(job.clone());
    let life: [Step; 8] = [
        start,
        |_| advance(1),
        |_| requeue(),
        start,
        |_| JobChange::GiveBack,
        start,
        |_| advance(2),
        succeed,
    ];
    for step in life {
        clock.advance(Duration::from_millis(150));
        let step = step(&clock);
        model
            .apply(None, step.clone(), clock.now())
            .expect("a legal life");
        assert_eq!(change(&records, job.id, step).await, model.job);
        assert_eq!(records.get(job.id).await.as_ref(), Ok(&model.job));
    }
    assert_eq!(model.job.attempt, 2);
}

/// Eight workers want the same job; one gets it.
pub async fn of_racing_moves_one_is_made<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    for _ in 0..20 {
        let job = new_job(&clock);
        submit(&records, &job).await;
        let racers = (0..8).map(|_| records.change(job.id, start(&clock)));
        let outcomes = join_all(racers).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let refused = RecordError::IllegalMove {
            from: JobState::Running,
            to: JobState::Running,
        };
        assert_eq!(
            outcomes
                .iter()
                .filter(|outcome| **outcome == Err(refused.clone()))
                .count(),
            7
        );
        assert_eq!(records.get(job.id).await.expect("recorded").attempt, 1);
    }
}

/// An id that was never submitted.
pub async fn an_unknown_job_is_not_found<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let known = new_job(&clock);
    submit(&records, &known).await;
    let id = JobId::generate();
    let missing = Err(RecordError::NotFound(id));
    assert_eq!(records.get(id).await, missing);
    assert_eq!(records.change(id, start(&clock)).await, missing);
    assert_eq!(records.promote(known.id, id).await, missing);
    let seen = (JobState::Queued, Progress::default());
    assert_eq!(
        records.wait(id, seen, Duration::from_secs(30)).await,
        missing
    );
    assert_eq!(records.followers(id).await, Ok(vec![]));
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    assert_eq!(records.list(&all).await.expect("listed").jobs, vec![known]);
}

fn every_change(clock: &FakeClock) -> Vec<JobChange> {
    let ends = JobState::ALL.map(|state| end(clock, state));
    let mut changes = vec![
        start(clock),
        advance(1),
        requeue(),
        JobChange::GiveBack,
        succeed(clock),
    ];
    changes.push(JobChange::Succeed {
        at: clock.now(),
        timings: Timings::default(),
        progress: Progress::default(),
        from_cache: true,
    });
    changes.extend(ends);
    changes
}

fn path_to(state: JobState, clock: &FakeClock) -> Vec<JobChange> {
    match state {
        JobState::Queued => vec![],
        JobState::Running => vec![start(clock)],
        JobState::Succeeded => vec![start(clock), succeed(clock)],
        ended => vec![end(clock, ended)],
    }
}
