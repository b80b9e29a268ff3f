//! The model's computations, for one call at a time or for several together.
//!
//! Together, the audio of several calls lies side by side in one computation, a row each, and never two calls' audio in one
//! window. The encoder's output cannot be taken apart, so each computation encodes for itself what it is asked about: a GPU
//! does that in a few hundredths of what the decoder takes.

use std::{sync::Arc, time::Duration};

use voicefleet_ctranslate2::{
    Alignment, Ct2Error, Encoded, Features, Generated, Generation, WhisperModel,
};

use crate::ct2::{
    batches::{Batches, Caller, Limits, Question},
    spectrogram::Spectrogram,
};

/// How long the first row of a batch waits for others: short beside the second or more that a window takes.
const PATIENCE: Duration = Duration::from_millis(30);

/// Languages and their probabilities.
type Languages = Vec<(String, f32)>;

/// A model, with what collects rows for it.
pub(super) struct Rows {
    model: Arc<WhisperModel>,
    /// Where rows are computed together.
    batches: Option<Batches<Asked, Answer>>,
}

/// The computations of one call.
pub(super) struct Call<'a> {
    model: &'a WhisperModel,
    caller: Option<Caller<'a, Asked, Answer>>,
}

/// Audio that can be asked about.
pub(super) enum Heard {
    /// The encoder has heard it.
    Encoded(Encoded<'static>),
    /// It becomes a row of whatever is computed.
    Row(Audio),
}

/// A row, before it is as long as the others.
#[derive(Clone)]
pub(super) struct Audio {
    spectrogram: Arc<Spectrogram>,
    /// How many frames the encoder is to hear.
    frames: usize,
}

/// Something that a call wants of the model.
struct Asked {
    audio: Audio,
    what: What,
}

enum What {
    Languages,
    Generate {
        prompt: Vec<String>,
        how: Generation,
    },
    Align {
        start: Vec<usize>,
        text: Vec<usize>,
        frames: usize,
    },
}

enum Answer {
    Languages(Languages),
    Generated(Generated),
    Aligned(Alignment),
}

impl Rows {
    /// Computes with `model` up to `most` rows together.
    ///
    /// # Errors
    /// If the system has no thread to spare.
    pub(super) fn new(model: WhisperModel, most: usize) -> std::io::Result<Self> {
        let model = Arc::new(model);
        let limits = Limits {
            most,
            patience: PATIENCE,
        };
        let batches = if most > 1 {
            let model = Arc::clone(&model);
            let compute = move |asked: &[Asked]| compute(&model, asked);
            Some(Batches::start(limits, compute)?)
        } else {
            None
        };
        Ok(Self { model, batches })
    }

    /// The computations of one call; those of an urgent one are never held back.
    pub(super) fn call(&self, urgent: bool) -> Call<'_> {
        Call {
            model: &self.model,
            caller: self.batches.as_ref().map(|batches| batches.caller(urgent)),
        }
    }
}

impl Call<'_> {
    /// Listens to the first `frames` of a spectrogram, or to as much silence behind it.
    pub(super) fn hear(
        &self,
        spectrogram: &Arc<Spectrogram>,
        frames: usize,
    ) -> Result<Heard, Ct2Error> {
        let audio = Audio {
            spectrogram: Arc::clone(spectrogram),
            frames,
        };
        if self.caller.is_some() {
            return Ok(Heard::Row(audio));
        }
        let features = side_by_side(self.model.bands(), &[&audio]);
        Ok(Heard::Encoded(self.model.encode(features)?))
    }

    /// The probability of every language that the model knows.
    pub(super) fn languages(&self, heard: &Heard) -> Result<Languages, Ct2Error> {
        match heard {
            Heard::Encoded(encoded) => only(self.model.languages(encoded)?),
            Heard::Row(audio) => match self.ask(audio, What::Languages)? {
                Answer::Languages(languages) => Ok(languages),
                _ => Err(mixed_up()),
            },
        }
    }

    /// Writes the audio down after a prompt.
    pub(super) fn generate(
        &self,
        heard: &Heard,
        prompt: &[String],
        how: &Generation,
    ) -> Result<Generated, Ct2Error> {
        let prompt = prompt.to_vec();
        match heard {
            Heard::Encoded(encoded) => only(self.model.generate(encoded, &[prompt], how)?),
            Heard::Row(audio) => {
                let how = how.clone();
                match self.ask(audio, What::Generate { prompt, how })? {
                    Answer::Generated(generated) => Ok(generated),
                    _ => Err(mixed_up()),
                }
            }
        }
    }

    /// When the tokens of `text` were said, of which `frames` are audio; see [`WhisperModel::align`].
    pub(super) fn align(
        &self,
        heard: &Heard,
        start: &[usize],
        text: &[usize],
        frames: usize,
    ) -> Result<Alignment, Ct2Error> {
        let text = text.to_vec();
        match heard {
            Heard::Encoded(encoded) => {
                only(self.model.align(encoded, start, &[text], &[frames])?)
            }
            Heard::Row(audio) => {
                let what = What::Align {
                    start: start.to_vec(),
                    text,
                    frames,
                };
                match self.ask(audio, what)? {
                    Answer::Aligned(alignment) => Ok(alignment),
                    _ => Err(mixed_up()),
                }
            }
        }
    }

    fn ask(&self, audio: &Audio, what: What) -> Result<Answer, Ct2Error> {
        let audio = audio.clone();
        let caller = self.caller.as_ref().ok_or_else(mixed_up)?;
        caller.ask(Asked { audio, what })
    }
}

