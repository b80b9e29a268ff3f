//! Secrets that both sides of a webhook know.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "whsec_";
/// How many bytes a secret has, by the standard.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// How many those that are made here have.
const MADE: usize = 32;

/// A secret: `whsec_` and the base64 of 24 to 64 bytes. Not shown when debugged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret(Vec<u8>);

/// Text that is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

impl Secret {
    /// A new one, from the operating system's randomness.
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; MADE];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// As both sides configure it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if LENGTHS.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidSecret)
        }
    }
}

impl TryFrom<String> for Secret {
    type Error = InvalidSecret;

    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        text.parse()
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.reveal()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}...")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(length: usize) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        for length in [24, 32, 64] {
            assert_eq!(of(length).parse::<Secret>().unwrap().reveal(), of(length));
        }
        let unprefixed = of(32).replace(PREFIX, "");
        for text in [&of(23), &of(65), &unprefixed, "whsec_", "whsec_***", ""] {
            assert_eq!(text.parse::<Secret>(), Err(InvalidSecret), "{text}");
        }
    }

    #[test]
    fn new_secrets_differ_and_stay_out_of_logs() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().parse(), Ok(one.clone()));
        assert_eq!(format!("{one:?}"), "whsec_...");
    }
}
