//! A pass of the model by whisper.cpp.

use std::{
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
    pass::{self, Decoded, Pass, Piece, Task, Token, at_least_shortest},
    quality::Quality,
};

/// Texts that are sampled at temperatures above 0; the most probable one is taken. At temperature 0 the most
/// probable token is taken each time.
///
/// Not beam search: whisper.cpp draws its beams at random, so 5 of them find texts no more probable than
/// greedy decoding does (mean log probability -0.290 and -0.292, word error rate 4.3 % both, over 470 s of
/// prompts), leave out punctuation, and cost 18 to 45 % more.
const CANDIDATES: i32 = 5;

/// Step from one temperature to the next when a text is no good.
const TEMPERATURE_STEP: f32 = 0.2;

/// Temperature from which decoding starts over if all below gave a loop.
const LOOP_BREAKING_TEMPERATURE: f32 = 0.6;

/// One less than the tokens that whisper.cpp decodes in a pass (half the text context, less 4): a pass
/// ends by this bound, not by whisper.cpp's own, after which its alignment can abort the process.
const MOST_TOKENS: u16 = 219;

/// Silence that a model is let hear after the audio, samples. The encoder's work, most of a pass, shrinks
/// with what it listens to, but models are trained on 30 s: with 3 s they begin to repeat short clips, with
/// 10 s the text is as good as with all.
const HEADROOM: usize = 160_000;

/// Samples per position of the encoder (20 ms), and positions in 30 s.
const SAMPLES_PER_POSITION: usize = 320;
const ALL_POSITIONS: i32 = 1_500;

/// Step between the times that a model can mark.
const SECONDS_PER_MARK: f64 = 0.02;

/// Error code with which `whisper_full_with_state` says that it has freed the state.
const STATE_FREED: i32 = -7;

/// Decodes for one call. Its state is made for the call and freed with it: whisper.cpp's random
/// numbers live in it, so with a state of its own the same audio always gives the same text.
pub(crate) struct GgmlDecoder<'a> {
    context: &'a WhisperContext,
    languages: &'a Languages,
    /// `None` once whisper.cpp has freed it.
    state: Option<WhisperState>,
}

impl<'a> GgmlDecoder<'a> {
    pub(crate) fn new(
        context: &'a WhisperContext,
        languages: &'a Languages,
    ) -> Result<Self, EngineError> {
        let state = context.create_state().map_err(failed)?;
        Ok(Self {
            context,
            languages,
            state: Some(state),
        })
    }

    fn run(&mut self, task: &Task<'_>, attempt: &Attempt) -> Result<(), EngineError> {
        let samples = at_least_shortest(task.samples);
        let mut parameters = parameters(task.language);
        parameters.set_translate(task.translate);
        parameters.set_temperature(attempt.temperature);
        parameters.set_temperature_inc(attempt.step);
        parameters.set_audio_ctx(if attempt.short_context {
            short_context(samples.len())
        } else {
            0
        });
        parameters.set_tokens(task.prompt);
        // Without a prompt nothing is to come before the text.
        parameters.set_n_max_text_ctx(if task.prompt.is_empty() { 0 } else { i32::MAX });
        let Err(error) = self.state()?.full(parameters, &samples) else {
            return Ok(());
        };
        if let WhisperError::GenericError(STATE_FREED) = error {
            std::mem::forget(self.state.take());
        }
        Err(failed(error))
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
                    Some(token) if token.token_id() >= first_mark => {
                        let steps = f64::from(token.token_id() - first_mark);
                        pieces.push(Piece::Mark(steps * SECONDS_PER_MARK));
                    }
                    _ => {}
                }
            }
        }
        Ok(pieces)
    }

    /// What the model says first about the audio that it has heard last: whether somebody speaks, and
    /// which language. Costs a single decoder step.
    ///
    /// whisper.cpp's own probability of "nobody speaks" is taken after the language and task tokens, where
    /// multilingual models always give 0 (they are trained to give it first), so it is taken here.
    fn first_token(&mut self) -> Result<FirstToken, EngineError> {
        let (start, no_speech) = (self.context.token_sot(), self.context.token_nosp());
        let first_language = self.context.token_lang(0);
        let languages = self.languages;
        let state = self.state()?;
        state.decode(&[start], 0, 1).map_err(failed)?;
        let logits = state.get_logits().map_err(failed)?;
        let from = |token: WhisperTokenId| {
            let index = usize::try_from(token).unwrap_or(usize::MAX);
            logits.get(index..).unwrap_or_default()
        };
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let share = |logit: &f32| (logit - highest).exp();
        let sum: f32 = logits.iter().map(share).sum();
        Ok(FirstToken {
            no_speech: from(no_speech)
                .first()
                .map_or(0.0, |logit| share(logit) / sum),
            language: languages.most_probable(from(first_language)),
        })
    }

    fn state(&mut self) -> Result<&mut WhisperState, EngineError> {
        self.state
            .as_mut()
            .ok_or_else(|| EngineError::Inference("out of memory".to_owned()))
    }
}

