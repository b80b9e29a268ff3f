//! A voice in memory.

use std::{borrow::Cow, path::Path};

use voicefleet_core::{
    ErrorCode, Failure, Pcm,
    ports::{EngineError, SpeechChunk, SpeechEngine, SpeechRequest},
};
use voicefleet_onnx::Lanes;
use voicefleet_phonemes::{Espeak, EspeakError};
use voicefleet_verbalise::verbalise;

use crate::{
    config::{Speakers, VoiceConfig},
    pieces::pieces,
    sentences::sentences,
    vits::{Utterance, VoiceNetwork, opener},
};

/// Phonemes in one run at speed 1.
const PHONEMES_PER_RUN: f32 = 250.0;

/// Phonemes that are spoken to see whether a prepared voice says the same as the published one.
const PROBE: usize = 50;

/// A voice, ready to speak.
pub(crate) struct PiperEngine {
    name: String,
    config: VoiceConfig,
    espeak: Espeak,
    networks: Lanes<VoiceNetwork>,
}

impl PiperEngine {
    /// Opens the network `onnx`, whose content has the digest `digest`, of the voice `name`.
    pub(crate) fn open(
        name: &str,
        onnx: &Path,
        digest: &str,
        config: VoiceConfig,
        espeak: Espeak,
        lanes: usize,
    ) -> Result<Self, EngineError> {
        let probe = Utterance {
            ids: config.ids.sample(PROBE),
            scales: [0.0, 1.0, 0.0],
            speaker: matches!(config.speakers, Speakers::Several { .. }).then_some(0),
        };
        let networks = Lanes::new(lanes, opener(onnx, digest, &probe, lanes)?)?;
        let engine = Self {
            name: name.to_owned(),
            config,
            espeak,
            networks,
        };
        engine.check_inputs(onnx)?;
        Ok(engine)
    }

    /// The network must take what Piper's networks take.
    fn check_inputs(&self, onnx: &Path) -> Result<(), EngineError> {
        let mut expected = vec!["input", "input_lengths", "scales"];
        if matches!(self.config.speakers, Speakers::Several { .. }) {
            expected.push("sid");
        }
        let mut found = self.networks.with(|network| network.inputs())?;
        found.sort();
        expected.sort_unstable();
        if found == expected {
            return Ok(());
        }
        Err(EngineError::Load(format!(
            "{} does not fit its configuration: it takes {found:?}, not {expected:?}",
            onnx.display()
        )))
    }

    /// English numbers, money, dates and abbreviations in words; espeak-ng reads "$5.20" as "dollar five
    /// point two zero". Plain prose stays as it is, and so do Piper's own phonemes for it.
    fn readable<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.config.espeak_voice.starts_with("en") {
            Cow::Owned(verbalise(text))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The speaker id for a voice: the model's name, or `name#speaker` where the model has several.
    fn speaker(&self, voice: &str) -> Result<Option<i64>, EngineError> {
        let (name, speaker) = match voice.split_once('#') {
            Some((name, speaker)) => (name, Some(speaker)),
            None => (voice, None),
        };
        match self.config.speakers.id(speaker) {
            Ok(id) if name == self.name => Ok(id),
            _ => {
                let message = format!("the model '{}' has no voice '{voice}'", self.name);
                let failure = Failure::of_field(ErrorCode::UnknownVoice, "voice", message);
                Err(EngineError::Refused(failure))
            }
        }
    }

    /// The most phonemes that one run may take, so that its memory stays bounded: slower speech is
    /// more audio for the same phonemes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and PHONEMES_PER_RUN"
    )]
    fn phonemes_per_run(&self, speed: f32) -> usize {
        (PHONEMES_PER_RUN * (speed / self.config.inference.length_scale).min(1.0)) as usize
    }

    /// The sentences of a text, in phonemes; a line break ends one.
    fn sentences(&self, text: &str) -> Result<Vec<String>, EngineError> {
        let mut all = Vec::new();
        for line in text.lines() {
            let clauses = self.espeak.clauses(&self.config.espeak_voice, line);
            all.extend(sentences(clauses.map_err(from_espeak)?));
        }
        Ok(all)
    }

    /// Whether the voice has anything to say for these phonemes; marks alone are no speech.
    fn is_speech(&self, phonemes: &str) -> bool {
        let is_sound = |c: char| c != ' ' && !c.is_ascii_punctuation();
        phonemes
            .chars()
            .any(|c| is_sound(c) && self.config.ids.knows(c))
    }
}

impl SpeechEngine for PiperEngine {
    fn plan(&self, request: &SpeechRequest) -> Result<Vec<SpeechChunk>, EngineError> {
        self.speaker(&request.voice)?;
        check_speed(request.speed)?;
        let limit = self.phonemes_per_run(request.speed);
        let chunk = |phonemes: String| SpeechChunk {
            phonemes,
            voice: request.voice.clone(),
            speed: request.speed,
            // As in piper-tts: the pause after a sentence is in its audio already.
            pause_ms: 0,
        };
        let sentences = self.sentences(&self.readable(&request.text))?;
        let chunks: Vec<_> = sentences
            .iter()
            .flat_map(|sentence| pieces(sentence, limit))
            .filter(|phonemes| self.is_speech(phonemes))
            .map(chunk)
            .collect();
        if chunks.is_empty() {
            let message = "the text has nothing that this voice can speak";
            let failure = Failure::of_field(ErrorCode::UnspeakableText, "input", message);
            return Err(EngineError::Refused(failure));
        }
        Ok(chunks)
    }

    fn speak(&self, chunk: &SpeechChunk) -> Result<Pcm, EngineError> {
        let speaker = self.speaker(&chunk.voice)?;
        check_speed(chunk.speed)?;
        let scales = self.config.inference;
        let utterance = Utterance {
            ids: self.config.ids.sequence(&chunk.phonemes),
            scales: [
                scales.noise_scale,
                scales.length_scale / chunk.speed,
                scales.noise_w,
            ],
            speaker,
        };
        let mut samples = self.networks.with(|network| network.say(utterance))??;
        normalise(&mut samples);
        let rate = self.config.sample_rate;
        let pause = u64::from(rate) * u64::from(chunk.pause_ms) / 1000;
        samples.resize(samples.len() + usize::try_from(pause).unwrap_or(0), 0.0);
        Ok(Pcm { samples, rate })
    }
}

fn check_speed(speed: f32) -> Result<(), EngineError> {
    if (0.25..=4.0).contains(&speed) {
        return Ok(());
    }
    let message = format!("the speed {speed} is not between 0.25 and 4");
    let failure = Failure::of_field(ErrorCode::SpeedOutOfRange, "speed", message);
    Err(EngineError::Refused(failure))
}

/// Scales the samples so that the loudest is 1, as piper-tts does with every sentence.
fn normalise(samples: &mut [f32]) {
    let peak = samples
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    // Below this it is silence (1e-8 in piper-tts), and must not become noise.
    let gain = if peak < 1e-8 { 0.0 } else { peak.recip() };
    for sample in samples {
        *sample = (*sample * gain).clamp(-1.0, 1.0);
    }
}

fn from_espeak(error: EspeakError) -> EngineError {
    match error {
        EspeakError::ControlCharacter { .. } | EspeakError::TooLong(_) => {
            let message = error.to_string();
            EngineError::Refused(Failure::of_field(
                ErrorCode::InvalidRequest,
                "input",
                message,
            ))
        }
        other => EngineError::Load(other.to_string()),
    }
}
