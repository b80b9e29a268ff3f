//! Piper with a real voice, en_US-joe-medium: `golden` against piper-tts, `behaviour` as a job
//! meets it, `prepared` against the published network.

mod behaviour;
mod golden;
mod prepared;
mod setup;