impl pass::Decoder for GgmlDecoder<'_> {
    /// Decodes the audio, at higher and higher temperatures while the text is no good.
    fn decode(&mut self, task: &Task<'_>) -> Result<Decoded, EngineError> {
        let mut best: Option<Pass> = None;
        for attempt in attempts(task.temperature) {
            self.run(task, &attempt)?;
            let first_token = self.first_token()?;
            if let Some(other) = first_token.other_language(task) {
                return Ok(Decoded::OtherLanguage(other));
            }
            let pieces = self.pieces()?;
            let quality = Quality {
                no_speech: first_token.no_speech,
                ..quality(&pieces, task.speech_seconds)
            };
            tracing::debug!(?attempt, ?quality, "decoded");
            let pass = Pass { pieces, quality };
            let retry = pass.quality.calls_for_retry();
            if best
                .as_ref()
                .is_none_or(|best| pass.quality.is_better_than(&best.quality))
            {
                best = Some(pass);
            }
            if !retry {
                break;
            }
        }
        Ok(Decoded::Heard(best.unwrap_or_default()))
    }
}

struct FirstToken {
    no_speech: f32,
    language: Option<&'static str>,
}

impl FirstToken {
    fn other_language(&self, task: &Task<'_>) -> Option<&'static str> {
        self.language
            .filter(|language| task.guessed && *language != task.language)
    }
}

/// One way to decode.
#[derive(Clone, Debug, PartialEq)]
struct Attempt {
    /// Listen to the audio and [`HEADROOM`], not to a full 30 s.
    short_context: bool,
    temperature: f32,
    /// Step to the next temperature, up to 1, while whisper.cpp itself finds the text no good; 0 for none.
    step: f32,
}

/// The ways to decode, in order. Every one costs a run of the encoder, so whisper.cpp, which does
/// not need one for its own retries, climbs the temperatures itself.
fn attempts(temperature: f32) -> Vec<Attempt> {
    let first = Attempt {
        short_context: true,
        temperature,
        step: 0.0,
    };
    let again = |from: f32| Attempt {
        short_context: false,
        temperature: from.max(temperature),
        step: TEMPERATURE_STEP,
    };
    vec![
        first,
        again(TEMPERATURE_STEP),
        again(LOOP_BREAKING_TEMPERATURE),
    ]
}

/// Encoder positions for audio of this many samples and the headroom; 0 for all that there are.
fn short_context(samples: usize) -> i32 {
    let positions = (samples + HEADROOM).div_ceil(SAMPLES_PER_POSITION);
    let rounded = positions.next_multiple_of(64);
    match i32::try_from(rounded) {
        Ok(rounded) if rounded < ALL_POSITIONS => rounded,
        _ => 0,
    }
}

/// Parameters for a language, ready but for what differs between attempts.
///
/// Setting the language leaks its name (whisper-rs 0.16), so it is set once per language in the life
/// of the process: at most 100 short names.
fn parameters(language: &'static str) -> FullParams<'static, 'static> {
    static READY: Mutex<BTreeMap<&str, FullParams<'static, 'static>>> = Mutex::new(BTreeMap::new());
    READY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(language)
        .or_insert_with(|| new_parameters(language))
        .clone()
}

fn new_parameters(language: &'static str) -> FullParams<'static, 'static> {
    let mut parameters = FullParams::new(SamplingStrategy::Greedy {
        best_of: CANDIDATES,
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

fn failed(error: WhisperError) -> EngineError {
    EngineError::Inference(error.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
fn quality(pieces: &[Piece], speech_seconds: f64) -> Quality {
    let tokens: Vec<&Token> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(token) => Some(token),
            Piece::Mark(_) => None,
        })
        .collect();
    let bytes: Vec<u8> = tokens
        .iter()
        .flat_map(|token| token.bytes.clone())
        .collect();
    let sum: f32 = tokens.iter().map(|token| token.log_probability).sum();
    Quality {
        // An ending that was not forced leaves room for the token that ends the text.
        finished: pieces.len() <= usize::from(MOST_TOKENS),
        log_probability: sum / tokens.len().max(1) as f32,
        ..Quality::of_text(&String::from_utf8_lossy(&bytes), speech_seconds)
    }
}
