//! Loading models, and reading what was heard.

use std::sync::Arc;

use voicefleet_core::{
    Pcm, Segment, Word,
    ports::{
        EngineError, EngineLoader, LoadedEngine, ModelRef, TranscriptionEngine,
        TranscriptionOptions, Window,
    },
};
use voicefleet_testkit::model_file;
use voicefleet_whisper::{WhisperFiles, WhisperLoader};

pub(crate) const BASE: &str = "whisper-base";
pub(crate) const TINY_EN: &str = "whisper-tiny.en";

pub(crate) const BASE_CT2: &str = "whisper-base-ct2";
pub(crate) const TINY_EN_CT2: &str = "whisper-tiny.en-ct2";

/// Each model in each format.
pub(crate) const MODELS: [&str; 4] = [BASE, TINY_EN, BASE_CT2, TINY_EN_CT2];

pub(crate) fn loader() -> WhisperLoader {
    WhisperLoader::new(files())
}

pub(crate) fn files() -> WhisperFiles {
    let models = [
        (BASE, "whisper/ggml-base-q8_0.bin"),
        (TINY_EN, "whisper/ggml-tiny.en-q8_0.bin"),
        (BASE_CT2, "ct2/base/model.bin"),
        (TINY_EN_CT2, "ct2/tiny.en/model.bin"),
    ];
    WhisperFiles {
        models: models
            .map(|(name, file)| (name.to_owned(), model_file(file)))
            .into(),
        voice_activity: model_file("vad/ggml-silero-v6.2.0.bin"),
        ctranslate2: Some(model_file("ctranslate2/libctranslate2.so")),
    }
}

pub(crate) fn load(
    loader: &WhisperLoader,
    name: &str,
    lanes: usize,
) -> Result<Arc<dyn TranscriptionEngine>, EngineError> {
    let model = ModelRef {
        name: name.to_owned(),
        digest: String::new(),
    };
    match loader.load(&model, lanes)? {
        LoadedEngine::Transcription(engine) => Ok(engine),
        LoadedEngine::Speech(_) => panic!("a Whisper model does not speak"),
    }
}

pub(crate) fn engine(name: &str) -> Arc<dyn TranscriptionEngine> {
    load(&loader(), name, 1).expect("the test's own audio")
}

pub(crate) fn english() -> TranscriptionOptions {
    TranscriptionOptions {
        language: Some("en".to_owned()),
        ..TranscriptionOptions::default()
    }
}

/// The whole recording as one window.
pub(crate) fn all(audio: &Pcm) -> Window {
    Window {
        start: 0,
        end: audio.samples.len(),
    }
}

/// Plans and transcribes; checks what must hold for any transcript.
pub(crate) fn hear(engine: &dyn TranscriptionEngine, audio: &Pcm) -> Vec<Segment> {
    let mut segments = Vec::new();
    for window in engine.plan(audio).expect("the test's own audio") {
        let heard = engine
            .transcribe(audio, window, &english())
            .expect("the test's own audio");
        assert_in_order(&heard.segments, window);
        segments.extend(heard.segments);
    }
    segments
}

/// Times never run backwards and stay within the window.
pub(crate) fn assert_in_order(segments: &[Segment], window: Window) {
    let second =
        |sample: usize| f64::from(u32::try_from(sample).expect("the test's own audio")) / 16_000.0;
    let mut at = second(window.start);
    for segment in segments {
        assert!(!segment.text.is_empty() && segment.text.trim() == segment.text);
        assert!(
            segment.start >= at && segment.end >= segment.start,
            "{segment:?}"
        );
        assert!((0.0..=1.0).contains(&segment.no_speech_prob));
        assert!(segment.avg_logprob <= 0.0);
        for word in &segment.words {
            assert!(
                word.start >= at && word.end >= word.start,
                "{word:?} in {segment:?}"
            );
            assert!((0.0..=1.0).contains(&word.probability));
            at = word.end;
        }
        assert!(segment.end >= at);
        at = segment.end;
    }
    assert!(at <= second(window.end));
}

/// The words, in lower case, without punctuation.
pub(crate) fn spoken(segments: &[Segment]) -> Vec<String> {
    segments
        .iter()
        .flat_map(|segment| plain(&segment.text))
        .collect()
}

pub(crate) fn plain(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split_whitespace()
        .map(|word| word.replace(|c: char| !c.is_alphanumeric(), ""))
        .filter(|word| !word.is_empty())
        .collect()
}

pub(crate) fn timed(segments: &[Segment]) -> Vec<&Word> {
    segments.iter().flat_map(|segment| &segment.words).collect()
}

/// Words to insert, delete or replace to get from one text to the other (Levenshtein).
pub(crate) fn edits(heard: &[String], said: &[String]) -> usize {
    let mut costs: Vec<usize> = (0..=said.len()).collect();
    for (row, word) in heard.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut costs[0], row + 1);
        for column in 0..said.len() {
            let replaced = diagonal + usize::from(*word != said[column]);
            diagonal = costs[column + 1];
            costs[column + 1] = replaced.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[said.len()]
}

/// The places of words that both texts have, in the same order: as many as possible, as (place in `heard`, place in
/// `said`).
pub(crate) fn in_both(heard: &[String], said: &[String]) -> Vec<(usize, usize)> {
    // How many words the rests from each pair of places have in common.
    let mut common = vec![vec![0; said.len() + 1]; heard.len() + 1];
    for row in (0..heard.len()).rev() {
        for column in (0..said.len()).rev() {
            common[row][column] = if heard[row] == said[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::new();
    while row < heard.len() && column < said.len() {
        if heard[row] == said[column] {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if common[row + 1][column] >= common[row][column + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}
