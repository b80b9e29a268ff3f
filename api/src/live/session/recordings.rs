//! Recordings: begun, sent in binary messages, ended.

use std::sync::Arc;

use tracing::Instrument;
use voicefleet_core::{ErrorCode, Failure};

use super::{Entry, Refusal, Session};
use crate::live::{
    events::{AudioStarted, LiveServerEvent},
    hearing::{Hearing, Recording},
    outbox::Outgoing,
    protocol::{AudioCancel, AudioEnd, AudioStart},
    turn::TurnKind,
};

/// What binary messages are of.
pub(super) enum Listening {
    Nothing,
    To(Box<Recording>),
    /// A recording that has been refused; what was on its way meanwhile is passed over.
    Past(String),
}

impl Session {
    pub(super) async fn record(&mut self, message: AudioStart) -> Result<(), Refusal> {
        let id = message.id.clone();
        self.settings()
            .map_err(|failure| Refusal::of(&id, failure))?;
        if let Listening::To(recording) = &self.listening {
            let other = &recording.turn.id;
            let message =
                format!("the recording '{other}' has not ended yet; end or cancel it first");
            let failure = Failure::of_field(ErrorCode::InvalidRequest, "id", message);
            return Err(Refusal::of(&id, failure));
        }
        let turn = self
            .open(&id, TurnKind::Recording)
            .map_err(|error| Refusal::of(&id, error))?;
        let recording = Recording::begin(&self.app, &message, Arc::clone(&turn));
        let recording = recording.map_err(|failure| Refusal::of(&id, failure))?;
        self.listening = Listening::To(Box::new(recording));
        self.entries.push(Entry { turn, draft: None });
        let started = LiveServerEvent::AudioStarted(AudioStarted { id });
        self.tell(Outgoing::Event(started)).await;
        Ok(())
    }

    pub(super) async fn binary(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let error = match &mut self.listening {
            Listening::To(recording) => match recording.push(&self.app, bytes) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Listening::Past(_) => return Ok(()),
            Listening::Nothing => {
                let message = "a binary message belongs to a recording; audio.start begins one";
                let failure = Failure::new(ErrorCode::InvalidRequest, message);
                return Err(Refusal::of_session(failure));
            }
        };
        if let Listening::To(recording) = self.stop_listening() {
            let turn = Arc::clone(&recording.turn);
            self.listening = Listening::Past(turn.id.clone());
            self.fail(turn, &error).await;
        }
        Ok(())
    }

    fn stop_listening(&mut self) -> Listening {
        std::mem::replace(&mut self.listening, Listening::Nothing)
    }

    /// Whether the recording that is listened to, or was refused, is of this name.
    pub(super) fn listens_to(&self, id: &str) -> bool {
        match &self.listening {
            Listening::Nothing => false,
            Listening::To(recording) => recording.turn.id == id,
            Listening::Past(past) => past == id,
        }
    }

    pub(super) fn transcribe(&mut self, message: &AudioEnd) -> Result<(), Refusal> {
        if !self.listens_to(&message.id) {
            return Err(Refusal::crossed(&message.id));
        }
        let tier = self.settings().map_err(Refusal::of_session)?.tier;
        if let Listening::To(recording) = self.stop_listening() {
            let hearing = Hearing {
                app: Arc::clone(&self.app),
                caller: self.caller.clone(),
                tier,
                trace: self.trace.clone(),
                outbox: self.outbox.clone(),
                dismissed: self.dismissed.clone(),
            };
            let transcribing = hearing.transcribe(*recording).in_current_span();
            self.transcribing.spawn(transcribing);
        }
        Ok(())
    }

    pub(super) async fn drop_recording(&mut self, message: &AudioCancel) -> Result<(), Refusal> {
        let id = &message.id;
        if self.listens_to(id) {
            self.listening = Listening::Nothing;
        }
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.turn.kind == TurnKind::Recording && entry.is(id));
        let entry = entry.filter(|entry| entry.turn.cancel());
        let turn = entry.map(|entry| Arc::clone(&entry.turn));
        let turn = turn.ok_or_else(|| Refusal::crossed(id))?;
        self.tell(Outgoing::Cancelled(turn)).await;
        Ok(())
    }
}
