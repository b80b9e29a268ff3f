//! throw-away
#![allow(
    clippy::all,
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "throw-away"
)]
use misaki_rs::*;
struct F(voicefleet_phonemes::Espeak);
impl Fallback for F {
    fn phonemize(&self, w: &str) -> Result<String, fallback::FallbackError> {
        let p: Vec<String> = self
            .0
            .clauses("en-us", w)
            .unwrap()
            .into_iter()
            .map(|c| c.phonemes)
            .collect();
        let mut p = p.join(" ");
        for (a, b) in [
            ("aɪ", "I"),
            ("aʊ", "W"),
            ("dʒ", "ʤ"),
            ("eɪ", "A"),
            ("tʃ", "ʧ"),
            ("ɔɪ", "Y"),
            ("oʊ", "O"),
            ("ɚ", "əɹ"),
            ("ɐ", "ə"),
            ("ɜːɹ", "ɜɹ"),
            ("ɜː", "ɜɹ"),
            ("ː", ""),
            ("e", "A"),
            ("o", "ɔ"),
            ("ɾ", "T"),
            ("r", "ɹ"),
            ("ʔ", "t"),
        ] {
            p = p.replace(a, b)
        }
        Ok(p)
    }
}
fn main() {
    let e = voicefleet_phonemes::Espeak::open(std::path::Path::new(
        "/root/.cache/voicefleet/models/espeak-ng-data",
    ))
    .unwrap();
    let g = G2P::with_fallback(Language::EnglishUS, Some(Box::new(F(e))));
    for l in std::io::stdin().lines() {
        println!("{}", g.g2p(&l.unwrap()).unwrap().0.replace('❓', ""));
    }
}
