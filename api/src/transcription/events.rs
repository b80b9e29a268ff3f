//! A transcript as OpenAI's server-sent events.

use serde_json::{Value, json};
use voicefleet_core::Transcript;

/// A `transcript.text.delta` for each segment, which together have the whole text, then `transcript.text.done`.
pub(crate) fn of_transcript(transcript: &Transcript) -> String {
    let segments = transcript.segments.iter().enumerate();
    let deltas = segments.map(|(index, segment)| {
        let space = if index == 0 { "" } else { " " };
        json!({"type": "transcript.text.delta", "delta": format!("{space}{}", segment.text)})
    });
    let usage = json!({"type": "duration", "seconds": transcript.duration});
    let done = json!({"type": "transcript.text.done", "text": transcript.text(), "usage": usage});
    deltas.chain([done]).map(|event| written(&event)).collect()
}

fn written(event: &Value) -> String {
    format!("data: {event}\n\n")
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Segment;

    use super::*;

    #[test]
    fn the_deltas_are_the_text() {
        let segment = |text: &str| Segment {
            start: 0.0,
            end: 1.0,
            text: text.to_owned(),
            words: Vec::new(),
            avg_logprob: 0.0,
            no_speech_prob: 0.0,
        };
        let transcript = Transcript {
            language: "en".to_owned(),
            duration: 2.5,
            segments: vec![segment("One."), segment("Two\nlines.")],
        };
        let events: Vec<Value> = of_transcript(&transcript)
            .split_terminator("\n\n")
            .map(|event| serde_json::from_str(&event[6..]).expect("JSON"))
            .collect();
        let heard: String = events
            .iter()
            .filter_map(|event| event["delta"].as_str())
            .collect();
        let done = events.last().expect("events");
        assert_eq!(
            (&done["type"], &done["text"]),
            (&json!("transcript.text.done"), &json!(heard))
        );
        assert_eq!(heard, transcript.text());
        assert_eq!(done["usage"]["seconds"], 2.5);
    }
}
