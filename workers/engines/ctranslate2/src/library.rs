//! The one CTranslate2 library of this process.

use std::{
    ffi::c_void,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use libloading::os::unix::Library;

use crate::{
    Ct2Error, VERSION,
    functions::{self, SYMBOLS},
    leading,
};

/// What is loaded. Never unloaded: its threads may run until the process ends.
static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Loads the shared library `library` for the whole process. A second call with the same file does nothing.
///
/// # Errors
/// [`Ct2Error::Library`] if the file is missing or is no CTranslate2 of version [`VERSION`]; [`Ct2Error::OtherLibrary`] if
/// another file was loaded before.
pub fn load_library(library: &Path) -> Result<(), Ct2Error> {
    let refuse = |reason: String| Ct2Error::Library {
        path: library.to_owned(),
        reason,
    };
    let file = library
        .canonicalize()
        .map_err(|error| refuse(error.to_string()))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some(loaded) if *loaded == file => return Ok(()),
        Some(loaded) => {
            return Err(Ct2Error::OtherLibrary {
                asked: file,
                loaded: loaded.clone(),
            });
        }
        None => {}
    }
    functions::bind(&targets(&file).map_err(refuse)?);
    *loaded = Some(file);
    Ok(())
}

/// # Errors
/// [`Ct2Error::LibraryNotLoaded`] before [`load_library`].
pub(crate) fn require() -> Result<(), Ct2Error> {
    match &*LOADED.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(_) => Ok(()),
        None => Err(Ct2Error::LibraryNotLoaded),
    }
}

/// What CTranslate2 multiplies matrices with on a GPU. It looks for it by this name, but only in the first computation.
const CUBLAS: &str = "libcublas.so.12";

/// # Errors
/// [`Ct2Error::NoCudaLibrary`].
pub(crate) fn require_cublas() -> Result<(), Ct2Error> {
    let flags = libloading::os::unix::RTLD_LAZY | libloading::os::unix::RTLD_LOCAL;
    #[expect(unsafe_code, reason = "loading a library runs its initialisers")]
    // SAFETY: NVIDIA's library, which CTranslate2 would load in the same way a little later.
    let library = unsafe { Library::open(Some(CUBLAS), flags) };
    let library = library.map_err(|error| Ct2Error::NoCudaLibrary {
        library: CUBLAS,
        reason: error.to_string(),
    })?;
    // It stays for CTranslate2.
    std::mem::forget(library);
    Ok(())
}

/// Where the library has the functions.
fn targets(file: &Path) -> Result<[*mut c_void; SYMBOLS.len()], String> {
    // All at once and for good: what is missing shows here, not in the middle of a job.
    let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_LOCAL;
    #[expect(unsafe_code, reason = "loading a library runs its initialisers")]
    // SAFETY: the initialisers of CTranslate2 and its OpenMP read the environment and the CPU's features only.
    let library = unsafe { Library::open(Some(file), flags) }.map_err(|error| error.to_string())?;
    let mut targets = [std::ptr::null_mut(); SYMBOLS.len()];
    for (target, name) in targets.iter_mut().zip(SYMBOLS) {
        #[expect(unsafe_code, reason = "the type of a symbol is what we say it is")]
        // SAFETY: the symbol is not called here; whoever calls it was compiled against the headers of the same version, and
        // its mangled name holds the types of its parameters.
        let symbol = unsafe { library.get::<*mut c_void>(name.as_bytes()) };
        *target = symbol
            .map_err(|_| format!("it is no CTranslate2 {VERSION}: it has no '{name}'"))?
            .into_raw();
    }
    if let Err(reason) = leading::lead_here(&library, file) {
        tracing::info!(reason, "CTranslate2 multiplies as it always does");
    }
    std::mem::forget(library);
    Ok(targets)
}
