//! Attempts that fail after the server has done its part: another one is made only where it does no harm, and what
//! is done again is computed once.

use futures::TryStreamExt;
use voicefleet_client::{
    AudioFormat, ClientError, JobFilter, NewKey, SpeechJob, SpeechRequest, TranscriptionJob,
    TranscriptionRequest,
};

use crate::support::{
    Service,
    faults::{Fault, Seen},
    recording,
};

const ANY: [Fault; 4] = [Fault::Busy, Fault::Crowded, Fault::Cut, Fault::Torn];

/// How many jobs were computed: neither found nor made for another.
async fn computed(service: &Service) -> usize {
    let jobs: Vec<_> = service
        .client()
        .jobs(JobFilter::default())
        .try_collect()
        .await
        .expect("a list");
    jobs.iter().filter(|job| !job.from_cache).count()
}

fn keys(seen: &[Seen]) -> Vec<&str> {
    let posts = seen.iter().filter(|seen| seen.method == "POST");
    posts
        .map(|seen| seen.idempotency_key.as_deref().expect("a key"))
        .collect()
}

#[tokio::test]
async fn a_submit_that_is_sent_again_is_one_job() {
    for fault in ANY {
        let service = Service::start().await;
        let client = service.client();
        service.faults.plan(fault);
        let job = client.submit_speech(&SpeechJob::new("Hello.")).await;
        let job = job.expect("accepted");
        let other = SpeechJob::new("Good bye.");
        client.submit_speech(&other).await.expect("accepted");

        let seen = service.faults.seen_at("/v1/jobs");
        let [first, again, other] = keys(&seen)[..] else {
            panic!("{fault:?}: {seen:?}");
        };
        assert!(first == again && again != other, "{fault:?}: {seen:?}");
        assert_eq!(
            service.waiting("piper").await + service.waiting("kokoro").await,
            2
        );
        let all = client.jobs(JobFilter::default()).try_collect::<Vec<_>>();
        let all = all.await.expect("a list");
        assert!(all.len() == 2 && all.iter().any(|known| known.id == job.id));
    }
}

#[tokio::test]
async fn a_recording_that_is_sent_again_is_one_job() {
    for fault in ANY {
        let service = Service::start().await;
        service.faults.plan(fault);
        let wanted = TranscriptionJob::new(recording());
        let job = service.client().submit_transcription(&wanted).await;
        job.expect("accepted");
        assert_eq!(service.waiting("whisper").await, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_asked_for_again_while_somebody_waits_is_computed_once() {
    for fault in ANY {
        let service = Service::start().await;
        let _worker = service.worker();
        let client = service.client();
        service.faults.plan(fault);
        let request = SpeechRequest::new("Hello.")
            .model("tts-1")
            .response_format(AudioFormat::Wav);
        let speech = client.speak(&request).await.expect("spoken");
        assert!(speech.bytes.starts_with(b"RIFF"), "{fault:?}");
        assert_eq!(computed(&service).await, 1, "{fault:?}");
        service.faults.plan(fault);
        let request = TranscriptionRequest::new(recording());
        client.transcribe(&request).await.expect("heard");
        assert_eq!(computed(&service).await, 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_never_taken_for_whole() {
    let service = Service::start().await;
    let _worker = service.worker();
    let request = SpeechRequest::new("Hello.").response_format(AudioFormat::Pcm);
    service.faults.plan(Fault::Torn);
    let stream = service.client().speak_streaming(&request).await;
    let broken = stream.expect("a head").bytes().await;
    let broken = broken.map(|bytes| bytes.len());
    let broken = broken.expect_err("half of it");
    assert!(
        matches!(broken, ClientError::Interrupted { .. }),
        "{broken:?}"
    );
}

#[tokio::test]
async fn what_might_be_done_twice_is_not_sent_again_unless_it_was_refused() {
    let service = Service::start().await;
    let client = service.client();
    let posts = || service.faults.seen_at("/v1/keys").len();
    for fault in [Fault::Busy, Fault::Cut, Fault::Torn] {
        let before = posts();
        service.faults.plan(fault);
        let made = client.create_key(&NewKey::new("acme")).await;
        assert!(made.is_err_and(|error| error.is_transient()), "{fault:?}");
        assert_eq!(posts() - before, 1, "{fault:?}");
    }
    let before = posts();
    service.faults.plan(Fault::Crowded);
    let made = client.create_key(&NewKey::new("acme")).await;
    made.expect("made");
    assert_eq!(posts() - before, 2);
}

#[tokio::test]
async fn there_are_as_many_attempts_as_were_asked_for() {
    let service = Service::start().await;
    for retries in [0, 1, 3] {
        let client = service.builder().retries(retries).build();
        let client = client.expect("a client");
        for _ in 0..=retries {
            service.faults.plan(Fault::Busy);
        }
        let before = service.faults.seen().len();
        let error = client.models().await.expect_err("busy to the last");
        let sent = service.faults.seen().len() - before;
        assert_eq!(sent, 1 + retries as usize);
        assert!(error.retry_after().is_some(), "{error:?}");
        client.models().await.expect("no fault is left");
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_once() {
    let service = Service::start().await;
    let wrong = SpeechJob::new("Hello.").voice("nobody");
    let refused = service.client().submit_speech(&wrong).await;
    refused.expect_err("no such voice");
    assert_eq!(service.faults.seen().len(), 1);
}
