//! Text on its way to a voice.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use voicefleet_core::text;
use voicefleet_phonemes::{Clause, Espeak};
use voicefleet_testkit::models_dir;
use voicefleet_verbalise::verbalise;

/// What an interviewer says, with what has to be written out before it can be said.
pub(crate) const PARAGRAPH: &str = "Please tell us about a difficult decision that you made at work, and what \
    came of it. Dr. Smith joined on 3 May 2021 at 9:30 a.m.; by then the team had grown from 12 to 27 people, \
    costs had fallen by 4.5 % to $1,250 a month, and the café’s Wi-Fi ran at 100 Mbit/s. \
    What would you do if the plan failed on the last day?";

#[library_benchmark]
fn normalise() -> String {
    text::normalise(black_box(PARAGRAPH))
}

#[library_benchmark]
#[bench::warm(setup = rules_read)]
fn words_written_out(text: &str) -> String {
    verbalise(black_box(text))
}

/// The rules are read once in a process.
fn rules_read() -> &'static str {
    assert!(verbalise(PARAGRAPH).contains("four point five percent"));
    PARAGRAPH
}

#[library_benchmark]
#[bench::warm(setup = voice_read)]
fn phonemes(espeak: Espeak) -> Vec<Clause> {
    espeak
        .clauses("en-us", black_box(PARAGRAPH))
        .expect("clauses")
}

/// The voice is read once in a process.
fn voice_read() -> Espeak {
    let espeak = Espeak::open(&models_dir().join("espeak-ng-data")).expect("the data");
    espeak.clauses("en-us", "Good morning.").expect("clauses");
    espeak
}

library_benchmark_group!(
    name = texts,
    benchmarks = [normalise, words_written_out, phonemes]
);