impl Question for Asked {
    fn goes_with(&self, other: &Self) -> bool {
        match (&self.what, &other.what) {
            (What::Languages, What::Languages) => true,
            // CTranslate2 wants the tokens before the text in the same places in all rows.
            (
                What::Generate { prompt, how },
                What::Generate {
                    prompt: other_prompt,
                    how: other_how,
                },
            ) => prompt.len() == other_prompt.len() && how == other_how,
            // Where all rows have the same positions of the encoder, CTranslate2 weighs the tokens of a text against what it
            // has filled the shorter ones up with: their times would hang on their neighbours.
            (
                What::Align {
                    start,
                    text,
                    frames,
                },
                What::Align {
                    start: other_start,
                    text: other_text,
                    frames: other_frames,
                },
            ) => {
                let (positions, other_positions) = (frames / 2, other_frames / 2);
                start == other_start
                    && (positions != other_positions || text.len() == other_text.len())
            }
            _ => false,
        }
    }
}

/// Answers what goes together.
fn compute(model: &WhisperModel, asked: &[Asked]) -> Result<Vec<Answer>, Ct2Error> {
    let Some(first) = asked.first() else {
        return Ok(Vec::new());
    };
    let rows: Vec<&Audio> = asked.iter().map(|asked| &asked.audio).collect();
    let mut features = side_by_side(model.bands(), &rows);
    let audio = Encoded::by_each(&mut features)?;
    tracing::debug!(rows = rows.len(), "computing rows together");
    match &first.what {
        What::Languages => {
            let rows = model.languages(&audio)?;
            Ok(rows.into_iter().map(Answer::Languages).collect())
        }
        What::Generate { how, .. } => {
            let prompts: Vec<Vec<String>> = asked.iter().filter_map(Asked::prompt).collect();
            let rows = model.generate(&audio, &prompts, how)?;
            Ok(rows.into_iter().map(Answer::Generated).collect())
        }
        What::Align { start, .. } => {
            let (texts, frames): (Vec<_>, Vec<_>) = asked.iter().filter_map(Asked::text).unzip();
            let rows = model.align(&audio, start, &texts, &frames)?;
            Ok(rows.into_iter().map(Answer::Aligned).collect())
        }
    }
}

impl Asked {
    fn prompt(&self) -> Option<Vec<String>> {
        match &self.what {
            What::Generate { prompt, .. } => Some(prompt.clone()),
            _ => None,
        }
    }

    fn text(&self) -> Option<(Vec<usize>, usize)> {
        match &self.what {
            What::Align { text, frames, .. } => Some((text.clone(), *frames)),
            _ => None,
        }
    }
}

/// Spectrograms as rows, all as long as the longest.
fn side_by_side(bands: usize, rows: &[&Audio]) -> Features {
    let frames = rows.iter().map(|audio| audio.frames).max().unwrap_or(0);
    let mut values = Vec::with_capacity(rows.len() * bands * frames);
    for audio in rows {
        values.extend(audio.spectrogram.with_frames(frames));
    }
    Features {
        rows: rows.len(),
        bands,
        frames,
        values,
    }
}

/// The answer about the only row.
fn only<T>(rows: Vec<T>) -> Result<T, Ct2Error> {
    let no_answer = || Ct2Error::Computation("a row has no answer".to_owned());
    rows.into_iter().next().ok_or_else(no_answer)
}

fn mixed_up() -> Ct2Error {
    Ct2Error::Computation("the answer is to another question".to_owned())
}

#[cfg(test)]
mod tests {
    use voicefleet_ctranslate2::Device;
    use voicefleet_testkit::model_file;

    use super::*;
    use crate::ct2::{spectrogram::Spectrograms, times::said_at};

    const BANDS: usize = 80;
    const START: &str = "<|startoftranscript|>";

    fn model() -> WhisperModel {
        let library = model_file("ctranslate2/libctranslate2.so");
        let dir = model_file("ct2/tiny.en");
        WhisperModel::open(&library, &dir, Device::Cpu, 1).expect("the model")
    }

    /// Three seconds of a speech, from there on; heard in a whole window.
    fn audio(from: usize) -> Audio {
        let mut file = hound::WavReader::open(model_file("speech/jfk.wav")).expect("a recording");
        let samples = file.samples::<i16>().skip(from * 16_000).take(48_000);
        let samples: Vec<f32> = samples
            .map(|sample| f32::from(sample.expect("a sample")) / 32_768.0)
            .collect();
        Audio {
            spectrogram: Arc::new(Spectrograms::new(BANDS).of(&samples)),
            frames: 3_000,
        }
    }

