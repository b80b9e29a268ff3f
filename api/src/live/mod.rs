//! Live sessions: one WebSocket for the many short texts and recordings of one conversation.
//!
//! `session.rs` reads what the client says. What is to be spoken goes through three stages, each of which waits
//! for the one behind it: `speaking.rs` submits sentences as jobs, a few ahead of what is heard; `playing.rs`
//! follows them and makes audio of them in the order asked; `outbox.rs` sends it. So a client that does not
//! read stops the making. Recordings are gathered and transcribed in `hearing.rs`. `protocol.rs` has what
//! clients say, `events.rs` what they are told.

mod events;
mod hearing;
mod outbox;
mod playing;
mod protocol;
mod sentences;
mod session;
mod settings;
mod speaking;
mod turn;

pub(crate) use events::LiveServerEvent;
pub(crate) use protocol::{
    AudioCancel, AudioEnd, AudioStart, LiveClientMessage, Ping, SessionStart, SessionUpdate, Speak,
    SpeakAppend, SpeakCancel, SpeakEnd, SpeakFlush,
};
pub(crate) use session::{Visitor, converse};

/// The subprotocol that is agreed on with clients that offer any.
pub(crate) const SUBPROTOCOL: &str = "voicefleet.live.v1";

/// Largest message of a client, bytes.
pub(crate) const MAX_MESSAGE: usize = 1024 * 1024;

/// What is read of a message before it is known to be too large, bytes.
pub(crate) const MAX_READ: usize = 4 * MAX_MESSAGE;
