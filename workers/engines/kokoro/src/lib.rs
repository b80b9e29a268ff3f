//! voicefleet-kokoro
