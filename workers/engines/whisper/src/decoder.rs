//! One pass of the model over up to 30 s of audio.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use voicefleet_core::ports::EngineError;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperError, WhisperState, WhisperToken,
    WhisperTokenId,
};

use crate::{
    language::Languages,
    quality::{self, Quality},
};

/// Candidates that beam search keeps, at temperature 0.
const BEAMS: i32 = 5;

/// Candidates that are sampled, at temperatures above 0; the most probable one is taken.
const CANDIDATES: i32 = 5;

/// Step from one temperature to the next when a text is no good.
const TEMPERATURE_STEP: f32 = 0.2;

/// Temperature from which decoding starts over if all below gave a loop.
const LOOP_BREAKING_TEMPERATURE: f32 = 0.6;

/// One less than the tokens that whisper.cpp decodes in a pass (half the text context, less 4): a pass
/// ends by this bound, not by whisper.cpp's own, after which its alignment can abort the process.
const MOST_TOKENS: u16 = 219;

/// Shorter audio is filled up with silence, samples: whisper.cpp skips audio below 0.1 s, and its
/// alignment aborts the process below 0.16 s.
const SHORTEST: usize = 8_000;

/// Least speech that a pace is reckoned with, seconds.
const SHORTEST_SPEECH: f64 = 0.2;

/// Error code with which `whisper_full_with_state` says that it has freed the state.
const STATE_FREED: i32 = -7;

/// A text token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Token {
    /// Its text; a character may be spread over several tokens.
    pub(crate) bytes: Vec<u8>,
    pub(crate) probability: f32,
    pub(crate) log_probability: f32,
    /// When it has been said, seconds from the start of the pass; `None` if it could not be aligned.
    pub(crate) said_at: Option<f64>,
}

/// What a pass consists of, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// A piece of text.
    Text(Token),
    /// A time mark: here one segment ends and the next one begins.
    Mark,
}

/// What was heard in a pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pass {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) quality: Quality,
}

/// What to decode, and how.
pub(crate) struct Task<'a> {
    /// Up to 30 s at 16 kHz.
    pub(crate) samples: &'a [f32],
    /// How much of it is speech, seconds.
    pub(crate) speech_seconds: f64,
    pub(crate) language: &'static str,
    /// Tokens to condition on.
    pub(crate) prompt: &'a [WhisperTokenId],
    /// Temperature to begin with, 0 to 1.
    pub(crate) temperature: f32,
}

/// Decodes for one call. Its state is made for the call and freed with it: whisper.cpp's random
/// numbers live in it, so with a state of its own the same audio always gives the same text.
pub(crate) struct Decoder<'a> {
    context: &'a WhisperContext,
    /// `None` once whisper.cpp has freed it.
    state: Option<WhisperState>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(context: &'a WhisperContext) -> Result<Self, EngineError> {
        let state = context.create_state().map_err(failed)?;
        Ok(Self {
            context,
            state: Some(state),
        })
    }

    /// The language spoken, and how sure it is that somebody speaks at all.
    ///
    /// Costs one run of the encoder, about half of what a pass costs.
    pub(crate) fn detect_language(
        &mut self,
        samples: &[f32],
        languages: &Languages,
    ) -> Result<&'static str, EngineError> {
        let state = self.state()?;
        state
            .pcm_to_mel(&at_least_shortest(samples), 1)
            .map_err(failed)?;
        let (_, probabilities) = state.lang_detect(0, 1).map_err(failed)?;
        languages
            .most_probable(&probabilities)
            .ok_or_else(|| EngineError::Inference("the model knows no language".to_owned()))
    }

    /// Decodes the audio, at higher and higher temperatures while the text is no good.
    pub(crate) fn decode(&mut self, task: &Task<'_>) -> Result<Pass, EngineError> {
        let mut best: Option<Pass> = None;
        for attempt in attempts(task.temperature) {
            let pass = self.attempt(task, &attempt)?;
            tracing::debug!(?attempt, quality = ?pass.quality, "decoded");
            let retry = pass.quality.calls_for_retry();
            if best.as_ref().is_none_or(|best| is_better(&pass, best)) {
                best = Some(pass);
            }
            if !retry {
                break;
            }
        }
        Ok(best.unwrap_or_default())
    }

    fn attempt(&mut self, task: &Task<'_>, attempt: &Attempt) -> Result<Pass, EngineError> {
        let mut parameters = parameters(task.language, attempt.beams);
        parameters.set_temperature(attempt.temperature);
        parameters.set_temperature_inc(attempt.step);
        parameters.set_tokens(task.prompt);
        // Without a prompt nothing is to come before the text.
        parameters.set_n_max_text_ctx(if task.prompt.is_empty() { 0 } else { i32::MAX });
        let outcome = self
            .state()?
            .full(parameters, &at_least_shortest(task.samples));
        if let Err(error) = outcome {
            if let WhisperError::GenericError(STATE_FREED) = error {
                std::mem::forget(self.state.take());
            }
            return Err(failed(error));
        }
        let pieces = self.pieces()?;
        let quality = Quality {
            no_speech: self.no_speech()?,
            ..text_quality(&pieces, task.speech_seconds)
        };
        Ok(Pass { pieces, quality })
    }

    fn pieces(&mut self) -> Result<Vec<Piece>, EngineError> {
        let (end_of_text, first_mark) = (self.context.token_eot(), self.context.token_beg());
        let mut pieces = Vec::new();
        for segment in self.state()?.as_iter() {
            for index in 0..segment.n_tokens() {
                match segment.get_token(index) {
                    Some(token) if token.token_id() < end_of_text => {
                        pieces.push(Piece::Text(read(&token)));
                    }
                    Some(token) if token.token_id() >= first_mark => pieces.push(Piece::Mark),
                    _ => {}
                }
            }
        }
        Ok(pieces)
    }

    /// Probability of "nobody speaks" as the first token, for the audio encoded last.
    ///
    /// whisper.cpp's own figure is taken after the language and task tokens, where multilingual models
    /// always give 0 (they are trained to give it first), so it is computed here.
    fn no_speech(&mut self) -> Result<f32, EngineError> {
        let (start, no_speech) = (self.context.token_sot(), self.context.token_nosp());
        let state = self.state()?;
        state.decode(&[start], 0, 1).map_err(failed)?;
        let logits = state.get_logits().map_err(failed)?;
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        Ok(usize::try_from(no_speech)
            .ok()
            .and_then(|index| logits.get(index))
            .map_or(0.0, |logit| (logit - highest).exp() / sum))
    }

    fn state(&mut self) -> Result<&mut WhisperState, EngineError> {
        self.state
            .as_mut()
            .ok_or_else(|| EngineError::Inference("out of memory".to_owned()))
    }
}

