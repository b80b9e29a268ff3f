//! Several API servers over the same records.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use tokio::task::JoinSet;
use voicefleet_core::{
    Clock, ErrorCode, Failure, Job, JobId, JobState, Progress, Tier, Timestamp,
    ports::{JobChange, JobFilter, JobRecords, RecordError, Submission},
    time::SystemClock,
};
use voicefleet_redis::{RedisConfig, RedisRecords};
use voicefleet_testkit::{
    conformance::{PATIENCE, stays_pending, within_patience},
    speech_job, start_at,
};

use crate::server::{Server, eventually, records};

const QUEUED: (JobState, Progress) = (
    JobState::Queued,
    Progress {
        chunks_done: 0,
        chunks_total: 0,
    },
);

/// Longer than any test.
const NEVER: Duration = Duration::from_hours(1);

pub(crate) fn job(text: &str) -> Job {
    speech_job(text, Tier::Standard, SystemClock.now())
}

pub(crate) async fn submit(records: &Arc<dyn JobRecords>) -> Job {
    let job = job(&JobId::generate().to_string());
    let submitted = records.submit(&job).await;
    assert_eq!(submitted, Ok(Submission::Leads));
    job
}

pub(crate) fn start() -> JobChange {
    start_at(SystemClock.now())
}

async fn waiting_here_sees_moves_made_there(here: RedisConfig, there: RedisConfig) {
    let (here, there) = (records(&here), records(&there));
    for _ in 0..10 {
        let job = submit(&here).await;
        let waiting = here.wait(job.id, QUEUED, PATIENCE * 10);
        tokio::pin!(waiting);
        stays_pending(&mut waiting).await;
        let moved = there.change(job.id, start()).await.expect("a legal move");
        assert_eq!(within_patience(waiting).await, Ok(moved));
    }
}

/// How many connections hear of moves.
async fn listeners(server: &Server) -> usize {
    server.ask(&["PUBLISH", "voicefleet:moves", "x"]).await
}

/// Nobody looks by himself.
#[tokio::test]
async fn a_move_made_by_another_server_is_heard() {
    let server = Server::start().await;
    let config = RedisConfig {
        look_interval: NEVER,
        ..server.config()
    };
    waiting_here_sees_moves_made_there(config.clone(), config).await;
}

#[tokio::test]
async fn records_that_are_dropped_listen_no_more() {
    let server = Server::start().await;
    let records = server.records();
    assert_eq!(listeners(&server).await, 0, "nobody wants to know");
    submit(&records).await;
    eventually(async || (listeners(&server).await == 1).then_some(())).await;
    drop(records);
    eventually(async || (listeners(&server).await == 0).then_some(())).await;
}

/// Its user may not subscribe, so that it can only look.
#[tokio::test]
async fn a_move_that_is_not_heard_is_seen() {
    let server = Server::start().await;
    let rules = ["on", ">pass", "~*", "resetchannels", "+@all"];
    let _: String = server
        .ask(&[&["ACL", "SETUSER", "deaf"], &rules[..]].concat())
        .await;
    let deaf = RedisConfig {
        records_url: format!("redis://deaf:pass@127.0.0.1:{}", server.port()),
        look_interval: Duration::from_millis(5),
        ..server.config()
    };
    waiting_here_sees_moves_made_there(deaf, server.config()).await;
}

