//! voicefleet-benches
