//! Phonemes to the ids that a voice's network takes.

use std::collections::{BTreeSet, HashMap};

/// The ids of a voice, by phoneme. A phoneme is one code point (NFD) and may have several ids.
#[derive(Debug)]
pub(crate) struct PhonemeIds {
    by_phoneme: HashMap<char, Vec<i64>>,
    /// Begins every sequence.
    begin: Vec<i64>,
    /// Follows the beginning and every phoneme.
    pad: Vec<i64>,
    /// Ends every sequence.
    end: Vec<i64>,
}

impl PhonemeIds {
    /// Reads a `phoneme_id_map`.
    pub(crate) fn new(map: &HashMap<String, Vec<i64>>) -> Result<Self, String> {
        let marker = |key: &str| {
            let ids = map.get(key).cloned();
            ids.ok_or_else(|| format!("its phoneme_id_map has no '{key}'"))
        };
        // Keys of several code points are for voices with vowel_clusters, which are refused.
        let single = |key: &str| {
            let mut chars = key.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        let phonemes = map
            .iter()
            .filter_map(|(key, ids)| Some((single(key)?, ids.clone())));
        Ok(Self {
            by_phoneme: phonemes.collect(),
            begin: marker("^")?,
            pad: marker("_")?,
            end: marker("$")?,
        })
    }

    /// Whether the voice has learnt `phoneme`.
    pub(crate) fn knows(&self, phoneme: char) -> bool {
        self.by_phoneme.contains_key(&phoneme)
    }

    /// A sequence of phonemes that the voice has learnt, the same ones every time.
    pub(crate) fn sample(&self, length: usize) -> Vec<i64> {
        let known: BTreeSet<char> = self.by_phoneme.keys().copied().collect();
        let letters = known.into_iter().filter(|phoneme| phoneme.is_alphabetic());
        let sample: String = letters
            .collect::<Vec<_>>()
            .into_iter()
            .cycle()
            .take(length)
            .collect();
        self.sequence(&sample)
    }

    /// The id sequence of `phonemes`, as piper-tts makes it: begin pad (phoneme pad)* end. Phonemes
    /// that the voice has not learnt are left out, with a warning.
    pub(crate) fn sequence(&self, phonemes: &str) -> Vec<i64> {
        let mut ids = [&*self.begin, &*self.pad].concat();
        let mut unknown = BTreeSet::new();
        for phoneme in phonemes.chars() {
            match self.by_phoneme.get(&phoneme) {
                Some(known) => {
                    ids.extend(known);
                    ids.extend(&self.pad);
                }
                None => {
                    unknown.insert(phoneme);
                }
            }
        }
        ids.extend(&self.end);
        if !unknown.is_empty() {
            tracing::warn!(?unknown, "the voice has no ids for some phonemes");
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;
    use voicefleet_testkit::model_file;

    use super::*;

    fn ids() -> PhonemeIds {
        let map = [
            ("^", vec![1]),
            ("_", vec![0]),
            ("$", vec![2]),
            ("a", vec![7, 8]),
            ("aɪ", vec![9]),
        ];
        let map = map.into_iter().map(|(key, ids)| (key.to_owned(), ids));
        PhonemeIds::new(&map.collect()).unwrap()
    }

    #[test]
    fn all_ids_of_a_phoneme_are_used_and_unknown_ones_left_out() {
        assert_eq!(ids().sequence("aɪa"), [1, 0, 7, 8, 0, 7, 8, 0, 2]);
        assert_eq!(ids().sequence(""), [1, 0, 2]);
    }

    #[test]
    fn sequences_are_those_of_piper_tts() {
        let config = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx.json");
        let config: Value = serde_json::from_slice(&fs::read(config).unwrap()).unwrap();
        let map = serde_json::from_value(config["phoneme_id_map"].clone()).unwrap();
        let ids = PhonemeIds::new(&map).unwrap();
        let golden: Value =
            serde_json::from_str(include_str!("../tests/golden/speech.json")).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        for sentence in cases
            .iter()
            .flat_map(|case| case["sentences"].as_array().unwrap())
        {
            let phonemes = sentence["phonemes"].as_str().unwrap();
            assert_eq!(
                Value::from(ids.sequence(phonemes)),
                sentence["ids"],
                "{phonemes}"
            );
        }
        assert!(cases.len() > 20);
    }

    #[test]
    fn a_map_without_markers_is_refused() {
        let map = HashMap::from([("^".to_owned(), vec![1])]);
        assert!(PhonemeIds::new(&map).unwrap_err().contains("'_'"));
    }
}
