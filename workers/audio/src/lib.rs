//! voicefleet-audio
