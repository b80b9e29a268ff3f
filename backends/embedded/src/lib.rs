//! voicefleet-embedded
