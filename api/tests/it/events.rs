//! Following a job by server-sent events.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, StatusCode},
};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use voicefleet_api::ApiLimits;
use voicefleet_core::{
    ErrorCode, Failure, JobId, JobState, Progress, Timestamp, Timings,
    ports::{JobChange, JobRecords},
};
use voicefleet_testkit::start_at;

use crate::support::{Api, catalog, limits};

/// Long enough for anything that happens at once.
const PATIENCE: Duration = Duration::from_secs(5);

const NOW: Timestamp = Timestamp(1_767_225_601_000);

/// One event, or a comment.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    event: String,
    id: String,
    data: Value,
    is_comment: bool,
}

/// An answer with events in it.
struct Events {
    headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

impl Events {
    /// What comes next; `None` at the end.
    async fn next_of_any_kind(&mut self) -> Option<Told> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                return Some(read(event.trim_end()));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.next());
            let bytes = frame.await.expect("something within 5 s")?.expect("bytes");
            self.text
                .push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }

    /// The next event.
    async fn next(&mut self) -> Option<Told> {
        loop {
            let told = self.next_of_any_kind().await?;
            if !told.is_comment {
                return Some(told);
            }
        }
    }

    /// The name and id of the next event.
    async fn named(&mut self) -> (String, String) {
        let told = self.next().await.expect("an event");
        (told.event, told.id)
    }
}

fn read(event: &str) -> Told {
    let mut told = Told::default();
    for line in event.lines() {
        match line.split_once(':') {
            Some(("", _)) => told.is_comment = true,
            Some(("event", name)) => name.trim_start().clone_into(&mut told.event),
            Some(("id", id)) => id.trim_start().clone_into(&mut told.id),
            Some(("data", data)) => told.data = serde_json::from_str(data).expect("JSON"),
            _ => panic!("an odd line: {line}"),
        }
    }
    told
}

