//! Speech that is sent while the rest of it is still being made.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use voicefleet_audio::Codec;
use voicefleet_core::{
    AudioFormat, Pcm,
    ports::{AudioCodec as _, AudioLimits, JobRecords as _},
};

use crate::support::{
    Api,
    client::Underway,
    speaker::{CHUNK, Speaker, whole},
};

const SPEECH: &str = "/v1/audio/speech";

pub(crate) fn request(format: AudioFormat, delivery: &str) -> Value {
    json!({"model": "tts-1", "input": "One. Two. Three.", "voice": "alloy",
        "response_format": format.name(), "stream_format": delivery})
}

/// Asks for a speech; comes back with its head and its worker, who has made the first of three chunks.
pub(crate) async fn begun(api: &Api, format: AudioFormat, delivery: &str) -> (Underway, Speaker) {
    let body = request(format, delivery);
    let speaking = async {
        let mut speaker = Speaker::take(api).await;
        speaker.chunk().await;
        speaker
    };
    let (answer, speaker) = tokio::join!(api.begin(SPEECH, &body), speaking);
    assert_eq!(answer.status, 200);
    (answer, speaker)
}

/// The samples of a file, and whether it is one: that is for the decoder to say.
fn heard(file: &[u8]) -> Pcm {
    let limits = AudioLimits::default();
    Codec.decode(file, None, limits).expect("a file")
}

async fn stored(api: &Api, speaker: &str, format: AudioFormat) -> Vec<u8> {
    let path = format!("/v1/jobs/{speaker}/result?format={}", format.name());
    api.get(&path).await.expect(200).body.to_vec()
}

/// With a true length in both places of its header.
fn mended(mut wav: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(wav.len()).expect("short");
    for (at, size) in [(4, length - 8), (40, length - 44)] {
        assert_eq!(wav[at..at + 4], [0xff; 4]);
        wav[at..at + 4].copy_from_slice(&size.to_le_bytes());
    }
    wav
}

#[tokio::test]
async fn the_first_chunk_is_heard_before_the_second_is_made() {
    for format in AudioFormat::ALL {
        let api = Api::new();
        let (mut answer, mut speaker) = begun(&api, format, "audio").await;
        let id = speaker.job.id.to_string();
        assert_eq!(answer.headers["content-type"], format.content_type());
        assert_eq!(answer.headers["x-voicefleet-job-id"], id);
        assert_eq!(answer.headers["x-voicefleet-cache"], "miss");
        for absent in ["content-length", "server-timing"] {
            assert!(!answer.headers.contains_key(absent), "{absent}");
        }
        let mut file = answer.next().await.expect("bytes").expect("bytes").to_vec();
        let first = file.len();
        speaker.chunk().await;
        file.extend(answer.next().await.expect("bytes").expect("bytes"));
        speaker.finish().await;
        file.extend(answer.rest().await.expect("whole"));
        // A third, less what the encoder keeps back.
        assert!(
            first * 4 > file.len(),
            "{format}: {first} of {}",
            file.len()
        );
        let stored = stored(&api, &id, format).await;
        match format {
            AudioFormat::Pcm => assert!(file == stored, "pcm"),
            AudioFormat::Wav => assert!(mended(file) == stored, "wav"),
            AudioFormat::Flac | AudioFormat::Opus => {
                let (ours, whole) = (heard(&file), heard(&stored));
                assert_eq!(ours.samples.len(), whole.samples.len(), "{format}");
                assert!(ours == whole, "{format}");
            }
            // Without a header that says how much padding there is, it is heard.
            AudioFormat::Mp3 => {
                let (ours, whole) = (heard(&file), heard(&stored));
                let padding = ours.samples.len() - whole.samples.len();
                assert!(padding < 3 * 1152, "{padding}");
            }
        }
        if format != AudioFormat::Mp3 {
            continue;
        }
        let again = api
            .post(SPEECH, &request(format, "audio"))
            .await
            .expect(200);
        assert_eq!(again.header("content-length"), again.body.len().to_string());
        assert_eq!(again.header("x-voicefleet-cache"), "hit");
        assert!(again.headers.contains_key("server-timing"));
    }
}

/// The audio of the events in `text`, and the type of the last event.
fn events(text: &[u8]) -> (Vec<u8>, Value) {
    let text = std::str::from_utf8(text).expect("text");
    let mut audio = Vec::new();
    let mut last = Value::Null;
    for event in text.split_terminator("\n\n") {
        let data = event.lines().find_map(|line| line.strip_prefix("data: "));
        last = serde_json::from_str(data.expect("data")).expect("JSON");
        if last["type"] == "speech.audio.delta" {
            let delta = last["audio"].as_str().expect("base64");
            audio.extend(BASE64_STANDARD.decode(delta).expect("base64"));
        }
    }
    (audio, last)
}

