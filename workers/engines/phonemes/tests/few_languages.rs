//! A data folder with the dictionaries of some languages, as it is installed by default. A process has one folder, so these
//! tests are a file of their own.

use std::{fs, io, os::unix::fs::symlink, path::Path};

use voicefleet_phonemes::Espeak;
use voicefleet_testkit::model_file;

/// The installed data without the dictionaries of other languages than `kept`.
fn data_of(kept: &[&str], folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(model_file("espeak-ng-data"))? {
        let entry = entry?;
        let name = entry.file_name();
        let language = name.to_str().and_then(|name| name.strip_suffix("_dict"));
        if language.is_none_or(|language| kept.contains(&language)) {
            symlink(entry.path(), folder.join(name))?;
        }
    }
    Ok(())
}

#[test]
fn letters_of_languages_that_are_not_there_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    data_of(&["en", "hi", "pt"], folder.path()).unwrap();
    let espeak = Espeak::open(folder.path()).unwrap();
    let phonemes = |voice: &str, text: &str| {
        let clauses = espeak.clauses(voice, text).unwrap();
        let phonemes = clauses.into_iter().map(|clause| clause.phonemes);
        phonemes.collect::<String>()
    };
    // Telugu, which ended the process, Korean, Tamil, Georgian.
    for letter in ["\u{c5a}", "\u{d55c}", "\u{ba4}", "\u{10d0}"] {
        for voice in ["hi", "pt-br", "en-us"] {
            assert_eq!(phonemes(voice, letter), "", "{letter} as {voice}");
        }
    }
    assert_eq!(
        phonemes("en-us", "one \u{c5a} two"),
        phonemes("en-us", "one two")
    );
    assert!(!phonemes("en-us", "\u{915}").is_empty(), "Hindi is there");
}