async fn ask(api: &Api, id: &str, last: Option<&str>) -> (StatusCode, Events) {
    let mut request = Request::get(format!("/v1/jobs/{id}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let request = request.body(Body::empty()).expect("a request");
    let answer = api
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("an answer");
    let (parts, body) = answer.into_parts();
    let events = Events {
        headers: parts.headers,
        body: body.into_data_stream(),
        text: String::new(),
    };
    (parts.status, events)
}

async fn follow(api: &Api, id: &str, last: Option<&str>) -> Events {
    let (status, events) = ask(api, id, last).await;
    assert_eq!(status, 200);
    events
}

async fn submitted(api: &Api) -> String {
    let body = json!({"kind": "speech", "input": "Hello.", "voice": "af_heart"});
    api.post("/v1/jobs", &body).await.expect(202).id()
}

async fn change(api: &Api, id: &str, change: JobChange) {
    let id: JobId = id.parse().expect("an id");
    api.records.change(id, change).await.expect("changed");
}

fn progress(chunks_done: u32) -> Progress {
    Progress {
        chunks_done,
        chunks_total: 3,
    }
}

fn advance(chunks_done: u32) -> JobChange {
    JobChange::Advance {
        progress: progress(chunks_done),
        timings: Timings::default(),
    }
}

fn succeed() -> JobChange {
    JobChange::Succeed {
        at: NOW,
        timings: Timings::default(),
        progress: progress(3),
        from_cache: false,
    }
}

fn end(state: JobState) -> JobChange {
    JobChange::End {
        state,
        at: NOW,
        failure: Failure::new(ErrorCode::EngineFailed, "it was not to be"),
    }
}

fn of(event: &str, id: &str) -> (String, String) {
    (event.to_owned(), id.to_owned())
}

#[tokio::test]
async fn a_job_is_followed_from_the_queue_to_its_end() {
    let api = Api::new();
    let id = submitted(&api).await;
    let mut events = follow(&api, &id, None).await;
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(events.headers["cache-control"], "no-cache");
    let first = events.next().await.expect("an event");
    assert_eq!(
        of(&first.event, &first.id),
        of("job.queued", "queued.0.0.0")
    );
    let job = api.get(&format!("/v1/jobs/{id}")).await.expect(200).json();
    assert_eq!(first.data, job, "the data is the job object");

    change(&api, &id, start_at(NOW)).await;
    assert_eq!(events.named().await, of("job.running", "running.1.0.0"));
    change(&api, &id, advance(1)).await;
    assert_eq!(events.named().await, of("job.progress", "running.1.1.3"));
    change(&api, &id, advance(2)).await;
    let third = events.next().await.expect("an event");
    assert_eq!(
        of(&third.event, &third.id),
        of("job.progress", "running.1.2.3")
    );
    assert_eq!(third.data["progress"]["done"], 2);
    change(&api, &id, succeed()).await;
    assert_eq!(events.named().await, of("job.succeeded", "succeeded.1.3.3"));
    assert_eq!(events.next().await, None, "the stream ends with the job");
}

#[tokio::test]
async fn every_end_has_its_name() {
    for (state, name) in [
        (JobState::Failed, "job.failed"),
        (JobState::Cancelled, "job.cancelled"),
        (JobState::Expired, "job.expired"),
    ] {
        let api = Api::new();
        let id = submitted(&api).await;
        let mut events = follow(&api, &id, Some("queued.0.0.0")).await;
        change(&api, &id, end(state)).await;
        let told = events.next().await.expect("an event");
        assert_eq!(told.event, name);
        assert_eq!(told.data["error"]["message"], "it was not to be");
        assert_eq!(events.next().await, None);
    }
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_is_new_and_nothing_twice() {
    let api = Api::new();
    let id = submitted(&api).await;
    change(&api, &id, start_at(NOW)).await;
    change(&api, &id, advance(1)).await;

    // Nothing new: the next event is the next move.
    let mut events = follow(&api, &id, Some("running.1.1.3")).await;
    let first = events.next();
    let moved = async {
        tokio::task::yield_now().await;
        change(&api, &id, advance(2)).await;
    };
    let (first, ()) = tokio::join!(first, moved);
    assert_eq!(first.expect("an event").id, "running.1.2.3");

    // Moved on meanwhile: where it is now, by the name of what has happened since.
    for (last, now) in [
        ("queued.0.0.0", of("job.running", "running.1.2.3")),
        ("running.1.1.3", of("job.progress", "running.1.2.3")),
    ] {
        assert_eq!(follow(&api, &id, Some(last)).await.named().await, now);
    }

    // Begun anew by another worker.
    let failure = Failure::new(ErrorCode::WorkerLost, "the worker is gone");
    change(&api, &id, JobChange::Requeue { failure }).await;
    change(&api, &id, start_at(NOW)).await;
    let mut events = follow(&api, &id, Some("running.1.2.3")).await;
    let (name, id_of_event) = events.named().await;
    assert_eq!(name, "job.running");
    assert!(id_of_event.starts_with("running.2."), "{id_of_event}");
}

#[tokio::test]
async fn an_id_that_is_not_ours_is_ignored() {
    let api = Api::new();
    let id = submitted(&api).await;
    for last in ["", "17", "queued.0", "running.1.2.x"] {
        let mut events = follow(&api, &id, Some(last)).await;
        assert_eq!(events.named().await, of("job.queued", "queued.0.0.0"));
    }
}

#[tokio::test]
async fn of_an_ended_job_the_end_is_told_once() {
    let api = Api::new();
    let id = submitted(&api).await;
    change(&api, &id, start_at(NOW)).await;
    change(&api, &id, succeed()).await;
    for last in [None, Some("running.1.1.3"), Some("nonsense")] {
        let mut events = follow(&api, &id, last).await;
        assert_eq!(events.named().await, of("job.succeeded", "succeeded.1.3.3"));
        assert_eq!(events.next().await, None);
    }
    let (status, mut events) = ask(&api, &id, Some("succeeded.1.3.3")).await;
    assert_eq!(status, 204, "which keeps browsers from coming back");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_by_comments() {
    let limits = ApiLimits {
        event_keep_alive: Duration::from_millis(10),
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let id = submitted(&api).await;
    let mut events = follow(&api, &id, Some("queued.0.0.0")).await;
    for _ in 0..3 {
        let told = events.next_of_any_kind().await.expect("a comment");
        assert!(told.is_comment, "{told:?}");
    }
    change(&api, &id, start_at(NOW)).await;
    assert_eq!(events.named().await, of("job.running", "running.1.0.0"));
}

#[tokio::test]
async fn no_more_follow_than_there_is_room_for() {
    let limits = ApiLimits {
        max_event_streams: 2,
        ..limits()
    };
    let api = Api::with(limits, catalog::usual());
    let id = submitted(&api).await;
    let first = follow(&api, &id, None).await;
    let _second = follow(&api, &id, None).await;
    let path = format!("/v1/jobs/{id}/events");
    let refused = api.get(&path).await.expect(503);
    assert_eq!(refused.json()["code"], "unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    // Whoever hangs up makes room.
    drop(first);
    follow(&api, &id, None).await;
    // So does a job that is not there.
    let nobody = "7fffffff-ffff-7000-8000-000000000001";
    for _ in 0..3 {
        let nothing = api.get(&format!("/v1/jobs/{nobody}/events")).await;
        assert_eq!(nothing.expect(404).json()["code"], "job_not_found");
    }
}

#[tokio::test]
async fn streams_end_when_the_server_closes() {
    let api = Api::new();
    let id = submitted(&api).await;
    let mut events = follow(&api, &id, None).await;
    events.next().await.expect("an event");
    let closing = async {
        tokio::task::yield_now().await;
        api.stop.closing.cancel();
    };
    let (end, ()) = tokio::join!(events.next(), closing);
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_stream_ends_when_the_records_are_away_and_can_be_taken_up_again() {
    let api = Api::new();
    let id = submitted(&api).await;
    let mut events = follow(&api, &id, None).await;
    let last = events.next().await.expect("an event").id;
    api.records.outage().set_down(true);
    assert_eq!(events.next().await, None);
    let (status, _) = ask(&api, &id, Some(&last)).await;
    assert_eq!(status, 503);
    api.records.outage().set_down(false);
    change(&api, &id, start_at(NOW)).await;
    let mut events = follow(&api, &id, Some(&last)).await;
    assert_eq!(events.named().await, of("job.running", "running.1.0.0"));
}