#[tokio::test]
async fn events_come_as_the_chunks_are_made() {
    let api = Api::new();
    let (mut answer, mut speaker) = begun(&api, AudioFormat::Pcm, "sse").await;
    let id = speaker.job.id.to_string();
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let mut text = answer
        .next()
        .await
        .expect("an event")
        .expect("an event")
        .to_vec();
    let (audio, last) = events(&text);
    assert_eq!(last["type"], "speech.audio.delta");
    assert!(audio.len() > 2 * CHUNK * 9 / 10, "{}", audio.len());
    speaker.chunk().await;
    speaker.finish().await;
    text.extend(answer.rest().await.expect("whole"));
    let (audio, last) = events(&text);
    assert_eq!(last["type"], "speech.audio.done");
    assert!(last["usage"].is_object());
    assert!(audio == stored(&api, &id, AudioFormat::Pcm).await);
}

/// The result goes on with the sample at which the chunks left off, whatever is left of them.
#[tokio::test]
async fn a_chunk_that_is_gone_comes_from_the_result() {
    for (kept, lost) in [(0, 0), (1, 0), (0, 1)] {
        let api = Api::new();
        let (mut answer, mut speaker) = begun(&api, AudioFormat::Wav, "audio").await;
        let id = speaker.job.id.to_string();
        for _ in 0..kept {
            speaker.chunk().await;
        }
        for _ in 0..lost {
            let advanced = speaker.chunk_without_keeping().await;
            advanced.expect("it is still ours");
        }
        // All chunks are deleted before anything is read of them.
        speaker.finish().await;
        let file = mended(answer.rest().await.expect("whole"));
        assert!(file == stored(&api, &id, AudioFormat::Wav).await);
        assert_eq!(heard(&file).samples.len(), 3 * CHUNK);
    }
}

/// Nothing is to be heard early where nobody has said where the chunks are.
#[tokio::test]
async fn without_any_chunk_the_answer_is_whole() {
    let api = Api::new();
    let body = request(AudioFormat::Wav, "audio");
    let speaking = async {
        let mut speaker = Speaker::take(&api).await;
        let advanced = speaker.chunk_without_keeping().await;
        advanced.expect("it is still ours");
        speaker.finish().await;
    };
    let (answer, ()) = tokio::join!(api.post(SPEECH, &body), speaking);
    let answer = answer.expect(200);
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    assert_eq!(heard(&answer.body).samples.len(), 3 * CHUNK);
}

#[tokio::test]
async fn bytes_break_off_when_the_work_fails() {
    let api = Api::new();
    let (mut answer, speaker) = begun(&api, AudioFormat::Mp3, "audio").await;
    answer.next().await.expect("bytes").expect("bytes");
    speaker.fail().await;
    let broken = answer.next().await.expect("something");
    assert!(broken.is_err(), "{broken:?}");
}

#[tokio::test]
async fn events_end_with_why_the_work_failed() {
    let api = Api::new();
    let (mut answer, speaker) = begun(&api, AudioFormat::Pcm, "sse").await;
    speaker.fail().await;
    let text = answer.rest().await.expect("an orderly end");
    let (audio, last) = events(&text);
    assert!(!audio.is_empty());
    assert_eq!(last["type"], "error");
    assert_eq!(last["error"]["code"], "engine_failed");
    assert_eq!(last["error"]["type"], "server_error");
    assert!(text.windows(14).any(|line| line == b"\nevent: error\n"));
}

/// A job that was begun anew elsewhere: what follows would not join on to what has been sent.
#[tokio::test]
async fn a_result_that_is_another_speech_is_not_joined_on() {
    let api = Api::new();
    let (mut answer, speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let mut other = whole();
    other.samples[5] += 0.01;
    speaker.finish_as(&other).await;
    assert!(answer.rest().await.is_err());
}

#[tokio::test]
async fn a_follower_hears_the_chunks_of_the_one_it_follows() {
    let api = Api::new();
    let (mut first, mut speaker) = begun(&api, AudioFormat::Pcm, "audio").await;
    let body = request(AudioFormat::Pcm, "audio");
    let mut second = api.begin(SPEECH, &body).await;
    assert_eq!(second.headers["x-voicefleet-cache"], "follow");
    let mut heard = second.next().await.expect("bytes").expect("bytes").to_vec();
    speaker.chunk().await;
    heard.extend(second.next().await.expect("bytes").expect("bytes"));
    speaker.finish().await;
    heard.extend(second.rest().await.expect("whole"));
    assert!(heard == first.rest().await.expect("whole"));
    assert_eq!(heard.len(), 2 * (3 * CHUNK * 24_000).div_ceil(22_050));
}

/// The work is not lost: the client is told to come back, by the broken body.
#[tokio::test]
async fn a_server_that_closes_breaks_off_and_leaves_the_job() {
    let api = Api::new();
    let (mut answer, speaker) = begun(&api, AudioFormat::Pcm, "sse").await;
    api.stop.closing.cancel();
    let (_, last) = events(&answer.rest().await.expect("an orderly end"));
    assert_eq!(last["error"]["code"], "unavailable");
    drop(answer);
    api.tasks.close();
    api.tasks.wait().await;
    let job = api.records.get(speaker.job.id).await.expect("recorded");
    assert_eq!(job.state.name(), "running");
}
