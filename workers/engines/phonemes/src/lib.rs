//! voicefleet-phonemes