/// Whoever else listens can rely on it: the id of each job that moves, on one channel.
#[tokio::test]
async fn every_move_is_published() {
    let server = Server::start().await;
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut ear = client.get_async_pubsub().await.expect("connects");
    ear.subscribe("voicefleet:moves").await.expect("subscribes");
    let records = server.records();
    let job = submit(&records).await;
    let end = JobChange::End {
        state: JobState::Cancelled,
        at: Timestamp(3),
        failure: Failure::new(ErrorCode::Cancelled, "not wanted any more"),
    };
    for (change, what) in [
        (start(), " moved 0/0"),
        (JobChange::GiveBack, " moved 0/0"),
        (end, " ended "),
    ] {
        records.change(job.id, change).await.expect("a legal move");
        let message = within_patience(ear.on_message().next()).await.expect("one");
        let news: String = message.get_payload().expect("text");
        assert!(news.starts_with(&format!("{}{what}", job.id)), "{news}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_submits_that_race_on_two_servers_one_leads() {
    let server = Server::start().await;
    let servers = [server.records(), server.records()];
    for round in 0..10 {
        let mut racers = JoinSet::new();
        for racer in 0..20 {
            let records = Arc::clone(&servers[racer % 2]);
            let job = job(&format!("the same in round {round}"));
            racers.spawn(async move { (job.id, records.submit(&job).await.expect("submitted")) });
        }
        let outcomes = within_patience(racers.join_all()).await;
        let leads = |outcome: &&(JobId, Submission)| outcome.1 == Submission::Leads;
        let leaders: Vec<JobId> = outcomes.iter().filter(leads).map(|won| won.0).collect();
        assert_eq!(leaders.len(), 1);
        let follows = |outcome: &&(JobId, Submission)| matches!(outcome.1, Submission::Follows { leader, .. } if leader == leaders[0]);
        assert_eq!(outcomes.iter().filter(follows).count(), 19);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_moves_that_race_on_two_servers_one_is_made() {
    let server = Server::start().await;
    let servers = [server.records(), server.records()];
    for _ in 0..20 {
        let job = submit(&servers[0]).await;
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let records = Arc::clone(&servers[racer % 2]);
            racers.spawn(async move { records.change(job.id, start()).await });
        }
        let outcomes = within_patience(racers.join_all()).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let job = servers[0].get(job.id).await.expect("recorded");
        assert_eq!(job.attempt, 1);
    }
}

/// Whoever loses every race hears of it, and nothing is changed.
#[tokio::test]
async fn a_change_that_always_comes_too_late_gives_up() {
    let server = Server::start().await;
    let records = server.records();
    let job = submit(&records).await;
    let key = format!("voicefleet:job:{}", job.id);
    // It is read as 1, which is not what stands there: as if somebody else were faster every time.
    let _: i32 = server.ask(&["HSET", &key, "v", "01"]).await;
    let late = records.change(job.id, start()).await;
    assert!(
        matches!(&late, Err(RecordError::Unavailable(reason)) if reason.contains("changed by others")),
        "{late:?}"
    );
    assert_eq!(records.get(job.id).await, Ok(job));
}

/// Else a change that was worked out before would answer with the leader of then.
#[tokio::test]
async fn a_promotion_counts_as_a_change() {
    let server = Server::start().await;
    let records = server.records();
    let (leader, follower) = (job("twin"), job("twin"));
    for job in [&leader, &follower] {
        records.submit(job).await.expect("submitted");
    }
    let key = format!("voicefleet:job:{}", follower.id);
    let first: u64 = server.ask(&["HGET", &key, "v"]).await;
    for promotions in [0, 1, 1] {
        let counted: u64 = server.ask(&["HGET", &key, "v"]).await;
        assert_eq!(counted, first + promotions);
        let promoted = records.promote(leader.id, follower.id).await;
        assert_eq!(promoted.expect("promoted").follows, None);
    }
}

/// A server writes from what it wrote last without reading, and notices when that is not the last any more.
#[tokio::test]
async fn a_change_that_was_made_elsewhere_meanwhile_is_not_overwritten() {
    let server = Server::start().await;
    let (here, there) = (server.records(), server.records());
    let key = |job: &Job| format!("voicefleet:job:{}", job.id);
    let job = submit(&here).await;
    here.change(job.id, start()).await.expect("begins here");
    let given_back = there.change(job.id, JobChange::GiveBack).await;
    let given_back = given_back.expect("given back there");
    // From running, as this server remembers it, that would not be legal.
    let again = here.change(job.id, start()).await.expect("begins again");
    assert_eq!((given_back.attempt, again.attempt), (0, 1));

    there
        .change(job.id, JobChange::GiveBack)
        .await
        .expect("given back");
    let refused = here.change(job.id, JobChange::GiveBack).await;
    assert!(
        matches!(refused, Err(RecordError::IllegalMove { .. })),
        "{refused:?}"
    );

    // Lost and made anew, it has as many changes behind it as this server remembers.
    here.change(job.id, start()).await.expect("begins here");
    let _: i32 = server.ask(&["DEL", &key(&job)]).await;
    there.submit(&job).await.expect("made anew");
    let refused = here.change(job.id, JobChange::GiveBack).await;
    assert!(
        matches!(refused, Err(RecordError::IllegalMove { .. })),
        "{refused:?}"
    );
}

/// Records that have gone since their ids were listed leave no hole.
#[tokio::test]
async fn a_page_is_filled_up_when_jobs_are_gone() {
    let server = Server::start().await;
    let records = server.records();
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(submit(&records).await.id);
    }
    ids.reverse();
    for id in &ids[..20] {
        let _: i32 = server.ask(&["DEL", &format!("voicefleet:job:{id}")]).await;
    }
    let filter = JobFilter {
        limit: 6,
        ..JobFilter::default()
    };
    let page = records.list(&filter).await.expect("listed");
    let listed: Vec<JobId> = page.jobs.iter().map(|job| job.id).collect();
    assert_eq!(listed, ids[20..26]);
    assert!(page.has_more);
}

#[tokio::test]
async fn a_damaged_record_is_said_to_be_damaged() {
    let server = Server::start().await;
    let records = server.records();
    let job = submit(&records).await;
    let key = format!("voicefleet:job:{}", job.id);
    let _: i32 = server.ask(&["HSET", &key, "body", "{"]).await;
    let read = records.get(job.id).await;
    assert!(
        matches!(&read, Err(RecordError::Unavailable(reason)) if reason.contains("damaged")),
        "{read:?}"
    );
}

#[tokio::test]
async fn two_fleets_with_prefixes_of_their_own_do_not_meet() {
    let server = Server::start().await;
    let other = records(&RedisConfig {
        key_prefix: "other:".to_owned(),
        ..server.config()
    });
    let ours = server.records();
    let job = submit(&ours).await;
    assert_eq!(other.get(job.id).await, Err(RecordError::NotFound(job.id)));
    assert_eq!(other.submit(&job).await, Ok(Submission::Leads));
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    let prefixed = |key: &String| key.starts_with("voicefleet:") || key.starts_with("other:");
    assert!(keys.iter().all(prefixed), "{keys:?}");
}

#[tokio::test]
async fn only_so_many_callers_may_wait() {
    let server = Server::start().await;
    let records = records(&RedisConfig {
        max_waiters: 1,
        ..server.config()
    });
    let job = submit(&records).await;
    let waiting = records.wait(job.id, QUEUED, NEVER);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    let refused = within_patience(records.wait(job.id, QUEUED, NEVER)).await;
    assert!(
        matches!(refused, Err(RecordError::Unavailable(_))),
        "{refused:?}"
    );
}

/// The task ends, its connection too, and whoever waited knows.
#[tokio::test]
async fn closing_ends_the_waiting_and_the_listening() {
    let server = Server::start().await;
    let opened = Arc::new(RedisRecords::open(&server.config()).expect("opens"));
    let records: Arc<dyn JobRecords> = Arc::<RedisRecords>::clone(&opened);
    let job = submit(&records).await;
    eventually(async || (listeners(&server).await == 1).then_some(())).await;
    let waiting = records.wait(job.id, QUEUED, NEVER);
    tokio::pin!(waiting);
    stays_pending(&mut waiting).await;
    within_patience(opened.close()).await;
    let told = within_patience(waiting).await;
    assert!(
        matches!(&told, Err(RecordError::Unavailable(reason)) if reason.contains("closed")),
        "{told:?}"
    );
    eventually(async || (listeners(&server).await == 0).then_some(())).await;
    assert_eq!(records.get(job.id).await, Ok(job));
}
