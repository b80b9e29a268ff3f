//! A pass of the model by CTranslate2.

use std::{rc::Rc, sync::Arc};

use voicefleet_core::ports::EngineError;
use voicefleet_ctranslate2::{Generated, Generation};

use crate::{
    ct2::{
        Ct2Model, failed,
        rows::{self, Call},
        spectrogram::Spectrogram,
        times,
    },
    pass::{self, Decoded, Pass, Piece, Task, Token, TokenId, at_least_shortest},
    quality::{self, Quality},
};

/// Texts that are followed side by side at temperature 0, and that are drawn above it: those of OpenAI's reference and of
/// faster-whisper.
const BEAM: usize = 5;
const CANDIDATES: usize = 5;

/// Step from one temperature to the next when a text is no good.
const TEMPERATURE_STEP: f32 = 0.2;

/// Tokens of a text and its prompt at most; CTranslate2 stops a text after half of them.
const MOST_TOKENS: usize = 448;

/// Tokens of a prompt that are read, from its end.
const LONGEST_PROMPT: usize = MOST_TOKENS / 2 - 1;

/// Silence that a model is let hear after the audio at least, and as far as there is room for it in [`AMPLE`], samples. The
/// encoder's work shrinks with what it listens to, but models are trained on 30 s: too little silence makes them repeat
/// themselves (benches/README.md has the figures).
const LEAST_HEADROOM: usize = 80_000;
const HEADROOM: usize = 160_000;

/// A window that is long enough for whatever is in it, samples.
const AMPLE: usize = 320_000;

/// Samples of a frame (10 ms), and frames in 30 s.
const SAMPLES_PER_FRAME: usize = 160;
const ALL_FRAMES: usize = 3_000;

/// Frames that an encoder window is a multiple of: positions are pairs, and kernels like round numbers.
const FRAME_STEP: usize = 64;

/// Step between the times that a model can mark, seconds.
const SECONDS_PER_MARK: f64 = 0.02;

/// Decodes for one call.
pub(super) struct Ct2Decoder<'a> {
    pub(super) model: &'a Ct2Model,
    pub(super) call: Call<'a>,
}

/// Audio that the encoder has listened to.
struct Heard {
    audio: rows::Heard,
    /// How much of it is audio, frames.
    frames: usize,
}

/// A text, with what it was written down from.
struct Draft {
    heard: Rc<Heard>,
    generated: Generated,
    quality: Quality,
}

impl pass::Decoder for Ct2Decoder<'_> {
    fn decode(&mut self, task: &Task<'_>) -> Result<Decoded, EngineError> {
        let samples = at_least_shortest(task.samples);
        let spectrogram = Arc::new(self.model.spectrograms.of(&samples));
        let window = self.window(samples.len());
        let mut heard = Rc::new(self.hear(&spectrogram, window)?);
        if task.guessed {
            let spoken = self.language(&heard)?;
            if let Some(spoken) = spoken.filter(|spoken| *spoken != task.language) {
                return Ok(Decoded::OtherLanguage(spoken));
            }
        }
        let prompt = self.prompt(task);
        let mut best: Option<Draft> = None;
        // What has heard all at once would write the same again.
        let skipped = usize::from(self.model.hears_all);
        let mut is_whole = window == ALL_FRAMES;
        for attempt in attempts(task.temperature).skip(skipped) {
            if attempt.whole_window && !is_whole {
                heard = Rc::new(self.hear(&spectrogram, ALL_FRAMES)?);
                is_whole = true;
            }
            let draft = self.write_down(&heard, &prompt, attempt.temperature, task)?;
            tracing::debug!(?attempt, quality = ?draft.quality, "decoded");
            let retry = if attempt.whole_window {
                draft.quality.calls_for_retry()
            } else {
                draft.quality.is_doubtful()
            };
            if best
                .as_ref()
                .is_none_or(|best| draft.quality.is_better_than(&best.quality))
            {
                best = Some(draft);
            }
            if !retry {
                break;
            }
        }
        match best {
            Some(draft) => Ok(Decoded::Heard(self.timed(&draft, task)?)),
            None => Ok(Decoded::Heard(Pass::default())),
        }
    }
}

