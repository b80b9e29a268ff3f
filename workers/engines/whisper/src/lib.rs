//! voicefleet-whisper
