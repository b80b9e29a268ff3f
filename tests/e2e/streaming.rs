//! Speech is heard while the rest of it is being made, and is the stored speech all the same.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{JOE, fresh_server};

const STORY: &str = "The ferry left before sunrise. Nobody on deck spoke, and the engine hummed. \
    An hour later the first houses came into sight! Who would be waiting there? \
    The captain rang the bell twice. Then the ropes were thrown, and everybody went ashore. \
    It was a quiet morning. The market had not opened yet. We walked up the hill. \
    From there we saw the whole bay, and the ferry, already on its way back.";

/// The audio of each event, in order; the last event must be the orderly one.
fn deltas(text: &str) -> Vec<Vec<u8>> {
    let mut events: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|event| {
            let data = event.strip_prefix("data: ").expect("an event with data");
            serde_json::from_str(data).expect("JSON")
        })
        .collect();
    let last = events.pop().expect("events");
    assert_eq!(last["type"], "speech.audio.done");
    let delta = |event: &Value| {
        let audio = event["audio"].as_str().expect("audio");
        BASE64_STANDARD.decode(audio).expect("base64")
    };
    events.iter().map(delta).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    let (pairs, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "half a sample");
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Resampled to 24 kHz on the way, which is where joins would click.
#[tokio::test]
async fn streamed_speech_is_the_stored_one_and_has_no_jump_at_its_joins() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let body = json!({"model": "piper", "voice": JOE, "input": STORY, "response_format": "pcm",
        "stream_format": "sse"});
    let answer = client
        .send(client.request(Method::POST, "/v1/audio/speech").json(&body))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        !answer.headers.contains_key("content-length"),
        "it was sent in one"
    );
    let id = answer.headers["x-voicefleet-job-id"].to_str();
    let id = id.expect("text").to_owned();
    let pieces = deltas(std::str::from_utf8(&answer.body).expect("text"));
    let streamed = samples(&pieces.concat());
    let path = format!("/v1/jobs/{id}/result?format=pcm");
    let stored = client.get(&path).await.expect("an answer");
    assert!(streamed == samples(&stored.body), "not what is stored");

    let mut seams = BTreeSet::new();
    let mut at = 0;
    for piece in &pieces {
        at += piece.len() / 2;
        seams.insert(at);
    }
    let (mut at_seams, mut elsewhere) = (0, 0);
    for (index, pair) in streamed.windows(2).enumerate() {
        let step = pair[0].abs_diff(pair[1]);
        let highest = if seams.contains(&(index + 1)) {
            &mut at_seams
        } else {
            &mut elsewhere
        };
        *highest = step.max(*highest);
    }
    assert!(seams.len() > 5, "{} pieces", seams.len());
    assert!(at_seams <= elsewhere, "{at_seams}, elsewhere {elsewhere}");
    server.stop().await.expect("stops");
}
