//! voicefleet-testkit