impl Ct2Decoder<'_> {
    /// Frames that the encoder listens to first, for so many samples.
    fn window(&self, samples: usize) -> usize {
        if self.model.hears_all {
            ALL_FRAMES
        } else {
            short_window(samples)
        }
    }

    fn hear(&self, spectrogram: &Arc<Spectrogram>, frames: usize) -> Result<Heard, EngineError> {
        Ok(Heard {
            audio: self.call.hear(spectrogram, frames).map_err(failed)?,
            frames: spectrogram.frames.min(frames),
        })
    }

    /// The language that is most probably spoken.
    fn language(&self, heard: &Heard) -> Result<Option<&'static str>, EngineError> {
        let languages = self.call.languages(&heard.audio).map_err(failed)?;
        let most_probable = languages
            .into_iter()
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        Ok(most_probable.and_then(|(token, _)| {
            let code = token.strip_prefix("<|")?.strip_suffix("|>")?;
            self.model.languages.known(code)
        }))
    }

    /// What comes before the text: the caller's prompt, and what is to be done.
    fn prompt(&self, task: &Task<'_>) -> Vec<String> {
        let words = &task.prompt[task.prompt.len().saturating_sub(LONGEST_PROMPT)..];
        let mut prompt = Vec::new();
        if !words.is_empty() {
            prompt.push("<|startofprev|>".to_owned());
            let name = |id: &TokenId| self.model.vocabulary.name(*id).map(str::to_owned);
            prompt.extend(words.iter().filter_map(name));
        }
        prompt.extend(self.start(task));
        prompt
    }

    /// The tokens that every text begins with.
    fn start(&self, task: &Task<'_>) -> Vec<String> {
        let mut start = vec!["<|startoftranscript|>".to_owned()];
        if self.model.is_multilingual {
            let doing = if task.translate {
                "translate"
            } else {
                "transcribe"
            };
            start.push(format!("<|{}|>", task.language));
            start.push(format!("<|{doing}|>"));
        }
        start
    }

    fn write_down(
        &self,
        heard: &Rc<Heard>,
        prompt: &[String],
        temperature: f32,
        task: &Task<'_>,
    ) -> Result<Draft, EngineError> {
        let how = Generation {
            beam_size: BEAM,
            temperature,
            candidates: CANDIDATES,
            max_length: MOST_TOKENS,
        };
        let generated = self.call.generate(&heard.audio, prompt, &how);
        let generated = generated.map_err(failed)?;
        Ok(Draft {
            heard: Rc::clone(heard),
            quality: self.quality(&generated, prompt.len(), task.speech_seconds),
            generated,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
    fn quality(&self, generated: &Generated, prompt: usize, speech_seconds: f64) -> Quality {
        let count = generated.tokens.len();
        let bytes: Vec<u8> = self
            .words(generated)
            .flat_map(|id| self.model.vocabulary.bytes(id))
            .collect();
        let most = (MOST_TOKENS / 2).min(MOST_TOKENS - prompt);
        Quality {
            finished: count + 1 < most,
            // The end of the text counts, too, as in the reference.
            log_probability: generated.score * count as f32 / (count + 1) as f32,
            no_speech: generated.no_speech,
            stutters: quality::stutters(&self.words(generated).collect::<Vec<_>>()),
            ..Quality::of_text(&String::from_utf8_lossy(&bytes), speech_seconds)
        }
    }

    /// The tokens of the text that are no marks.
    fn words<'t>(&'t self, generated: &'t Generated) -> impl Iterator<Item = usize> + 't {
        let is_text = |id: &usize| self.model.vocabulary.is_text(*id);
        generated.tokens.iter().copied().filter(is_text)
    }

    /// The text with the times of its tokens.
    fn timed(&self, draft: &Draft, task: &Task<'_>) -> Result<Pass, EngineError> {
        let words: Vec<usize> = self.words(&draft.generated).collect();
        let mut timed = self.times(draft, words, task)?.into_iter();
        let pieces = draft.generated.tokens.iter().filter_map(|id| {
            if self.model.vocabulary.is_text(*id) {
                return timed.next().map(Piece::Text);
            }
            let mark = u32::try_from(self.model.vocabulary.mark(*id)?).ok()?;
            Some(Piece::Mark(f64::from(mark) * SECONDS_PER_MARK))
        });
        Ok(Pass {
            pieces: pieces.collect(),
            quality: draft.quality.clone(),
        })
    }

    fn times(
        &self,
        draft: &Draft,
        words: Vec<usize>,
        task: &Task<'_>,
    ) -> Result<Vec<Token>, EngineError> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let start: Vec<usize> = (self.start(task).iter())
            .filter_map(|name| self.model.vocabulary.id(name))
            .collect();
        let heard = &draft.heard;
        let alignment = (self.call)
            .align(&heard.audio, &start, &words, heard.frames)
            .map_err(failed)?;
        let said_at = times::said_at(&alignment, words.len());
        let probabilities = alignment
            .probabilities
            .into_iter()
            .chain(std::iter::repeat(0.0));
        let timed = words.into_iter().zip(said_at).zip(probabilities);
        Ok(timed
            .map(|((id, said_at), probability)| Token {
                bytes: self.model.vocabulary.bytes(id),
                probability,
                log_probability: probability.max(f32::MIN_POSITIVE).ln(),
                said_at,
            })
            .collect())
    }
}

/// One way to decode.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Attempt {
    /// Listen to a full 30 s, not to the audio and [`HEADROOM`].
    whole_window: bool,
    temperature: f32,
}

