//! Content hashes that say "the same work".

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::tenant::Tenant;

/// SHA-256 over everything that changes a job's output, as 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same work, told apart from that of other tenants.
    #[must_use]
    pub fn walled(&self, tenant: &Tenant) -> Self {
        FingerprintBuilder::new("walled.v1")
            .text(tenant.as_str())
            .text(&self.0)
            .finish()
    }

    /// Reads back what [`Fingerprint::as_str`] gave; `None` for anything else.
    pub fn parse(hex: &str) -> Option<Self> {
        let valid = hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        valid.then(|| Self(hex.to_owned()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of `bytes` as lower-case hex.
pub fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Hashes a sequence of fields so that no two sequences can be confused: each is length-prefixed.
pub(crate) struct FingerprintBuilder(Sha256);

impl FingerprintBuilder {
    /// `domain` separates kinds of work and versions of the recipe.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Sha256::new()).text(domain)
    }

    pub(crate) fn text(mut self, field: &str) -> Self {
        self.0.update((field.len() as u64).to_le_bytes());
        self.0.update(field.as_bytes());
        self
    }

    /// Adds 0.0 so that -0 and 0 are the same work.
    pub(crate) fn number(mut self, field: f32) -> Self {
        self.0.update((field + 0.0).to_bits().to_le_bytes());
        self
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(hex::encode(self.0.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{AudioFormat, EngineId, JobSpec, SpeechSpec};

    use super::*;

    fn speech(text: &str, voice: &str, speed: f32, format: AudioFormat) -> JobSpec {
        JobSpec::Speech(SpeechSpec {
            walled: None,
            engine: EngineId::new("piper"),
            model: "m".into(),
            model_digest: "d".into(),
            voice: voice.into(),
            text: text.into(),
            speed,
            format,
        })
    }

    proptest! {
        #[test]
        fn equal_exactly_when_every_field_is(
            a in (".{0,6}", ".{0,6}", 1_u8..4), b in (".{0,6}", ".{0,6}", 1_u8..4),
        ) {
            let one = speech(&a.0, &a.1, f32::from(a.2), AudioFormat::Wav).fingerprint();
            let other = speech(&b.0, &b.1, f32::from(b.2), AudioFormat::Mp3).fingerprint();
            prop_assert_eq!(a == b, one == other);
        }

        #[test]
        fn fields_do_not_run_together(left in ".{1,8}", right in ".{1,8}") {
            let split = FingerprintBuilder::new("t").text(&left).text(&right).finish();
            let joined = FingerprintBuilder::new("t").text(&format!("{left}{right}")).text("").finish();
            prop_assert_ne!(split, joined);
        }
    }

    #[test]
    fn parse_takes_its_own_output_and_nothing_else() {
        let print = FingerprintBuilder::new("t").finish();
        assert_eq!(Fingerprint::parse(print.as_str()), Some(print.clone()));
        assert_eq!(Fingerprint::parse(&print.as_str().to_uppercase()), None);
        assert_eq!(Fingerprint::parse("../../etc/passwd"), None);
    }
}
