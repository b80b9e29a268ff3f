//! Following a job.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use voicefleet_client::{Client, ClientError, ErrorCode, JobEventKind, JobStatus, SpeechJob};

use crate::support::{PATIENCE, Service, faults::Fault};

async fn waiting_job(client: &Client) -> String {
    let job = client.submit_speech(&SpeechJob::new("Hello.")).await;
    job.expect("accepted").id
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let service = Service::start().await;
    let client = service.client();
    let id = waiting_job(&client).await;
    let mut events = Box::pin(client.events(&id, PATIENCE));
    let first = events.next().await.expect("an event").expect("sound");
    assert_eq!(
        (&first.kind, &first.job.id, &first.job.status),
        (&JobEventKind::Queued, &id, &JobStatus::Queued)
    );
    let _worker = service.worker();
    let rest: Vec<_> = events.try_collect().await.expect("to the end");
    let last = rest.last().expect("an end");
    assert_eq!(last.kind, JobEventKind::Succeeded);
    assert_eq!(last.job.status, JobStatus::Succeeded);
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let service = Service::start().await;
    let client = service.builder().retries(0).build().expect("a client");
    let id = waiting_job(&client).await;
    let path = format!("/v1/jobs/{id}/events");
    service.faults.plan(Fault::AfterOnePiece);
    service.faults.plan(Fault::Busy);
    let mut events = Box::pin(client.events(&id, PATIENCE));
    let first = events.next().await.expect("an event").expect("sound");
    assert_eq!(first.kind, JobEventKind::Queued);
    let ending = async {
        service.faults.until_seen(&path, 3).await;
        client.cancel(&id).await.expect("withdrawn");
    };
    let (rest, ()) = tokio::join!(events.try_collect::<Vec<_>>(), ending);
    let rest = rest.expect("to the end");
    // Nothing is told twice.
    let kinds: Vec<_> = rest.iter().map(|event| &event.kind).collect();
    assert_eq!(kinds, [&JobEventKind::Cancelled]);
    let asked = service.faults.seen_at(&path);
    let after: Vec<_> = asked.into_iter().map(|seen| seen.last_event_id).collect();
    assert_eq!(after, [None, Some(first.id.clone()), Some(first.id)]);
}

#[tokio::test]
async fn a_break_after_the_last_event_is_no_break() {
    let service = Service::start().await;
    let client = service.client();
    let id = waiting_job(&client).await;
    client.cancel(&id).await.expect("withdrawn");
    service.faults.plan(Fault::AfterOnePiece);
    let events: Vec<_> = client
        .events(&id, PATIENCE)
        .try_collect()
        .await
        .expect("all");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, JobEventKind::Cancelled);
}

#[tokio::test]
async fn a_stream_has_an_end() {
    let service = Service::start().await;
    let client = service.client();
    let id = waiting_job(&client).await;
    let limit = Duration::from_millis(300);
    let events: Vec<_> = client.events(&id, limit).collect().await;
    let last = events.last().expect("a result");
    assert!(
        matches!(last, Err(ClientError::Timeout { .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn who_cannot_be_followed_is_said_at_once() {
    let service = Service::start().await;
    let client = service.client();
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    let events: Vec<_> = client.events(nobody, PATIENCE).collect().await;
    let [Err(error)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(
        matches!(
            error.code(),
            Some(ErrorCode::JobNotFound | ErrorCode::JobExpired)
        ),
        "{error:?}"
    );
}