/// The ways to decode, in order: a text that is no good is heard again in a whole window, then drawn at higher and higher
/// temperatures.
fn attempts(temperature: f32) -> impl Iterator<Item = Attempt> {
    let short = Attempt {
        whole_window: false,
        temperature,
    };
    let whole = std::iter::successors(Some(temperature), |temperature| {
        let next = temperature + TEMPERATURE_STEP;
        (next < 1.0 + TEMPERATURE_STEP / 2.0).then_some(next.min(1.0))
    });
    std::iter::once(short).chain(whole.map(|temperature| Attempt {
        whole_window: true,
        temperature,
    }))
}

/// Frames that the encoder listens to for so many samples.
fn short_window(samples: usize) -> usize {
    let window = (samples + HEADROOM)
        .min(AMPLE)
        .max(samples + LEAST_HEADROOM);
    (window / SAMPLES_PER_FRAME)
        .next_multiple_of(FRAME_STEP)
        .min(ALL_FRAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_window_is_tried_before_the_temperature_rises_to_one() {
        let tried: Vec<(bool, f32)> = attempts(0.0)
            .map(|a| (a.whole_window, (a.temperature * 10.0).round()))
            .collect();
        let expected = [
            (false, 0.0),
            (true, 0.0),
            (true, 2.0),
            (true, 4.0),
            (true, 6.0),
            (true, 8.0),
            (true, 10.0),
        ];
        assert_eq!(tried, expected);
        assert_eq!(attempts(1.0).count(), 2);
    }

    #[test]
    fn the_window_has_room_for_the_audio_and_some_silence_and_never_more_than_thirty_seconds() {
        assert_eq!(short_window(16_000), 1_152);
        assert_eq!(short_window(160_000), 2_048);
        assert_eq!(short_window(240_000), 2_048);
        assert_eq!(short_window(320_000), 2_560);
        assert_eq!(short_window(480_000), 3_000);
    }
}
