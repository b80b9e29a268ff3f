//! OpenAI's `json` and `verbose_json`.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{Segment, Transcript, Word};

use super::{Granularity, Listened, milliseconds};

/// Length of the audio, in OpenAI's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DurationUsage {
    /// Always `duration`.
    r#type: &'static str,
    /// Length of the audio, seconds.
    seconds: f64,
}

/// OpenAI's `json`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAiTranscription {
    /// All that was said.
    text: String,
    /// What it is accounted by.
    usage: DurationUsage,
}

/// OpenAI's `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiVerboseTranscription {
    /// `transcribe` or `translate`.
    task: &'static str,
    /// ISO 639-1 code.
    language: String,
    /// Length of the audio, seconds.
    duration: f64,
    /// All that was said.
    text: String,
    /// With `timestamp_granularities[]=word`.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<OpenAiWord>>,
    /// Unless only words were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<OpenAiSegment>>,
    /// What it is accounted by.
    usage: DurationUsage,
}

/// A word in OpenAI's `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiWord {
    /// The word.
    word: String,
    /// Start, seconds.
    start: f64,
    /// End, seconds.
    end: f64,
}

/// A segment in OpenAI's `verbose_json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiSegment {
    /// Position, from 0.
    id: usize,
    /// Start, hundredths of a second.
    seek: u64,
    /// Start, seconds.
    start: f64,
    /// End, seconds.
    end: f64,
    /// The text.
    text: String,
    /// Always empty: token ids differ between models.
    tokens: [u32; 0],
    /// The temperature asked for.
    temperature: f32,
    /// Mean log probability of its tokens.
    avg_logprob: f32,
    /// Length of the text over its length compressed by zlib; high for repetitions.
    compression_ratio: f64,
    /// Probability that there was no speech, 0 to 1.
    no_speech_prob: f32,
}

fn usage(transcript: &Transcript) -> DurationUsage {
    DurationUsage {
        r#type: "duration",
        seconds: transcript.duration,
    }
}

/// OpenAI's `json`.
pub(super) fn json(transcript: &Transcript) -> OpenAiTranscription {
    OpenAiTranscription {
        text: transcript.text(),
        usage: usage(transcript),
    }
}

/// OpenAI's `verbose_json`.
pub(super) fn verbose(
    transcript: &Transcript,
    granularity: Granularity,
    listened: Listened,
) -> OpenAiVerboseTranscription {
    let words = || {
        let words = transcript
            .segments
            .iter()
            .flat_map(|segment| &segment.words);
        let word = |word: &Word| OpenAiWord {
            word: word.word.clone(),
            start: word.start,
            end: word.end,
        };
        words.map(word).collect()
    };
    let segments = || {
        let numbered = transcript.segments.iter().enumerate();
        numbered
            .map(|(id, segment)| openai_segment(id, segment, listened.temperature))
            .collect()
    };
    OpenAiVerboseTranscription {
        task: if listened.translated {
            "translate"
        } else {
            "transcribe"
        },
        language: transcript.language.clone(),
        duration: transcript.duration,
        text: transcript.text(),
        words: granularity.words.then(words),
        segments: granularity.segments.then(segments),
        usage: usage(transcript),
    }
}

fn openai_segment(id: usize, segment: &Segment, temperature: f32) -> OpenAiSegment {
    OpenAiSegment {
        id,
        seek: milliseconds(segment.start) / 10,
        start: segment.start,
        end: segment.end,
        text: segment.text.clone(),
        tokens: [],
        temperature,
        avg_logprob: segment.avg_logprob,
        compression_ratio: compression_ratio(&segment.text),
        no_speech_prob: segment.no_speech_prob,
    }
}

/// As Whisper computes it: UTF-8 bytes of the text over bytes of its zlib form.
#[expect(
    clippy::cast_precision_loss,
    reason = "texts are far shorter than 2^52"
)]
fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish());
    compressed.map_or(1.0, |bytes| text.len() as f64 / bytes.len().max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_shows_in_the_compression_ratio() {
        assert!(compression_ratio(&"again ".repeat(50)) > 2.4);
        assert!(compression_ratio("A sentence as people say them.") < 1.5);
    }
}
