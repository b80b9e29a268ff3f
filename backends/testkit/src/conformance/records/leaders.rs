//! Who waits for whom, and who takes over.

use futures::future::join_all;
use voicefleet_core::{
    JobId, JobState,
    ports::{RecordError, Submission},
};

use super::{RecordsBench, change, end, fresh, start, submit, submit_twins, succeed, twin};

/// In the order in which they came; those that have ended wait for nothing.
pub async fn followers_are_those_in_flight_oldest_first<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 5).await;
    change(&records, ids[2], end(&clock, JobState::Cancelled)).await;
    change(&records, ids[4], succeed(&clock)).await;
    let waiting = records.followers(ids[0]).await.expect("read");
    assert_eq!(
        waiting.iter().map(|job| job.id).collect::<Vec<_>>(),
        [ids[1], ids[3]]
    );
    assert_eq!(records.followers(ids[1]).await, Ok(vec![]));
}

/// The leader has been withdrawn: one follower takes over, and the others follow that one.
pub async fn a_promoted_follower_leads_the_others<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 4).await;
    change(&records, ids[0], end(&clock, JobState::Cancelled)).await;
    let promoted = records.promote(ids[0], ids[1]).await.expect("promoted");
    assert_eq!(
        (promoted.id, promoted.follows, promoted.state),
        (ids[1], None, JobState::Queued)
    );
    assert_eq!(records.get(ids[1]).await.as_ref(), Ok(&promoted));
    assert_eq!(followers_of(&*records, ids[1]).await, ids[2..]);
    assert_eq!(followers_of(&*records, ids[0]).await, []);
    assert_eq!(
        records.leader(&promoted.fingerprint).await,
        Ok(Some(ids[1]))
    );
    let newcomer = submit(&records, &twin(&clock, "twin")).await;
    assert!(matches!(newcomer, Submission::Follows { leader, .. } if leader == ids[1]));
}

/// Newcomers follow the one that was promoted, not the one that is about to end; when that one ends,
/// the lead is not lost.
pub async fn a_promotion_passes_on_the_lead_of_a_job_that_still_runs<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 3).await;
    change(&records, ids[0], start(&clock)).await;
    let promoted = records.promote(ids[0], ids[1]).await.expect("promoted");
    change(&records, ids[0], end(&clock, JobState::Expired)).await;
    assert_eq!(
        records.leader(&promoted.fingerprint).await,
        Ok(Some(ids[1]))
    );
    assert_eq!(followers_of(&*records, ids[1]).await, [ids[2]]);
}

/// Between the leader's end and the promotion an identical job was submitted, which leads now: the
/// followers follow that one, for the work is in flight only once.
pub async fn a_promotion_yields_to_a_newer_leader<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 3).await;
    change(&records, ids[0], end(&clock, JobState::Cancelled)).await;
    let newer = twin(&clock, "twin");
    assert_eq!(submit(&records, &newer).await, Submission::Leads);
    let follower = records.promote(ids[0], ids[1]).await.expect("answered");
    assert_eq!(follower.follows, Some(newer.id));
    assert_eq!(followers_of(&*records, newer.id).await, ids[1..]);
}

/// Two who clean up after the same leader do not make two leaders.
pub async fn of_racing_promotions_one_is_made<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 6).await;
    change(&records, ids[0], end(&clock, JobState::Cancelled)).await;
    let racers = ids[1..]
        .iter()
        .map(|follower| records.promote(ids[0], *follower));
    let outcomes = join_all(racers).await;
    let jobs: Vec<_> = outcomes
        .into_iter()
        .map(|job| job.expect("answered"))
        .collect();
    let leaders: Vec<JobId> = jobs
        .iter()
        .filter(|job| job.follows.is_none())
        .map(|job| job.id)
        .collect();
    assert_eq!(leaders.len(), 1);
    assert_eq!(
        records.leader(&jobs[0].fingerprint).await,
        Ok(Some(leaders[0]))
    );
    assert_eq!(followers_of(&*records, leaders[0]).await.len(), 4);
}

/// It has been withdrawn itself meanwhile.
pub async fn a_follower_that_has_ended_is_not_promoted<B: RecordsBench>() {
    let (_bench, records, clock) = fresh::<B>().await;
    let ids = submit_twins(&records, &clock, 3).await;
    for id in &ids[..2] {
        change(&records, *id, end(&clock, JobState::Cancelled)).await;
    }
    let refused = RecordError::IllegalMove {
        from: JobState::Cancelled,
        to: JobState::Queued,
    };
    assert_eq!(records.promote(ids[0], ids[1]).await, Err(refused));
    assert_eq!(followers_of(&*records, ids[0]).await, [ids[2]]);
}

async fn followers_of(
    records: &dyn voicefleet_core::ports::JobRecords,
    leader: JobId,
) -> Vec<JobId> {
    let followers = records.followers(leader).await.expect("read");
    followers.iter().map(|job| job.id).collect()
}
