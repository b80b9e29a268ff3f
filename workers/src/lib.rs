//! voicefleet-workers
