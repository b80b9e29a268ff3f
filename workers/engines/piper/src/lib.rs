//! voicefleet-piper
