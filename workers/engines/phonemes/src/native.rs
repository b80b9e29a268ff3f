//! The C side: everything that is unsafe in this crate.
//!
//! espeak-ng's public call for this job, `espeak_TextToPhonemes`, keeps to itself how a clause ended.
//! piper-tts builds espeak-ng with a call added that tells; the source that espeak-rs-sys carries has
//! no such call, but it has the parts. So the loop over the clauses is here, and declares the functions
//! and variables it needs from inside the library. They belong to exactly the version of espeak-rs-sys
//! that the workspace pins; the tests against piper-tts's own results tell when they change.
#![expect(unsafe_code, reason = "espeak-ng is a C library")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
};

use espeak_rs_sys as sys;

use crate::EspeakError;

unsafe extern "C" {
    /// Of the C library: whether a character is a letter or a digit in the current `LC_CTYPE`.
    safe fn iswalnum(c: c_uint) -> c_int;
}

/// A language's rules, in C's hands only.
#[repr(C)]
struct Translator {
    _opaque: [u8; 0],
}

// From espeak-ng 1.52.0.1, src/libespeak-ng/translate.h and dictionary.h.
unsafe extern "C" {
    /// The rules of the voice selected last; null before the first.
    static mut translator: *mut Translator;
    /// What clauses are read from; null before the first text.
    static mut p_decoder: *mut sys::espeak_ng_TEXT_DECODER;
    /// Forgets the text before, and starts the count of characters again, which would overflow.
    fn InitText(control: c_int);
    /// Reads one clause and translates it; `terminator` says how it ended (`CLAUSE_*`).
    fn TranslateClauseWithTerminator(
        rules: *mut Translator,
        tone: *mut c_int,
        voice_change: *mut *mut c_char,
        terminator: *mut c_int,
    );
    /// The clause translated last, in a buffer that the next call overwrites.
    fn GetTranslatedPhonemeString(mode: c_int) -> *const c_char;
}

/// espeak-ng with its data loaded. At most one exists, and whoever has it is alone with the C globals.
#[derive(Debug)]
pub(crate) struct Library {
    data_dir: PathBuf,
    /// The voice whose rules are loaded.
    voice: Option<CString>,
}

impl Library {
    /// Loads the data in `data_dir`, an absolute path.
    pub(crate) fn initialise(data_dir: PathBuf) -> Result<Self, EspeakError> {
        let unusable = |reason: String| EspeakError::Data {
            path: data_dir.clone(),
            reason,
        };
        // espeak-ng goes on with a folder of its own choice where it finds no data.
        if !data_dir.join("phontab").is_file() {
            return Err(unusable("it has no file 'phontab'".to_owned()));
        }
        let path = CString::new(data_dir.as_os_str().as_bytes())
            .map_err(|_| unusable("its name has a NUL".to_owned()))?;
        // SAFETY: `path` is a C string that is copied; nobody else is in the library, because the
        // caller holds the lock under which the only `Library` is made.
        unsafe { sys::espeak_ng_InitializePath(path.as_ptr()) };
        if loaded_path() != path {
            return Err(unusable(
                "its path is too long for espeak-ng (160 bytes), or it holds another \
                 'espeak-ng-data'"
                    .to_owned(),
            ));
        }
        load_data().map_err(unusable)?;
        Ok(Self {
            data_dir,
            voice: None,
        })
    }

    /// The folder that the data was loaded from.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Selects the voice whose rules the next texts are read by; false if there is none of that name.
    pub(crate) fn select_voice(&mut self, voice: &CStr) -> bool {
        // espeak-ng leaks a kilobyte whenever it loads a voice, so it must not for every text.
        if self.voice.as_deref() == Some(voice) {
            return true;
        }
        // SAFETY: the name is a C string, short enough for espeak-ng's buffers.
        let status = unsafe { sys::espeak_ng_SetVoiceByName(voice.as_ptr()) };
        let selected = status == sys::espeak_ng_STATUS_ENS_OK;
        self.voice = selected.then(|| voice.to_owned());
        selected
    }