    fn how() -> Generation {
        Generation {
            beam_size: 5,
            temperature: 0.0,
            candidates: 1,
            max_length: 448,
        }
    }

    fn to_write(from: usize, prompt: &[&str]) -> Asked {
        Asked {
            audio: audio(from),
            what: What::Generate {
                prompt: prompt.iter().map(|&token| token.to_owned()).collect(),
                how: how(),
            },
        }
    }

    /// 50257 is the start of a text.
    fn to_time(from: usize, text: Vec<usize>, frames: usize) -> Asked {
        Asked {
            audio: audio(from),
            what: What::Align {
                start: vec![50_257],
                text,
                frames,
            },
        }
    }

    /// The tokens of each row.
    fn written(answers: Vec<Answer>) -> Vec<Vec<usize>> {
        let tokens = answers.into_iter().map(|answer| match answer {
            Answer::Generated(generated) => generated.tokens,
            _ => panic!("no text"),
        });
        tokens.collect()
    }

    #[test]
    fn each_row_is_written_down_and_timed_as_it_is_alone() {
        let model = model();
        let begins = [0, 3, 7];
        let asked: Vec<Asked> = begins
            .iter()
            .map(|from| to_write(*from, &[START]))
            .collect();
        let together = written(compute(&model, &asked).expect("a batch"));
        for (asked, together) in asked.iter().zip(&together) {
            let alone = compute(&model, std::slice::from_ref(asked)).expect("a row");
            assert_eq!(written(alone)[0], *together);
            assert!(together.len() > 4, "{together:?}");
        }
        assert_ne!(together[0], together[1]);

        // From the start on there are no words.
        let texts = together.into_iter().map(|tokens| -> Vec<usize> {
            tokens.into_iter().filter(|token| *token < 50_257).collect()
        });
        let asked: Vec<Asked> = (begins.iter().zip(texts).zip([300, 298, 296]))
            .map(|((from, text), frames)| to_time(*from, text, frames))
            .collect();
        let timed = compute(&model, &asked).expect("a batch");
        for (asked, together) in asked.iter().zip(timed) {
            let alone = compute(&model, std::slice::from_ref(asked)).expect("a row");
            let (Some(Answer::Aligned(alone)), Answer::Aligned(together)) =
                (alone.into_iter().next(), together)
            else {
                panic!("no times");
            };
            let count = together.probabilities.len();
            assert_eq!(alone.probabilities.len(), count);
            // By a step of the encoder they may differ: the sums are made in another order.
            let said = said_at(&alone, count).into_iter();
            for (alone, together) in said.zip(said_at(&together, count)) {
                let apart = alone.expect("a time") - together.expect("a time");
                assert!(apart.abs() < 0.05, "{apart} s");
            }
        }
    }

    #[test]
    fn rows_say_what_a_single_call_says() {
        let how = how();
        let prompt = [START.to_owned()];
        let (alone, together) = (Rows::new(model(), 1), Rows::new(model(), 4));
        let (alone, together) = (alone.expect("no thread"), together.expect("a thread"));
        let heard = |rows: &Rows| {
            let call = rows.call(false);
            let Audio {
                spectrogram,
                frames,
            } = audio(3);
            let heard = call.hear(&spectrogram, frames).expect("audio");
            call.generate(&heard, &prompt, &how).expect("a text").tokens
        };
        assert_eq!(heard(&alone), heard(&together));
    }

    #[test]
    fn a_row_is_as_long_as_the_longest() {
        let (mut short, long) = (audio(0), audio(3));
        short.frames = 1_024;
        let features = side_by_side(BANDS, &[&short, &long]);
        assert_eq!((features.rows, features.frames), (2, 3_000));
        assert_eq!(features.values.len(), 2 * BANDS * 3_000);
        let row = &features.values[..BANDS * 3_000];
        assert_eq!(row, short.spectrogram.with_frames(3_000));
    }

    #[test]
    fn what_ctranslate2_cannot_compute_together_does_not_go_together() {
        let short = to_write(0, &[START]);
        let prompted = to_write(3, &["<|startofprev|>", "the", START]);
        assert!(!short.goes_with(&prompted));
        assert!(compute(&model(), &[short, prompted]).is_err());
        let drawn = Asked {
            what: What::Generate {
                prompt: vec![START.to_owned()],
                how: Generation {
                    temperature: 0.2,
                    ..how()
                },
            },
            ..to_write(0, &[START])
        };
        assert!(!to_write(0, &[START]).goes_with(&drawn));
        assert!(to_write(0, &[START]).goes_with(&to_write(7, &[START])));
        let languages = Asked {
            audio: audio(0),
            what: What::Languages,
        };
        assert!(!languages.goes_with(&drawn) && languages.goes_with(&languages));
        let (long, short) = (
            |frames| to_time(0, vec![1, 2], frames),
            to_time(3, vec![1], 300),
        );
        assert!(!long(300).goes_with(&short) && !long(301).goes_with(&short));
        assert!(long(298).goes_with(&short) && long(300).goes_with(&long(300)));
    }
}
