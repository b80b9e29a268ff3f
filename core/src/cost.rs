//! How many seconds of one core a job is going to take: the unit of backlog and of demand.

use crate::spec::JobSpec;

/// Seconds of speech per character of English text at speed 1 (about 15 characters a second; measured
/// on Piper's joe and Kokoro's `af_heart` over the round-trip sentences: 0.062 to 0.071).
const SPEECH_SECONDS_PER_CHAR: f64 = 0.067;

/// Compute-seconds per second of audio on one core of a 2024 server CPU, int8 where the engine has it.
/// Starting values: they are replaced by what finished jobs show.
const PIPER_RATE: f64 = 0.05;
const KOKORO_RATE: f64 = 0.30;
const WHISPER_RATE: f64 = 0.15;
const UNKNOWN_RATE: f64 = 0.30;

/// Compute-seconds that every job costs whatever its length (decode, plan, store).
const FIXED_SECONDS: f64 = 0.02;

/// Estimated compute-seconds of `spec` on one core; always above 0.
#[expect(
    clippy::cast_precision_loss,
    reason = "texts are far shorter than 2^52 characters"
)]
pub fn estimate(spec: &JobSpec) -> f64 {
    let audio_seconds = match spec {
        JobSpec::Speech(speech) => {
            speech.text.chars().count() as f64 * SPEECH_SECONDS_PER_CHAR
                / f64::from(speech.speed.max(0.1))
        }
        JobSpec::Transcription(transcription) => transcription.audio_seconds.max(0.0),
    };
    let rate = match spec.engine().as_str() {
        "piper" => PIPER_RATE,
        "kokoro" => KOKORO_RATE,
        "whisper" => WHISPER_RATE,
        _ => UNKNOWN_RATE,
    };
    FIXED_SECONDS + audio_seconds * rate
}
