//! voicefleet-tests
