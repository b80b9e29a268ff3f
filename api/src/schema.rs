//! Closed sets of names, for the OpenAPI document only. The names themselves come from core.

#![expect(dead_code, reason = "these types describe texts and are never made")]

use utoipa::ToSchema;

/// Speaking or transcribing.
#[derive(ToSchema)]
#[schema(as = Kind, rename_all = "lowercase")]
pub(crate) enum KindName {
    Speech,
    Transcription,
}

/// How urgent a job is.
#[derive(ToSchema)]
#[schema(as = Tier, rename_all = "lowercase")]
pub(crate) enum TierName {
    /// Somebody is waiting with a headset on.
    Realtime,
    /// Somebody is waiting for a page.
    Standard,
    /// Nobody is waiting.
    Batch,
}

/// Where a job stands.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "lowercase")]
pub(crate) enum StatusName {
    /// Accepted and durable.
    Queued,
    /// A worker has it.
    Running,
    /// The result is there.
    Succeeded,
    /// Given up, with a reason.
    Failed,
    /// Withdrawn.
    Cancelled,
    /// The deadline passed.
    Expired,
}

/// A format of speech.
#[derive(ToSchema)]
#[schema(as = AudioFormat, rename_all = "lowercase")]
pub(crate) enum AudioFormatName {
    /// RIFF WAVE, 16 bit, at the voice's own rate.
    Wav,
    /// Headerless 16 bit, little-endian, mono, 24 kHz.
    Pcm,
    /// MPEG layer III.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// FLAC, 16 bit, at the voice's own rate.
    Flac,
}

/// A format of transcripts, as OpenAI has them.
#[derive(ToSchema)]
#[schema(as = TranscriptFormat, rename_all = "snake_case")]
pub(crate) enum TranscriptFormatName {
    Json,
    Text,
    Srt,
    VerboseJson,
    Vtt,
}

/// A file.
#[derive(ToSchema)]
#[schema(as = Binary, value_type = String, format = Binary)]
pub(crate) struct Binary(Vec<u8>);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::PartialSchema;
    use voicefleet_core::{AudioFormat, JobKind, JobState, Tier};

    use super::*;

    fn names<S: PartialSchema>() -> Value {
        let schema = serde_json::to_value(S::schema()).expect("JSON");
        let Some(variants) = schema["oneOf"].as_array() else {
            return schema["enum"].clone();
        };
        variants
            .iter()
            .map(|variant| variant["enum"][0].clone())
            .collect()
    }

    #[test]
    fn the_document_has_the_names_that_core_has() {
        assert_eq!(names::<TierName>(), json!(Tier::ALL.map(Tier::name)));
        assert_eq!(
            names::<StatusName>(),
            json!(JobState::ALL.map(JobState::name))
        );
        assert_eq!(
            names::<AudioFormatName>(),
            json!(AudioFormat::ALL.map(AudioFormat::name))
        );
        let kinds = [JobKind::Speech, JobKind::Transcription].map(JobKind::name);
        assert_eq!(names::<KindName>(), json!(kinds));
        for name in names::<TranscriptFormatName>().as_array().expect("names") {
            let name = name.as_str().expect("a name");
            assert!(
                name.parse::<crate::transcription::formats::TranscriptFormat>()
                    .is_ok(),
                "{name}"
            );
        }
    }
}
