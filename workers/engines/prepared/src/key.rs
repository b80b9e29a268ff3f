//! What prepared files are found by.

use std::{fs, path::Path, time::UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::PreparedError;

/// What something was made of and for. If any of it changes it is made anew.
#[derive(PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of what `version` of whoever makes it makes of the model file `model`, with the digest of its content if it is
    /// known, for this processor.
    ///
    /// # Errors
    /// If the model file is not there.
    pub fn new(model: &Path, digest: &str, version: &str) -> Result<Self, PreparedError> {
        let file = fs::metadata(model).map_err(PreparedError::at(model))?;
        let changed = file.modified().map_err(PreparedError::at(model))?;
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let parts = [
            digest,
            &file.len().to_string(),
            &changed.as_nanos().to_string(),
            version,
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            &processor(),
        ];
        let mut sum = Sha256::new();
        for part in parts {
            sum.update(part);
            sum.update([0]);
        }
        // Only files of one model lie side by side, so 64 bits are many.
        Ok(Self(hex::encode(&sum.finalize()[..8])))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// The instructions that what is prepared hangs on: machines with others may see the same folder.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            is_x86_feature_detected!("avx"),
            is_x86_feature_detected!("fma"),
            is_x86_feature_detected!("avx2"),
            is_x86_feature_detected!("avx512f"),
            is_x86_feature_detected!("avx512bw"),
            is_x86_feature_detected!("avx512vnni"),
            is_x86_feature_detected!("avx512bf16"),
        ];
        format!("{has:?}")
    }
    #[cfg(not(target_arch = "x86_64"))]
    String::new()
}
