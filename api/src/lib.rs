//! voicefleet-api
