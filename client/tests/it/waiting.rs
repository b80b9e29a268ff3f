//! Waiting for jobs.

use std::time::Duration;

use voicefleet_client::{Client, ClientError, ErrorCode, JobStatus, SpeechJob};

use crate::support::{PATIENCE, Service, faults::Fault};

/// Submits a job that nobody does.
async fn waiting_job(client: &Client) -> String {
    let job = client.submit_speech(&SpeechJob::new("Hello.")).await;
    job.expect("accepted").id
}

#[tokio::test]
async fn the_server_is_asked_to_wait_and_not_asked_all_the_time() {
    let service = Service::start().await;
    let client = service.client();
    let id = waiting_job(&client).await;
    let cancelling = async {
        let path = format!("/v1/jobs/{id}");
        service.faults.until_seen(&path, 1).await;
        client.cancel(&id).await.expect("withdrawn");
    };
    let (ended, ()) = tokio::join!(client.wait(&id, PATIENCE), cancelling);
    assert_eq!(ended.expect("ended").status, JobStatus::Cancelled);
    let looks = service.faults.seen_at(&format!("/v1/jobs/{id}"));
    assert_eq!(looks.len(), 1);
    assert_eq!(looks[0].prefer.as_deref(), Some("wait=50"));
}

#[tokio::test]
async fn a_wait_has_an_end() {
    let service = Service::start().await;
    let client = service.client();
    let id = waiting_job(&client).await;
    let limit = Duration::from_millis(300);
    let late = client.wait(&id, limit).await.expect_err("it is not done");
    assert!(
        matches!(late, ClientError::Timeout { limit: told, .. } if told == limit),
        "{late:?}"
    );
}

#[tokio::test]
async fn an_outage_between_two_looks_is_sat_out() {
    let service = Service::start().await;
    let client = service.builder().retries(0).build().expect("a client");
    let id = waiting_job(&client).await;
    let path = format!("/v1/jobs/{id}");
    let ending = async {
        service.faults.until_seen(&path, 1).await;
        // From now on the server answers at once.
        service.context.stop.closing.cancel();
        service.faults.plan(Fault::Busy);
        service.faults.plan(Fault::Cut);
        service.faults.until_seen(&path, 3).await;
        client.cancel(&id).await.expect("withdrawn");
    };
    let (ended, ()) = tokio::join!(client.wait(&id, PATIENCE), ending);
    assert_eq!(ended.expect("ended").status, JobStatus::Cancelled);
}

#[tokio::test]
async fn what_is_wrong_from_the_beginning_is_said_at_once() {
    let service = Service::start().await;
    let client = service.client();
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    let error = client.wait(nobody, PATIENCE).await.expect_err("no job");
    assert!(
        matches!(
            error.code(),
            Some(ErrorCode::JobNotFound | ErrorCode::JobExpired)
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_without_end() {
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let deaf = deaf.expect("a port");
    let base = format!("http://{}", deaf.local_addr().expect("an address"));
    let client = Client::builder(base)
        .timeout(Duration::from_millis(200))
        .retries(1)
        .build();
    let error = client
        .expect("a client")
        .models()
        .await
        .expect_err("silence");
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(error.is_transient());
}
