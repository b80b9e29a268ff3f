//! Text in other languages to Kokoro's phonemes: espeak-ng's, in the alphabet the model was trained on.

use voicefleet_core::ports::EngineError;
use voicefleet_phonemes::Espeak;

/// The phonemes of one sentence, with the marks of its clauses.
pub(crate) fn phonemes(
    espeak: &Espeak,
    voice: &str,
    sentence: &str,
) -> Result<String, EngineError> {
    let text: String = sentence.chars().filter(|c| !c.is_control()).collect();
    let clauses = espeak
        .clauses(voice, &text)
        .map_err(|error| EngineError::Inference(error.to_string()))?;
    let mut spoken = String::new();
    for clause in clauses {
        spoken.push_str(&as_kokoro(&clause.phonemes));
        spoken.extend(clause.terminator);
        spoken.push(' ');
    }
    Ok(spoken)
}

/// One letter for a diphthong or affricate (misaki 0.9.4, `EspeakG2P`), and the nearest known letter for
/// sounds that Kokoro has none for.
fn as_kokoro(ipa: &str) -> String {
    const RULES: [(&str, &str); 17] = [
        ("c\u{327}", "ç"),
        ("aɪ", "I"),
        ("aʊ", "W"),
        ("dz", "ʣ"),
        ("dʒ", "ʤ"),
        ("eɪ", "A"),
        ("oʊ", "O"),
        ("əʊ", "Q"),
        ("ts", "ʦ"),
        ("tʃ", "ʧ"),
        ("tɕ", "ʨ"),
        ("ɔɪ", "Y"),
        ("g", "ɡ"),
        ("ʱ", "ʰ"),
        ("ɫ", "l"),
        ("ʍ", "w"),
        ("-", ""),
    ];
    RULES
        .iter()
        .fold(ipa.to_owned(), |ipa, (from, to)| ipa.replace(from, to))
}
