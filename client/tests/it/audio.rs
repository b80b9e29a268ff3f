//! Speech and transcripts while the caller waits.

use futures::TryStreamExt;
use voicefleet_client::{
    AudioFormat, ClientError, Granularity, SpeechRequest, TranscriptFormat, TranscriptionRequest,
    Upload,
};

use crate::support::{Service, recording, tone, worker::HEARD};

#[tokio::test]
async fn speech_comes_whole_or_in_pieces() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let request = SpeechRequest::new("Hello.")
        .model("tts-1")
        .voice("alloy")
        .speed(1.0)
        .response_format(AudioFormat::Pcm);
    let whole = client.speak(&request).await.expect("spoken");
    assert!(whole.bytes.len() > 24_000 && whole.content_type.is_some());
    let stream = client.speak_streaming(&request).await.expect("spoken");
    assert_eq!(stream.content_type(), whole.content_type.as_deref());
    let job = stream.job_id().expect("a job").to_owned();
    let pieces: Vec<_> = stream.try_collect().await.expect("all of it");
    assert_eq!(pieces.concat(), whole.bytes);
    assert!(client.job(&job).await.expect("a job").from_cache);
}

#[tokio::test]
async fn speech_is_saved_piece_by_piece() {
    let service = Service::start().await;
    let _worker = service.worker();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("question.wav");
    let request = SpeechRequest::new("Hello.").response_format(AudioFormat::Wav);
    let stream = service.client().speak_streaming(&request).await;
    let written = stream.expect("spoken").save(&path).await.expect("saved");
    let saved = std::fs::read(&path).expect("a file");
    assert!(saved.starts_with(b"RIFF") && saved.len() as u64 == written);
}

#[tokio::test]
async fn more_than_is_read_into_memory_is_an_error_and_can_be_streamed() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.builder().max_in_memory(1_000).build();
    let client = client.expect("a client");
    let request = SpeechRequest::new("Hello.").response_format(AudioFormat::Wav);
    let refused = client.speak(&request).await.expect_err("too much");
    assert!(
        matches!(refused, ClientError::TooLarge { limit: 1_000 }),
        "{refused:?}"
    );
    let stream = client.speak_streaming(&request).await.expect("spoken");
    let refused = stream.bytes().await.expect_err("too much");
    assert!(
        matches!(refused, ClientError::TooLarge { limit: 1_000 }),
        "{refused:?}"
    );
    let mut stream = client.speak_streaming(&request).await.expect("spoken");
    let mut length = 0;
    while let Some(piece) = stream.try_next().await.expect("a piece") {
        length += piece.len();
    }
    assert!(length > 1_000);
}

#[tokio::test]
async fn a_recording_is_transcribed_in_every_format() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let request = TranscriptionRequest::new(recording())
        .model("whisper-base")
        .language("en")
        .prompt("Hello")
        .temperature(0.2_f32);
    let heard = client.transcribe(&request).await.expect("heard");
    assert_eq!(heard.text, HEARD);
    assert!((heard.usage.seconds - 1.0).abs() < 0.01);
    let both = [Granularity::Segment, Granularity::Word];
    let verbose = client.transcribe_verbose(&request, &both).await;
    let verbose = verbose.expect("heard");
    assert_eq!(
        (
            verbose.text.as_str(),
            verbose.words.len(),
            verbose.segments.len()
        ),
        (HEARD, 2, 1)
    );
    assert_eq!(verbose.language, "en");
    for (format, beginning) in [
        (TranscriptFormat::Text, HEARD),
        (TranscriptFormat::Srt, "1\n"),
        (TranscriptFormat::Vtt, "WEBVTT"),
    ] {
        let text = client.transcribe_as(&request, format.clone()).await;
        let text = text.expect("heard");
        assert!(text.starts_with(beginning), "{format}: {text}");
    }
}

#[tokio::test]
async fn a_recording_is_translated() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let request = TranscriptionRequest::new(recording()).model("whisper-base");
    assert_eq!(client.translate(&request).await.expect("heard").text, HEARD);
    let verbose = client.translate_verbose(&request).await.expect("heard");
    assert_eq!(verbose.task, "translate");
    let srt = client.translate_as(&request, TranscriptFormat::Srt).await;
    assert!(srt.expect("heard").contains(HEARD));
}

#[tokio::test]
async fn a_file_is_sent_as_it_is_read() {
    let service = Service::start().await;
    let _worker = service.worker();
    let client = service.client();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("answer.wav");
    std::fs::write(&path, tone(2)).expect("written");
    let request = TranscriptionRequest::new(Upload::file(&path));
    let heard = client.transcribe(&request).await.expect("heard");
    assert!((heard.usage.seconds - 2.0).abs() < 0.01);
    let absent = folder.path().join("absent.wav");
    let request = TranscriptionRequest::new(Upload::file(&absent));
    let error = client.transcribe(&request).await.expect_err("no file");
    assert!(error.to_string().contains("absent.wav"), "{error}");
}
