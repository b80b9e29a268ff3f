//! What is said in one window: passes from where speech is left until none is.

use voicefleet_core::{
    Segment,
    ports::{EngineError, Window},
};

use crate::{
    condensed::Condensed,
    edges, language,
    pass::{Decoded, Decoder, Pass, Task, TokenId},
    phrases::{self, Phrase},
    placing, quality,
    speech::Stretch,
    time::{sample, seconds},
};

/// Passes over one window at most. One is the rule; another one hears what the model skipped.
const MOST_PASSES: usize = 6;

/// Speech after the last word that makes another pass worth its time, samples. Less is breath, or the
/// end of the last word.
const WORTH_ANOTHER_PASS: usize = 12_000;

/// Silence kept before the speech that another pass begins with, samples.
const LEAD_IN: usize = 3_200;

/// One call's work on one window.
pub(crate) struct Listening<'a> {
    pub(crate) decoder: Box<dyn Decoder + 'a>,
    pub(crate) audio: &'a Condensed,
    pub(crate) language: &'static str,
    /// The language is a guess, to be checked.
    pub(crate) guessed: bool,
    pub(crate) prompt: &'a [TokenId],
    pub(crate) temperature: f32,
    /// Write it down in English.
    pub(crate) translate: bool,
}

/// What became of it.
pub(crate) enum Listened {
    /// This was said.
    Heard(Vec<Heard>),
    /// The guessed language is not the one that is spoken.
    OtherLanguage(&'static str),
}

/// A phrase that somebody said; times in seconds from the start of the condensed audio.
pub(crate) struct Heard {
    phrase: Phrase,
    no_speech: f32,
}

impl Listening<'_> {
    /// Listens to the window.
    pub(crate) fn listen(mut self) -> Result<Listened, EngineError> {
        let mut heard: Vec<Heard> = Vec::new();
        let mut from = 0;
        for pass in 0..MOST_PASSES {
            let speech: usize = self.speech_after(from).iter().map(Stretch::len).sum();
            let decoded = self.decoder.decode(&Task {
                samples: &self.audio.samples[from..],
                speech_seconds: seconds(speech),
                language: self.language,
                guessed: self.guessed && pass == 0,
                prompt: self.prompt,
                translate: self.translate,
                temperature: self.temperature,
            })?;
            let pass = match decoded {
                Decoded::Heard(pass) => pass,
                Decoded::OtherLanguage(spoken) => return Ok(Listened::OtherLanguage(spoken)),
            };
            let until = heard.last().map_or(0.0, Heard::end);
            heard.extend(self.keep(&pass, from, until));
            let end = heard.last().map_or(0.0, Heard::end);
            match self.unheard_from(sample(end)) {
                // Without a new word another pass would hear no more than this one did.
                Some(unheard) if end > until && unheard > from => from = unheard,
                _ => break,
            }
        }
        Ok(Listened::Heard(heard))
    }

    fn written_in(&self) -> &'static str {
        if self.translate { "en" } else { self.language }
    }

    /// The phrases of a pass that somebody said. The pass began at sample `from`; words up to second
    /// `until` have been heard before.
    fn keep(&self, pass: &Pass, from: usize, until: f64) -> Vec<Heard> {
        if pass.quality.is_silence() {
            return Vec::new();
        }
        let mut phrases = phrases::phrases(&pass.pieces, language::is_unspaced(self.written_in()));
        if pass.quality.is_loop() {
            cut_loop(&mut phrases);
        }
        let speech: Vec<(f64, f64)> = edges::sharpened(&self.audio.samples, &self.audio.stretches)
            .iter()
            .map(|stretch| (seconds(stretch.start), seconds(stretch.end)))
            .collect();
        for phrase in &mut phrases {
            phrase.delay(seconds(from));
        }
        phrases.retain(|phrase| placing::is_spoken(phrase, &speech));
        placing::place(&mut phrases, &speech, until);
        phrases
            .into_iter()
            .map(|phrase| Heard {
                phrase,
                no_speech: pass.quality.no_speech,
            })
            .collect()
    }

    /// Where the next pass begins, if there is speech after sample `done` that is worth one.
    fn unheard_from(&self, done: usize) -> Option<usize> {
        let left = self.speech_after(done);
        let amount: usize = left.iter().map(Stretch::len).sum();
        let first = left.iter().find(|stretch| stretch.len() > LEAD_IN)?;
        (amount >= WORTH_ANOTHER_PASS).then(|| first.start.saturating_sub(LEAD_IN).max(done))
    }

    /// The speech after a sample.
    fn speech_after(&self, sample: usize) -> Vec<Stretch> {
        self.audio
            .stretches
            .iter()
            .filter(|stretch| stretch.end > sample)
            .map(|stretch| stretch.start.max(sample)..stretch.end)
            .collect()
    }
}

impl Heard {
    fn end(&self) -> f64 {
        self.phrase.words.last().map_or(0.0, |word| word.end)
    }

    /// As a segment of the recording that the audio's window is part of.
    pub(crate) fn into_segment(self, audio: &Condensed, window: Window) -> Segment {
        let (offset, end) = (seconds(window.start), seconds(window.end));
        let mut words = self.phrase.words;
        for word in &mut words {
            // The sum of two rounded times may round to past the end.
            word.start = (audio.original(word.start) + offset).min(end);
            word.end = (audio.original(word.end) + offset).min(end);
        }
        Segment {
            start: words.first().map_or(offset, |word| word.start),
            end: words.last().map_or(offset, |word| word.end),
            text: self.phrase.text,
            avg_logprob: self.phrase.log_probability,
            no_speech_prob: self.no_speech,
            words,
        }
    }
}

/// Removes a loop at the end of the text, and with it the phrases that it runs through.
fn cut_loop(phrases: &mut Vec<Phrase>) {
    let spoken: Vec<String> = phrases
        .iter()
        .flat_map(|phrase| &phrase.words)
        .map(|word| word.word.to_lowercase())
        .collect();
    let Some(mut keep) = quality::loop_start(&spoken) else {
        // It repeats itself without a pattern that could be cut out.
        phrases.clear();
        return;
    };
    phrases.retain(|phrase| {
        let whole = phrase.words.len() <= keep;
        keep = if whole { keep - phrase.words.len() } else { 0 };
        whole
    });
}

#[cfg(test)]
mod tests {
    use voicefleet_core::Word;

    use super::*;

    fn phrase(text: &str) -> Phrase {
        let words = text.split_whitespace().map(|word| Word {
            word: word.to_owned(),
            start: 0.0,
            end: 0.0,
            probability: 1.0,
        });
        Phrase {
            words: words.collect(),
            text: text.to_owned(),
            ..Phrase::default()
        }
    }

    fn without_loop(texts: &[&str]) -> Vec<String> {
        let mut phrases = texts.iter().map(|text| phrase(text)).collect();
        cut_loop(&mut phrases);
        phrases.into_iter().map(|phrase| phrase.text).collect()
    }

    #[test]
    fn a_loop_is_cut_and_what_came_before_it_stays() {
        let texts = [
            "Good morning.",
            "It is late.",
            "Thank you.",
            "Thank you.",
            "Thank you.",
            "thank you.",
            "Thank",
        ];
        assert_eq!(without_loop(&texts), ["Good morning.", "It is late."]);
        assert_eq!(
            without_loop(&["All well.", "He said no no no no no"]),
            ["All well."]
        );
    }

    #[test]
    fn repetition_without_a_pattern_is_dropped() {
        assert_eq!(without_loop(&["a b a b b a b a a b"]), [""; 0]);
    }
}
