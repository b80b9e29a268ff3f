//! What a caller is told when something does not work.

use std::time::Duration;

use axum::{Router, http::StatusCode, response::Redirect};
use voicefleet_api::KeyPolicy;
use voicefleet_client::{
    AudioFormat, Client, ClientError, ErrorCode, SpeechJob, SpeechRequest, TranscriptionRequest,
    Upload,
};

use crate::support::{Service, serve};

#[tokio::test]
async fn a_refusal_has_its_code_its_field_and_its_place_in_the_log() {
    let service = Service::start().await;
    let client = service.client();
    let problem = client
        .submit_speech(&SpeechJob::new("Hello.").voice("nobody"))
        .await;
    let openai = client
        .speak(&SpeechRequest::new("Hello.").voice("nobody"))
        .await;
    for error in [
        problem.expect_err("a problem"),
        openai.expect_err("OpenAI's error"),
    ] {
        let ClientError::Api {
            status,
            code,
            message,
            param,
            request_id,
            retry_after,
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((status, code), (400, ErrorCode::UnknownVoice));
        assert!(message.contains("nobody"), "{message}");
        assert_eq!(param.as_deref(), Some("voice"));
        assert!(request_id.is_some_and(|id| !id.is_empty()));
        assert_eq!(retry_after, None);
    }
}

#[tokio::test]
async fn each_refusal_has_its_own_code() {
    let service = Service::start().await;
    let client = service.client();
    let noise = TranscriptionRequest::new(Upload::bytes("noise", vec![7_u8; 1000]));
    let noise = client.transcribe(&noise).await.expect_err("no audio");
    assert_eq!(noise.code(), Some(&ErrorCode::NotAudio));
    let empty = client.submit_speech(&SpeechJob::new("")).await;
    let empty = empty.expect_err("no text");
    assert_eq!(empty.code(), Some(&ErrorCode::EmptyText));
    let aac = SpeechRequest::new("Hello.").response_format(AudioFormat::Other("aac".into()));
    let aac = client.speak(&aac).await.expect_err("no such format");
    assert_eq!(aac.code(), Some(&ErrorCode::UnknownFormat));
    let absent = client.get_json("/v2/jobs").await.expect_err("no path");
    assert_eq!(absent.code(), Some(&ErrorCode::NotFound));
}

#[tokio::test]
async fn a_part_that_does_not_answer_says_when_to_come_back() {
    let service = Service::start().await;
    service.queue.outage().set_down(true);
    let client = service
        .builder()
        .longest_pause(Duration::from_secs(1))
        .build();
    let submitted = client
        .expect("a client")
        .submit_speech(&SpeechJob::new("Hello."))
        .await;
    let error = submitted.expect_err("no queue");
    assert_eq!(error.code(), Some(&ErrorCode::Unavailable));
    assert!(error.is_transient() && error.retry_after() > Some(Duration::from_secs(1)));
    // It asks for a longer pause than was allowed for, so there was one attempt.
    assert_eq!(service.faults.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_wants_a_key_says_so() {
    let service = Service::custom(|context| {
        context.keys = KeyPolicy {
            required: true,
            configured: Vec::new(),
        };
    })
    .await;
    let refused = service.client().models().await.expect_err("no key");
    assert_eq!(refused.code(), Some(&ErrorCode::Unauthenticated));
    let client = service.builder().api_key("vf_none_such").build();
    let refused = client.expect("a client").models().await;
    let refused = refused.expect_err("no such key");
    assert_eq!(refused.code(), Some(&ErrorCode::Unauthenticated));
    assert!(!format!("{refused:?}").contains("none_such"));
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_somebody_else_there() {
    let (base, _serving) = serve(Router::new()).await;
    let stranger = Client::builder(&base).build().expect("a client");
    let error = stranger.models().await.expect_err("a stranger");
    assert!(
        matches!(
            error,
            ClientError::Unexpected {
                status: Some(404),
                ..
            }
        ),
        "{error:?}"
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let client = Client::builder(&base).retries(0).build();
    let error = client.expect("a client").models().await;
    let error = error.expect_err("nobody");
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(&base), "{error}");
}

#[tokio::test]
async fn answers_that_are_none_of_ours_are_said_to_be_so() {
    let router = Router::new()
        .route("/v1/models", axum::routing::get(async || "<html>"))
        .route(
            "/v1/voices",
            axum::routing::get(async || Redirect::permanent("https://example.com/")),
        )
        .route(
            "/v1/split",
            axum::routing::get(async || (StatusCode::BAD_GATEWAY, "<html>")),
        );
    let (base, _serving) = serve(router).await;
    let client = Client::builder(&base).retries(0).build();
    let client = client.expect("a client");
    let odd = client.models().await.expect_err("no JSON");
    assert!(
        matches!(odd, ClientError::Unexpected { status: None, .. }),
        "{odd:?}"
    );
    let moved = client.voices().await.expect_err("moved");
    assert!(
        moved.to_string().contains("https://example.com/"),
        "{moved}"
    );
    let broken = client.split().await.expect_err("a broken proxy");
    assert!(broken.is_transient(), "{broken:?}");
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let endless = async || {
        let spaces =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>([b' '; 4096].to_vec()));
        axum::body::Body::from_stream(spaces)
    };
    let router = Router::new().route("/v1/models", axum::routing::get(endless));
    let (base, _serving) = serve(router).await;
    let client = Client::builder(&base).max_in_memory(1 << 20).build();
    let error = client.expect("a client").models().await;
    let error = error.expect_err("without end");
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error:?}");
}
