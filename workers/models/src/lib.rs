//! voicefleet-models
