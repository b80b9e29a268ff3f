//! The handle to the one espeak-ng of this process.

use std::{
    ffi::CString,
    ops::RangeInclusive,
    path::Path,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    Clause, EspeakError,
    native::Library,
    scripts::{letters_without_dictionary, scripts_apart, without},
    segments::segments,
};

/// espeak-ng, once it has been opened.
static OPENED: OnceLock<Opened> = OnceLock::new();

#[derive(Debug)]
struct Opened {
    library: Mutex<Library>,
    /// What its data have no dictionary for.
    unknown_letters: Vec<RangeInclusive<char>>,
}

/// Held while espeak-ng is being opened.
static OPENING: Mutex<()> = Mutex::new(());

/// A handle to espeak-ng with its data loaded. All handles of a process share one espeak-ng.
#[derive(Clone, Debug)]
pub struct Espeak {
    opened: &'static Opened,
}

impl Espeak {
    /// Opens espeak-ng with the data folder `data_dir` (the folder `espeak-ng-data` itself).
    ///
    /// The first call sets the process's `LC_CTYPE` to UTF-8, which espeak-ng needs to know letters
    /// from other characters. Later calls with the same folder give further handles.
    ///
    /// # Errors
    /// [`EspeakError::Data`] if the folder is missing, incomplete or of another version,
    /// [`EspeakError::OtherData`] if another folder was opened before.
    pub fn open(data_dir: &Path) -> Result<Self, EspeakError> {
        let folder = data_dir.canonicalize().map_err(|error| EspeakError::Data {
            path: data_dir.to_owned(),
            reason: error.to_string(),
        })?;
        let _opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = if let Some(opened) = OPENED.get() {
            opened
        } else {
            let library = Library::initialise(folder.clone())?;
            OPENED.get_or_init(|| Opened {
                library: Mutex::new(library),
                unknown_letters: letters_without_dictionary(&folder),
            })
        };
        let handle = Self { opened };
        let opened = handle.lock().data_dir().to_owned();
        if opened == folder {
            Ok(handle)
        } else {
            Err(EspeakError::OtherData {
                asked: folder,
                opened,
            })
        }
    }

    /// Turns `text` into phonemes, spoken by the rules of `voice` (`en-us`).
    ///
    /// The same text always gives the same clauses, whatever was asked before. A line break is a
    /// blank; a blank line ends a sentence. Letters of languages of which there is no dictionary are not spoken.
    ///
    /// # Errors
    /// [`EspeakError::UnknownVoice`], and [`EspeakError::ControlCharacter`] for characters below
    /// U+0020 (and U+007F) other than tab and line breaks.
    pub fn clauses(&self, voice: &str, text: &str) -> Result<Vec<Clause>, EspeakError> {
        check_text(text)?;
        let text = scripts_apart(&without(&self.opened.unknown_letters, text));
        let unknown = || EspeakError::UnknownVoice(voice.to_owned());
        let voice = checked_voice(voice).ok_or_else(unknown)?;
        let mut library = self.lock();
        if !library.select_voice(&voice) {
            return Err(unknown());
        }
        let mut clauses: Vec<Clause> = Vec::new();
        for segment in segments(&text, |c| library.is_alphanumeric(c)) {
            // The end of a segment is not the end of a sentence.
            if let Some(cut) = clauses.last_mut() {
                cut.ends_sentence &= cut.terminator.is_some();
            }
            clauses.extend(library.translate(&c_string(segment), Clause::new));
        }
        Ok(clauses)
    }

    fn lock(&self) -> MutexGuard<'_, Library> {
        // A panic can only leave an unfinished text behind, and each text starts from the beginning.
        self.opened
            .library
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn c_string(checked: &str) -> CString {
    CString::new(checked).expect("a text with NUL is refused")
}

/// Refuses characters that espeak-ng takes for commands or for the end of the text.
fn check_text(text: &str) -> Result<(), EspeakError> {
    let command = |c: char| c.is_ascii_control() && !matches!(c, '\t'..='\r');
    if let Some((position, character)) = text.char_indices().find(|(_, c)| command(*c)) {
        return Err(EspeakError::ControlCharacter {
            character,
            position,
        });
    }
    // espeak-ng counts bytes, the closing NUL among them, in a C int.
    if text.len() >= i32::MAX as usize {
        return Err(EspeakError::TooLong(text.len()));
    }
    Ok(())
}

/// The voice name as C wants it, if it can be one: espeak-ng looks voices up as file names, in
/// buffers of 40 bytes.
fn checked_voice(voice: &str) -> Option<CString> {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
    let usable = (1..40).contains(&voice.len()) && voice.chars().all(part_of_name);
    usable.then(|| c_string(voice))
}
