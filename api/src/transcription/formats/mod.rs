//! A transcript in the formats that OpenAI's clients know, and as the job API gives it.

mod openai;
mod subtitles;

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;
use voicefleet_core::{ErrorCode, Failure, Transcript, TranscriptionSpec, Word};

pub(crate) use openai::{OpenAiTranscription, OpenAiVerboseTranscription};

/// How a transcript is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TranscriptFormat {
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
}

impl FromStr for TranscriptFormat {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        match name {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "srt" => Ok(Self::Srt),
            "verbose_json" => Ok(Self::VerboseJson),
            "vtt" => Ok(Self::Vtt),
            _ => {
                let shown: String = name.chars().take(32).collect();
                let message = format!(
                    "unknown format '{shown}'; use one of json, text, srt, verbose_json, vtt"
                );
                Err(Failure::new(ErrorCode::UnknownFormat, message))
            }
        }
    }
}

/// What `verbose_json` holds besides the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granularity {
    pub(crate) segments: bool,
    pub(crate) words: bool,
}

/// A body with its media type.
pub(crate) struct Rendered {
    pub(crate) body: String,
    pub(crate) content_type: &'static str,
}

/// The whole transcript, as `/v1/jobs/{id}/result` gives it. Times are seconds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TranscriptBody {
    /// All that was said.
    text: String,
    /// ISO 639-1 code, given or detected; empty when nothing was said.
    #[schema(example = "en")]
    language: String,
    /// Length of the audio, seconds.
    duration: f64,
    /// The segments in time order.
    segments: Vec<TranscriptSegment>,
}

/// A stretch of speech.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TranscriptSegment {
    /// Start, seconds.
    start: f64,
    /// End, seconds.
    end: f64,
    /// The text.
    text: String,
    /// Mean log probability of its tokens.
    avg_logprob: f32,
    /// Probability that there was no speech, 0 to 1.
    no_speech_prob: f32,
    /// Its words.
    words: Vec<TranscriptWord>,
}

/// A word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TranscriptWord {
    /// The word.
    word: String,
    /// Start, seconds.
    start: f64,
    /// End, seconds.
    end: f64,
    /// Probability that the model gave it, 0 to 1.
    probability: f32,
}

/// The whole transcript as JSON.
pub(crate) fn full(transcript: &Transcript) -> TranscriptBody {
    TranscriptBody {
        text: transcript.text(),
        language: transcript.language.clone(),
        duration: transcript.duration,
        segments: segments(transcript),
    }
}

/// The segments as JSON, each with its words.
pub(crate) fn segments(transcript: &Transcript) -> Vec<TranscriptSegment> {
    let segments = transcript.segments.iter();
    let segments = segments.map(|segment| TranscriptSegment {
        start: segment.start,
        end: segment.end,
        text: segment.text.clone(),
        avg_logprob: segment.avg_logprob,
        no_speech_prob: segment.no_speech_prob,
        words: segment.words.iter().map(word).collect(),
    });
    segments.collect()
}

/// All words as JSON.
pub(crate) fn words(transcript: &Transcript) -> Vec<TranscriptWord> {
    let segments = transcript.segments.iter();
    segments
        .flat_map(|segment| &segment.words)
        .map(word)
        .collect()
}

fn word(word: &Word) -> TranscriptWord {
    TranscriptWord {
        word: word.word.clone(),
        start: word.start,
        end: word.end,
        probability: word.probability,
    }
}

/// How the transcript came about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Listened {
    pub(crate) temperature: f32,
    pub(crate) translated: bool,
}

impl From<&TranscriptionSpec> for Listened {
    fn from(spec: &TranscriptionSpec) -> Self {
        Self {
            temperature: spec.temperature,
            translated: spec.translate,
        }
    }
}

/// The transcript in one of OpenAI's formats.
pub(crate) fn render(
    transcript: &Transcript,
    format: TranscriptFormat,
    granularity: Granularity,
    listened: Listened,
) -> Result<Rendered, serde_json::Error> {
    let (body, content_type) = match format {
        TranscriptFormat::Json => (
            serde_json::to_string(&openai::json(transcript))?,
            "application/json",
        ),
        TranscriptFormat::VerboseJson => {
            let verbose = openai::verbose(transcript, granularity, listened);
            (serde_json::to_string(&verbose)?, "application/json")
        }
        TranscriptFormat::Text => {
            let text = format!("{}\n", transcript.text());
            (text, "text/plain; charset=utf-8")
        }
        TranscriptFormat::Srt => (
            subtitles::srt(transcript),
            "application/x-subrip; charset=utf-8",
        ),
        TranscriptFormat::Vtt => (subtitles::vtt(transcript), "text/vtt; charset=utf-8"),
    };
    Ok(Rendered { body, content_type })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time in ms is positive and far below 2^63"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Segment;

    use super::*;

    fn transcript() -> Transcript {
        let segment = |start: f64, end: f64, text: &str| Segment {
            start,
            end,
            text: text.to_owned(),
            avg_logprob: -0.25,
            no_speech_prob: 0.5,
            words: vec![Word {
                word: text.to_owned(),
                start,
                end,
                probability: 0.75,
            }],
        };
        Transcript {
            language: "en".to_owned(),
            duration: 3_725.5,
            segments: vec![
                segment(0.0, 1.5, "Hello\n\nthere."),
                segment(3_723.004, 3_725.0, "1 < 2 & 3."),
            ],
        }
    }

    fn rendered(format: TranscriptFormat, words: bool) -> String {
        let granularity = Granularity {
            segments: !words,
            words,
        };
        render(&transcript(), format, granularity, Listened::default())
            .expect("renders")
            .body
    }

    #[test]
    fn subtitles_have_clock_times_and_no_blank_line_within_a_cue() {
        assert_eq!(
            rendered(TranscriptFormat::Srt, false),
            "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:02:03,004 --> 01:02:05,000\n1 < 2 & 3.\n\n"
        );
        assert_eq!(
            rendered(TranscriptFormat::Vtt, false),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n01:02:03.004 --> 01:02:05.000\n1 &lt; 2 &amp; 3.\n\n"
        );
    }

    #[test]
    fn verbose_json_holds_the_granularity_that_was_asked_for() {
        let json = |words| -> serde_json::Value {
            serde_json::from_str(&rendered(TranscriptFormat::VerboseJson, words)).expect("JSON")
        };
        let by_segment = json(false);
        assert_eq!(by_segment["segments"][1]["seek"], 372_300);
        assert_eq!(by_segment["segments"][0]["tokens"], serde_json::json!([]));
        assert!(by_segment.get("words").is_none());
        let by_word = json(true);
        assert_eq!(by_word["words"][1]["end"], 3_725.0);
        assert!(by_word.get("segments").is_none());
    }
}