    /// Whether espeak-ng takes `c` for a letter or a digit.
    #[expect(
        clippy::unused_self,
        reason = "it sets the locale that this depends on"
    )]
    pub(crate) fn is_alphanumeric(&self, c: char) -> bool {
        iswalnum(c.into()) != 0
    }

    /// Translates `text` by the rules of the voice selected before (there must be one), and makes a
    /// `C` of the phonemes and the terminator word of each clause.
    #[expect(clippy::unused_self, reason = "whoever has the library may call it")]
    pub(crate) fn translate<C>(&mut self, text: &CStr, clause: impl Fn(&str, i32) -> C) -> Vec<C> {
        let mut clauses = Vec::new();
        // SAFETY: the exclusive borrow keeps everybody else away from the globals. The decoder reads
        // `text`, which outlives the loop, up to and with its NUL and no further. `translator` is set,
        // because a voice was selected.
        unsafe {
            decode(text);
            InitText(0);
            while sys::text_decoder_eof(p_decoder) == 0 {
                let mut terminator = 0;
                TranslateClauseWithTerminator(
                    translator,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    &raw mut terminator,
                );
                let phonemes = GetTranslatedPhonemeString(IPA);
                let phonemes = CStr::from_ptr(phonemes).to_string_lossy();
                clauses.push(clause(&phonemes, terminator));
            }
        }
        clauses
    }
}

/// Phonemes in the International Phonetic Alphabet, without separators or ties.
const IPA: c_int = sys::espeakPHONEMES_IPA.cast_signed();

/// Lets the decoder read `text`.
///
/// # Safety
/// Nobody else may be in the library, and `text` must live until it is read.
unsafe fn decode(text: &CStr) {
    let bytes = text.to_bytes_with_nul();
    let length = c_int::try_from(bytes.len()).expect("the length of a text is checked");
    // SAFETY: as this function asks; the decoder is made once and never freed.
    unsafe {
        if p_decoder.is_null() {
            p_decoder = sys::create_text_decoder();
        }
        sys::text_decoder_decode_string(
            p_decoder,
            bytes.as_ptr().cast(),
            length,
            sys::espeak_ng_ENCODING_ESPEAKNG_ENCODING_UTF_8,
        );
    }
}

/// The folder that espeak-ng has settled on.
fn loaded_path() -> CString {
    let mut path = ptr::null();
    // SAFETY: espeak-ng points `path` at a static buffer that holds a C string; it is copied before
    // anybody can change it.
    unsafe {
        sys::espeak_Info(&raw mut path);
        CStr::from_ptr(path).to_owned()
    }
}

/// Reads the phoneme data of the folder that was set.
fn load_data() -> Result<(), String> {
    let mut context: sys::espeak_ng_ERROR_CONTEXT = ptr::null_mut();
    // SAFETY: `context` is espeak-ng's to fill and is given back to it.
    let status = unsafe {
        let status = sys::espeak_ng_Initialize(&raw mut context);
        sys::espeak_ng_ClearErrorContext(&raw mut context);
        status
    };
    if status != sys::espeak_ng_STATUS_ENS_OK {
        return Err(describe(status));
    }
    // SAFETY: no audio device is opened: without a callback nothing is ever sent to this output.
    let status = unsafe {
        sys::espeak_ng_InitializeOutput(
            sys::espeak_ng_OUTPUT_MODE_ENOUTPUT_MODE_SYNCHRONOUS,
            0,
            ptr::null(),
        )
    };
    if status == sys::espeak_ng_STATUS_ENS_OK {
        Ok(())
    } else {
        Err(describe(status))
    }
}

/// espeak-ng's own words for a status.
fn describe(status: sys::espeak_ng_STATUS) -> String {
    let mut message: [c_char; 512] = [0; 512];
    // SAFETY: the buffer is as long as is said, and its last byte stays zero.
    unsafe {
        sys::espeak_ng_GetStatusCodeMessage(status, message.as_mut_ptr(), message.len() - 1);
        CStr::from_ptr(message.as_ptr())
            .to_string_lossy()
            .into_owned()
    }
}

/// The version of espeak-ng that is linked.
#[cfg(test)]
fn version() -> &'static str {
    // SAFETY: the version is a C string with static lifetime.
    let version = unsafe { CStr::from_ptr(sys::espeak_Info(ptr::null_mut())) };
    version.to_str().expect("ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declarations_above_belong_to_the_linked_version() {
        assert_eq!(version(), "1.52.0.1");
    }
}
