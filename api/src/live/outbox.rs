//! What is sent to the client, in order, as fast as it reads.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::{SinkExt, stream::SplitSink};
use tokio::{
    sync::{Notify, mpsc},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    events::{AudioCancelled, LiveServerEvent, SpeechAudio, SpeechCancelled},
    settings::Carrier,
    turn::{Turn, TurnKind},
};
use crate::app::SharedApp;

/// Messages that wait to be sent. Makers wait for room.
pub(super) const WAITING: usize = 8;

/// Longest that one message may take to be sent: a client that has not read anything for so long is gone.
pub(super) const STALLED: Duration = Duration::from_mins(2);

/// Something to be sent.
pub(super) enum Outgoing {
    /// Whatever else happens.
    Event(LiveServerEvent),
    /// As long as the turn is open.
    Of(Arc<Turn>, LiveServerEvent),
    /// As long as the turn is open: its audio, which then has been sent up to so many milliseconds.
    Audio(Arc<Turn>, Carrier, Bytes, u64),
    /// The end of the turn, unless it has ended otherwise.
    Last(Arc<Turn>, LiveServerEvent, &'static str),
    /// The turn has been cancelled.
    Cancelled(Arc<Turn>),
    /// The end of the session.
    Close(u16, &'static str),
}

/// How the session ends, as the one who reads it later wants to know.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) turns: u64,
    pub(super) audio_ms: u64,
}

/// Sends.
pub(super) struct Outbox {
    pub(super) app: SharedApp,
    pub(super) sink: SplitSink<WebSocket, Message>,
    pub(super) waiting: mpsc::Receiver<Outgoing>,
    /// Told whenever a turn has ended.
    pub(super) ended: Arc<Notify>,
    pub(super) sent: Sent,
}

impl Outbox {
    /// Sends until the session is closed, or the client is gone.
    pub(super) async fn run(&mut self) {
        let mut keep_alive = interval(self.app.limits.event_keep_alive);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once.
        keep_alive.tick().await;
        loop {
            let going_on = tokio::select! {
                biased;
                next = self.waiting.recv() => match next {
                    Some(next) => self.send(next).await,
                    None => false,
                },
                _ = keep_alive.tick() => self.write(Message::Ping(Bytes::new())).await,
            };
            if !going_on {
                return;
            }
        }
    }

    /// Whether there is more to send, to a client that is still there.
    async fn send(&mut self, next: Outgoing) -> bool {
        match next {
            Outgoing::Event(event) => self.event(&event).await,
            Outgoing::Of(turn, event) if turn.is_open() => self.event(&event).await,
            Outgoing::Audio(turn, carrier, bytes, until_ms) if turn.is_open() => {
                let sent = match carrier {
                    Carrier::Binary => self.write(Message::Binary(bytes)).await,
                    Carrier::Base64 => {
                        let audio = BASE64_STANDARD.encode(&bytes);
                        let id = turn.id.clone();
                        let event = LiveServerEvent::SpeechAudio(SpeechAudio { id, audio });
                        self.event(&event).await
                    }
                };
                self.sent.audio_ms += until_ms.saturating_sub(turn.sent_ms());
                turn.sent(until_ms);
                sent
            }
            Outgoing::Last(turn, event, outcome) => {
                if !turn.end() {
                    return true;
                }
                let sent = self.event(&event).await;
                self.note_end(&turn, outcome);
                sent
            }
            Outgoing::Cancelled(turn) => {
                let sent = self.event(&cancelled(&turn)).await;
                self.note_end(&turn, "cancelled");
                sent
            }
            Outgoing::Close(code, reason) => {
                let reason = reason.into();
                let frame = CloseFrame { code, reason };
                self.write(Message::Close(Some(frame))).await;
                false
            }
            Outgoing::Of(..) | Outgoing::Audio(..) => true,
        }
    }

    fn note_end(&mut self, turn: &Turn, outcome: &'static str) {
        self.sent.turns += 1;
        self.app.meters.live_turn(turn.kind.name(), outcome);
        self.ended.notify_one();
    }

    async fn event(&mut self, event: &LiveServerEvent) -> bool {
        match serde_json::to_string(event) {
            Ok(text) => self.write(Message::Text(text.into())).await,
            Err(error) => {
                tracing::error!(%error, "an event is no JSON");
                true
            }
        }
    }

    /// Whether the client has taken it.
    async fn write(&mut self, message: Message) -> bool {
        matches!(timeout(STALLED, self.sink.send(message)).await, Ok(Ok(())))
    }
}

fn cancelled(turn: &Turn) -> LiveServerEvent {
    let id = turn.id.clone();
    match turn.kind {
        TurnKind::Speech => LiveServerEvent::SpeechCancelled(SpeechCancelled {
            id,
            audio_ms: turn.sent_ms(),
        }),
        TurnKind::Recording => LiveServerEvent::AudioCancelled(AudioCancelled { id }),
    }
}
