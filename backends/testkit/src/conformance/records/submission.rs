//! Fleet-wide single flight: of identical jobs in flight, one leads.

use tokio::task::JoinSet;
use voicefleet_core::{
    Clock, Job, JobState, Tier, Timestamp,
    ports::{JobFilter, Submission},
};

use super::{RecordsBench, change, end, fresh, new_job, start, submit, succeed, twin};
use crate::conformance::within_patience;

/// A follower learns whom it follows, how urgent that is, and whether it still waits.
pub async fn the_first_of_its_fingerprint_leads_and_the_next_follows<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let leader = Job {
        tier: Tier::Batch,
        ..twin(&clock, "same")
    };
    assert_eq!(submit(&records, &leader).await, Submission::Leads);
    assert_eq!(
        submit(&records, &twin(&clock, "other")).await,
        Submission::Leads
    );
    assert_eq!(
        records.leader(&leader.fingerprint).await,
        Ok(Some(leader.id))
    );

    for leader_queued in [true, false] {
        let follower = twin(&clock, "same");
        let expected = Submission::Follows {
            leader: leader.id,
            leader_tier: Tier::Batch,
            leader_queued,
        };
        assert_eq!(submit(&records, &follower).await, expected);
        let recorded = records.get(follower.id).await.expect("recorded");
        assert_eq!(
            recorded,
            Job {
                follows: Some(leader.id),
                ..follower
            }
        );
        if leader_queued {
            change(&records, leader.id, start(&clock)).await;
        }
    }
}

/// However many come at once.
pub async fn of_a_hundred_identical_submits_one_leads<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let mut racers = JoinSet::new();
    for _ in 0..100 {
        let (records, job) = (records.clone(), twin(&clock, "same"));
        racers.spawn(async move { (job.id, submit(&records, &job).await) });
    }
    let outcomes = within_patience(racers.join_all()).await;
    let leads: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Submission::Leads)
        .collect();
    assert_eq!(leads.len(), 1);
    let leader = leads[0].0;
    let follows = Submission::Follows {
        leader,
        leader_tier: Tier::Standard,
        leader_queued: true,
    };
    assert_eq!(
        outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == follows)
            .count(),
        99
    );
    assert_eq!(records.followers(leader).await.expect("read").len(), 99);
}

/// Whatever way it ended: the next one leads again.
pub async fn nobody_follows_a_job_that_has_ended<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ends = [
        succeed(&clock),
        end(&clock, JobState::Failed),
        end(&clock, JobState::Cancelled),
        end(&clock, JobState::Expired),
    ];
    for ending in ends {
        let job = twin(&clock, "same");
        assert_eq!(submit(&records, &job).await, Submission::Leads);
        change(&records, job.id, start(&clock)).await;
        change(&records, job.id, ending).await;
        assert_eq!(records.leader(&job.fingerprint).await, Ok(None));
    }
}

/// A caller that lost the answer may ask again and hears the same; nothing is overwritten.
pub async fn submitting_twice_is_submitting_once<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let (leader, follower) = (twin(&clock, "same"), twin(&clock, "same"));
    submit(&records, &leader).await;
    let first = submit(&records, &follower).await;
    let running = change(&records, leader.id, start(&clock)).await;
    assert_eq!(submit(&records, &leader).await, Submission::Leads);
    let again = submit(&records, &follower).await;
    assert!(matches!(
        first,
        Submission::Follows {
            leader_queued: true,
            ..
        }
    ));
    assert!(matches!(again, Submission::Follows { leader: id, .. } if id == leader.id));
    assert_eq!(records.get(leader.id).await, Ok(running));
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    assert_eq!(records.list(&all).await.expect("listed").jobs.len(), 2);
}

/// An answer from the cache is a job too, but nobody can follow it.
pub async fn jobs_that_are_finished_already_are_recorded_as_they_are<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let cached = Job {
        state: JobState::Succeeded,
        from_cache: true,
        finished_at: Some(Timestamp(clock.now().0 + 1)),
        ..new_job(&clock)
    };
    records.insert_finished(&cached).await.expect("recorded");
    assert_eq!(records.get(cached.id).await.as_ref(), Ok(&cached));
    assert_eq!(records.leader(&cached.fingerprint).await, Ok(None));
    assert!(records.change(cached.id, start(&clock)).await.is_err());
}
