//! Where the real models lie.

use std::path::PathBuf;

/// The folder with the real models: `$VOICEFLEET_MODELS`, else `$XDG_CACHE_HOME/voicefleet/models`,
/// else `~/.cache/voicefleet/models`.
///
/// # Panics
/// If the folder is not there: tests never pass without real models.
pub fn models_dir() -> PathBuf {
    let cache = || {
        std::env::var_os("XDG_CACHE_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
            PathBuf::from,
        )
    };
    let dir = std::env::var_os("VOICEFLEET_MODELS")
        .map_or_else(|| cache().join("voicefleet/models"), PathBuf::from);
    assert!(
        dir.is_dir(),
        "no models under {}: run `make test-models`",
        dir.display()
    );
    dir
}

/// The file `path` of the models folder.
///
/// # Panics
/// If it is not there.
pub fn model_file(path: &str) -> PathBuf {
    let file = models_dir().join(path);
    assert!(
        file.exists(),
        "{} is missing: run `make test-models`",
        file.display()
    );
    file
}
