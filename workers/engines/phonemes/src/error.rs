//! What can go wrong between a text and its phonemes.

use std::path::PathBuf;

/// Why espeak-ng could not be opened, or a text could not be turned into phonemes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EspeakError {
    /// The data folder is not there, is incomplete, or is of another version.
    #[error("espeak-ng cannot use the data folder {}: {reason}", path.display())]
    Data {
        /// The folder that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// espeak-ng holds one data folder per process, and it holds another one already.
    #[error(
        "espeak-ng cannot use the data folder {}: this process uses {}",
        asked.display(),
        opened.display()
    )]
    OtherData {
        /// The folder that was asked for.
        asked: PathBuf,
        /// The folder in use.
        opened: PathBuf,
    },
    /// The data folder has no such voice.
    #[error("espeak-ng has no voice '{0}'")]
    UnknownVoice(String),
    /// A control character in the text: espeak-ng would take it for a command or for the end.
    #[error("the text has the control character U+{:04X} at byte {position}", u32::from(*character))]
    ControlCharacter {
        /// The character.
        character: char,
        /// Its offset in the text, in bytes.
        position: usize,
    },
    /// More text than espeak-ng can address (2 GiB).
    #[error("a text of {0} bytes is too long for espeak-ng")]
    TooLong(usize),
}
