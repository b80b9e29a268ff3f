//! What is left of a cluster when its parts are killed under load: long, seeded, and with figures.
//! `make chaos` runs it; `VOICEFLEET_SEED` sets another seed.
