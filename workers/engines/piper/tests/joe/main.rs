//! Piper with a real voice, en_US-joe-medium: `golden` against piper-tts, `behaviour` as a job meets it.

mod behaviour;
mod golden;
mod setup;
