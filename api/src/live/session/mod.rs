//! A session: what the client says, and what is done about it.

mod recordings;
mod refusal;
mod utterances;

use std::{pin::pin, sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket, close_code};
use futures::{
    StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;
use voicefleet_core::{ErrorCode, Failure, TraceContext};

use self::{recordings::Listening, refusal::Refusal, utterances::Draft};
use super::{
    MAX_MESSAGE,
    events::LiveServerEvent,
    outbox::{self, Outbox, Outgoing, STALLED, Sent},
    playing::Playing,
    protocol::{self, LiveClientMessage as M, Misunderstood, SessionStart, SessionUpdate},
    settings::Settings,
    speaking::{AHEAD, Line, SENTENCES, Speaking},
    turn::{Turn, TurnKind},
};
use crate::{app::SharedApp, problem::ApiError, tenancy::Caller};

/// Utterances and recordings that have not ended, at a time.
pub(super) const MAX_OUTSTANDING: usize = 16;

/// Messages in a row that are refused for what they are, before the session is closed.
const PATIENCE: u32 = 10;

/// What is still said when the server closes.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The close code of a session in which nothing has happened for long.
const IDLE: u16 = 4408;

/// Whoever has opened the session.
pub(crate) struct Visitor {
    pub(crate) caller: Caller,
    pub(crate) trace: Option<TraceContext>,
    /// Its room among the sessions.
    pub(crate) room: OwnedSemaphorePermit,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    /// By us, with a code and a reason.
    Closed(u16, &'static str),
    /// By the client, in order.
    Left,
    /// The client is not there any more, or does not read.
    Lost,
}

const GOING_AWAY: Parting = Parting::Closed(
    close_code::AWAY,
    "the server is stopping; open another session",
);

impl Parting {
    /// As the log has it.
    fn code(self) -> u16 {
        match self {
            Self::Closed(code, _) => code,
            Self::Left => close_code::NORMAL,
            Self::Lost => close_code::ABNORMAL,
        }
    }
}

/// Talks with a client until the session ends.
pub(crate) async fn converse(app: SharedApp, visitor: Visitor, socket: WebSocket) {
    let id = Uuid::now_v7().to_string();
    let span =
        tracing::info_span!("live_session", session = %id, tenant = visitor.caller.tenant.as_str());
    let began = Instant::now();
    let talking = async {
        let _counted = Counted::of(&app);
        let (parting, sent) = Box::pin(talk(&app, visitor, socket, id)).await;
        tracing::info!(
            code = parting.code(),
            seconds = began.elapsed().as_secs(),
            turns = sent.turns,
            audio_ms = sent.audio_ms,
            "a live session has ended"
        );
    };
    talking.instrument(span).await;
}

/// Counted among the sessions for as long as it is there.
struct Counted(SharedApp);

impl Counted {
    fn of(app: &SharedApp) -> Self {
        app.meters.live_session(1);
        Self(Arc::clone(app))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.meters.live_session(-1);
    }
}

/// The stages of a session side by side. When one of them ends, all do, and what was being made is withdrawn.
async fn talk(app: &SharedApp, visitor: Visitor, socket: WebSocket, id: String) -> (Parting, Sent) {
    let (sink, mut stream) = socket.split();
    let (lines, speaking_lines) = mpsc::channel(SENTENCES);
    let (made, playing_made) = mpsc::channel(AHEAD as usize);
    let (outgoing, waiting) = mpsc::channel(outbox::WAITING);
    let (ended, dismissed) = (Arc::new(Notify::new()), CancellationToken::new());
    let Visitor {
        caller,
        trace,
        room: _room,
    } = visitor;
    let mut outbox = outbox_of(app, sink, waiting, &ended);
    let parting = {
        let mut sending = pin!(outbox.run());
        let speaking = Speaking {
            app: Arc::clone(app),
            caller: caller.clone(),
            trace: trace.clone(),
            lines: speaking_lines,
            made,
            outbox: outgoing.clone(),
            dismissed: dismissed.clone(),
            places: Arc::new(Semaphore::new(AHEAD as usize)),
            settled: None,
        };
        let playing = Playing {
            app: Arc::clone(app),
            made: playing_made,
            outbox: outgoing.clone(),
            file: None,
        };
        let mut session = Session {
            app: Arc::clone(app),
            caller,
            trace,
            id,
            settings: None,
            entries: Vec::new(),
            listening: Listening::Nothing,
            lines,
            outbox: outgoing.clone(),
            transcribing: JoinSet::new(),
            ended,
            dismissed,
            refused: 0,
            leaving: false,
        };
        let parting = tokio::select! {
            parting = session.listen(&mut stream) => parting,
            () = sending.as_mut() => Parting::Lost,
            () = speaking.run() => Parting::Lost,
            () = playing.run() => Parting::Lost,
            () = too_late(app) => GOING_AWAY,
        };
        drop(session);
        if let Parting::Closed(code, reason) = parting {
            let farewell = async {
                let _ = outgoing.send(Outgoing::Close(code, reason)).await;
                sending.await;
            };
            let _ = timeout(LAST_WORDS, farewell).await;
        }
        parting
    };
    if parting != Parting::Lost {
        let _ = timeout(LAST_WORDS, drained(&mut stream)).await;
    }
    (parting, outbox.sent)
}

fn outbox_of(
    app: &SharedApp,
    sink: SplitSink<WebSocket, Message>,
    waiting: mpsc::Receiver<Outgoing>,
    ended: &Arc<Notify>,
) -> Outbox {
    Outbox {
        app: Arc::clone(app),
        sink,
        waiting,
        ended: Arc::clone(ended),
        sent: Sent::default(),
    }
}

/// Some time after the server has begun to close.
async fn too_late(app: &SharedApp) {
    app.stop.closing.cancelled().await;
    sleep(LAST_WORDS).await;
}

/// Reads on until the client has closed its side, too.
async fn drained(stream: &mut SplitStream<WebSocket>) {
    while let Some(Ok(_)) = stream.next().await {}
}

/// What reads the client's messages.
struct Session {
    app: SharedApp,
    caller: Caller,
    trace: Option<TraceContext>,
    id: String,
    /// `None` before `session.start`.
    settings: Option<Settings>,
    /// What has not ended, in the order asked; and what has, until somebody looks.
    entries: Vec<Entry>,
    listening: Listening,
    lines: mpsc::Sender<Line>,
    outbox: mpsc::Sender<Outgoing>,
    transcribing: JoinSet<()>,
    ended: Arc<Notify>,
    dismissed: CancellationToken,
    /// Messages in a row that were refused for what they are.
    refused: u32,
    /// The server is about to stop: what has been begun is finished.
    leaving: bool,
}

struct Entry {
    turn: Arc<Turn>,
    /// Of an utterance that is still being written.
    draft: Option<Draft>,
}

/// What there is to react to.
enum Happening {
    Said(Option<Result<Message, axum::Error>>),
    Idle,
    Silent,
    Leaving,
    Ended,
    Dismissed,
}

impl Session {
    async fn listen(&mut self, stream: &mut SplitStream<WebSocket>) -> Parting {
        let stop = self.app.stop.clone();
        let (mut heard, mut active) = (Instant::now(), Instant::now());
        loop {
            let (leaving, idle) = (self.leaving, self.app.limits.live_idle);
            let happening = tokio::select! {
                said = stream.next() => Happening::Said(said),
                () = sleep_until(active + idle) => Happening::Idle,
                () = sleep_until(heard + STALLED) => Happening::Silent,
                () = stop.draining.cancelled(), if !leaving => Happening::Leaving,
                () = stop.closing.cancelled(), if !leaving => Happening::Leaving,
                () = self.ended.notified(), if leaving => Happening::Ended,
                () = self.dismissed.cancelled() => Happening::Dismissed,
                Some(_) = self.transcribing.join_next() => continue,
            };
            match happening {
                Happening::Said(said) => {
                    heard = Instant::now();
                    if matches!(said, Some(Ok(Message::Text(_) | Message::Binary(_)))) {
                        active = heard;
                    }
                    if let Some(parting) = self.react(said).await {
                        return parting;
                    }
                }
                Happening::Idle if self.is_awaited() => active = Instant::now(),
                Happening::Idle => {
                    return Parting::Closed(IDLE, "nothing has been said for too long");
                }
                Happening::Silent => return Parting::Lost,
                Happening::Leaving => self.leaving = true,
                Happening::Ended => {}
                Happening::Dismissed => {
                    return Parting::Closed(close_code::POLICY, "the key has been revoked");
                }
            }
            if self.leaving && !self.is_busy() {
                return GOING_AWAY;
            }
        }
    }

    async fn react(&mut self, said: Option<Result<Message, axum::Error>>) -> Option<Parting> {
        let outcome = match said {
            None => return Some(Parting::Lost),
            Some(Err(error)) => {
                tracing::debug!(%error, "a live session breaks off");
                let reason = "what was sent is no WebSocket message, or far too large";
                return Some(Parting::Closed(close_code::PROTOCOL, reason));
            }
            Some(Ok(Message::Close(_))) => return Some(Parting::Left),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return None,
            Some(Ok(Message::Text(text))) if text.len() <= MAX_MESSAGE => self.text(&text).await,
            Some(Ok(Message::Binary(bytes))) if bytes.len() <= MAX_MESSAGE => {
                self.binary(&bytes).await
            }
            Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                return Some(Parting::Closed(
                    close_code::SIZE,
                    "a message is larger than 1 MiB",
                ));
            }
        };
        let Err(refusal) = outcome else {
            self.refused = 0;
            return None;
        };
        self.refused += u32::from(refusal.counts);
        let event = LiveServerEvent::error(refusal.id, false, &refusal.error);
        self.tell(Outgoing::Event(event)).await;
        let reason = "too many messages in a row were not understood";
        (self.refused >= PATIENCE).then_some(Parting::Closed(close_code::POLICY, reason))
    }

    async fn text(&mut self, text: &str) -> Result<(), Refusal> {
        let message = protocol::read(text).map_err(|Misunderstood { id, failure }| Refusal {
            id,
            error: Box::new(failure.into()),
            counts: true,
        })?;
        match message {
            M::SessionStart(message) => self.start(message).await,
            M::SessionUpdate(message) => self.update(message).await,
            M::Speak(message) => self.speak(message),
            M::SpeakAppend(message) => self.append(message).await,
            M::SpeakFlush(message) => self.flush(message).await,
            M::SpeakEnd(message) => self.end(message).await,
            M::SpeakCancel(message) => self.cancel(message).await,
            M::AudioStart(message) => self.record(message).await,
            M::AudioEnd(message) => self.transcribe(&message),
            M::AudioCancel(message) => self.drop_recording(&message).await,
            M::Ping(_) => {
                self.tell(Outgoing::Event(LiveServerEvent::Pong)).await;
                Ok(())
            }
        }
    }

    async fn start(&mut self, message: SessionStart) -> Result<(), Refusal> {
        if self.settings.is_some() {
            let message =
                "the session has been started; session.update changes what can be changed";
            let failure = Failure::of_field(ErrorCode::InvalidRequest, "type", message);
            return Err(Refusal::of_session(failure));
        }
        let settings = Settings::start(&self.app, &self.caller, message);
        let settings = settings.map_err(Refusal::of_session)?;
        let state = settings.state(&self.app, &self.id);
        self.settings = Some(settings);
        self.tell(Outgoing::Event(LiveServerEvent::SessionStarted(state)))
            .await;
        Ok(())
    }

    async fn update(&mut self, message: SessionUpdate) -> Result<(), Refusal> {
        let settings = self.settings().map_err(Refusal::of_session)?;
        let settings = settings.updated(&self.app, &self.caller, message);
        let settings = settings.map_err(Refusal::of_session)?;
        let state = settings.state(&self.app, &self.id);
        self.settings = Some(settings);
        self.tell(Outgoing::Event(LiveServerEvent::SessionUpdated(state)))
            .await;
        Ok(())
    }

    fn settings(&self) -> Result<&Settings, Failure> {
        self.settings.as_ref().ok_or_else(|| {
            let message = "the first message of a session is session.start";
            Failure::of_field(ErrorCode::InvalidRequest, "type", message)
        })
    }

    /// A new turn of this name, if there may be one.
    fn open(&mut self, id: &str, kind: TurnKind) -> Result<Arc<Turn>, ApiError> {
        self.entries.retain(Entry::holds_its_name);
        if self.leaving {
            let message = "the server is stopping; open another session";
            return Err(ApiError::new(ErrorCode::Unavailable, message));
        }
        if self.entries.iter().any(|entry| entry.turn.id == id) {
            let message = "something of this id has not ended yet";
            return Err(Failure::of_field(ErrorCode::InvalidRequest, "id", message).into());
        }
        if self.entries.len() >= MAX_OUTSTANDING {
            let message = format!("{MAX_OUTSTANDING} utterances and recordings have not ended yet");
            return Err(ApiError::new(ErrorCode::RateLimited, message).retry_after(1));
        }
        Ok(Turn::new(id.to_owned(), kind))
    }

    async fn fail(&self, turn: Arc<Turn>, error: &ApiError) {
        turn.give_up();
        let event = LiveServerEvent::error(Some(turn.id.clone()), true, error);
        self.tell(Outgoing::Last(turn, event, "failed")).await;
    }

    /// Whether something has not ended.
    fn is_busy(&self) -> bool {
        self.entries.iter().any(|entry| entry.turn.is_open())
    }

    /// Whether the client waits for something that is ours to do.
    fn is_awaited(&self) -> bool {
        let ours = |entry: &Entry| entry.draft.is_none() && !self.listens_to(&entry.turn.id);
        self.entries
            .iter()
            .any(|entry| entry.turn.is_open() && ours(entry))
    }

    /// Where nobody takes it, the session is over and so is this.
    async fn tell(&self, outgoing: Outgoing) {
        let _ = self.outbox.send(outgoing).await;
    }
}

impl Entry {
    /// Whether its id stands for it. A text that comes in parts keeps it until the client has ended it, so that what
    /// was on its way when it failed does not begin another.
    fn holds_its_name(&self) -> bool {
        self.turn.is_open() || self.draft.is_some()
    }

    /// Whether it is what this id stands for.
    fn is(&self, id: &str) -> bool {
        self.turn.id == id && self.holds_its_name()
    }
}