/// One way to decode.
#[derive(Clone, Debug, PartialEq)]
struct Attempt {
    beams: bool,
    temperature: f32,
    /// Step to the next temperature, up to 1, while whisper.cpp itself finds the text no good; 0 for none.
    step: f32,
}

/// The ways to decode, in order. Every one costs a run of the encoder, so whisper.cpp, which does
/// not need one for its own retries, climbs the temperatures itself.
fn attempts(temperature: f32) -> Vec<Attempt> {
    let sampling = |temperature| Attempt {
        beams: false,
        temperature,
        step: TEMPERATURE_STEP,
    };
    let mut attempts = Vec::new();
    if temperature > 0.0 {
        attempts.push(sampling(temperature));
    } else {
        attempts.push(Attempt {
            beams: true,
            temperature: 0.0,
            step: 0.0,
        });
        attempts.push(sampling(TEMPERATURE_STEP));
    }
    if temperature < LOOP_BREAKING_TEMPERATURE {
        attempts.push(sampling(LOOP_BREAKING_TEMPERATURE));
    }
    attempts
}

/// No loop is better than a loop; then the more probable text is better.
fn is_better(pass: &Pass, than: &Pass) -> bool {
    let rank = |pass: &Pass| (!pass.quality.is_loop(), pass.quality.log_probability);
    rank(pass) > rank(than)
}

/// Parameters for a language, ready but for temperature and prompt.
///
/// Setting the language leaks its name (whisper-rs 0.16), so it is set once per language and
/// strategy in the life of the process: at most 200 short names.
fn parameters(language: &'static str, beams: bool) -> FullParams<'static, 'static> {
    static READY: Mutex<BTreeMap<(&str, bool), FullParams<'static, 'static>>> =
        Mutex::new(BTreeMap::new());
    READY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry((language, beams))
        .or_insert_with(|| new_parameters(language, beams))
        .clone()
}

fn new_parameters(language: &'static str, beams: bool) -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(if beams {
        SamplingStrategy::BeamSearch {
            beam_size: BEAMS,
            patience: -1.0,
        }
    } else {
        SamplingStrategy::Greedy {
            best_of: CANDIDATES,
        }
    });
    parameters.set_language(Some(language));
    parameters.set_n_threads(1);
    parameters.set_no_context(true);
    // One pass, one segment: where to go on is decided by the speech that is left (see the engine).
    parameters.set_single_segment(true);
    parameters.set_max_tokens(i32::from(MOST_TOKENS));
    // Descriptions of sounds, such as "(music)" or a note, are no speech.
    parameters.set_suppress_nst(true);
    parameters.set_print_special(false);
    parameters.set_print_progress(false);
    parameters.set_print_realtime(false);
    parameters.set_print_timestamps(false);
    parameters
}

fn read(token: &WhisperToken<'_, '_>) -> Token {
    let data = token.token_data();
    Token {
        bytes: token.to_bytes().unwrap_or_default().to_vec(),
        probability: data.p,
        log_probability: data.plog,
        said_at: (data.t_dtw >= 0).then(|| seconds(data.t_dtw)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "centiseconds within a pass of 30 s"
)]
fn seconds(centiseconds: i64) -> f64 {
    centiseconds as f64 / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
fn text_quality(pieces: &[Piece], speech_seconds: f64) -> Quality {
    let tokens: Vec<&Token> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(token) => Some(token),
            Piece::Mark => None,
        })
        .collect();
    let bytes: Vec<u8> = tokens
        .iter()
        .flat_map(|token| token.bytes.clone())
        .collect();
    let text = String::from_utf8_lossy(&bytes);
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let sum: f32 = tokens.iter().map(|token| token.log_probability).sum();
    Quality {
        compression: quality::compression(text.trim()),
        pace: letters as f64 / speech_seconds.max(SHORTEST_SPEECH),
        // An ending that was not forced leaves room for the token that ends the text.
        finished: pieces.len() <= usize::from(MOST_TOKENS),
        log_probability: sum / tokens.len().max(1) as f32,
        no_speech: 0.0,
    }
}

fn at_least_shortest(samples: &[f32]) -> Cow<'_, [f32]> {
    if samples.len() >= SHORTEST {
        return Cow::Borrowed(samples);
    }
    let mut filled = samples.to_vec();
    filled.resize(SHORTEST, 0.0);
    Cow::Owned(filled)
}

fn failed(error: WhisperError) -> EngineError {
    EngineError::Inference(error.to_string())
}
