//! A session: what the client says, and what is done about it.

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
use voicefleet_core::{ErrorCode, Failure, TraceContext, text};

use super::{
    MAX_MESSAGE,
    events::{AudioStarted, LiveServerEvent},
    hearing::{Hearing, Recording},
    outbox::{self, Outbox, Outgoing, STALLED, Sent},
    playing::Playing,
    protocol::{
        self, AudioCancel, AudioEnd, AudioStart, LiveClientMessage as M, Misunderstood,
        SessionStart, SessionUpdate, Speak, SpeakAppend, SpeakCancel, SpeakEnd, SpeakFlush,
    },
    sentences::Cutter,
    settings::{Manner, Settings},
    speaking::{AHEAD, Delivery, Line, SENTENCES, Speaking},
    turn::{Turn, TurnKind},
};
use crate::{app::SharedApp, problem::ApiError, speech::steering, tenancy::Caller};

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
        let (parting, sent) = talk(&app, visitor, socket, id).await;
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

/// The text of an utterance that comes in parts.
struct Draft {
    delivery: Arc<Delivery>,
    cutter: Cutter,
    chars: usize,
    sentences: usize,
}

/// What binary messages are of.
enum Listening {
    Nothing,
    To(Box<Recording>),
    /// A recording that has been refused; what was on its way meanwhile is passed over.
    Past(String),
}

/// A message that is not acted upon.
struct Refusal {
    id: Option<String>,
    error: ApiError,
    /// Whether it is the client's doing.
    counts: bool,
}

impl Refusal {
    /// Something that the client could have known.
    fn of(id: &str, error: impl Into<ApiError>) -> Self {
        let error = error.into();
        Self {
            id: Some(id.to_owned()),
            counts: error.retry_after.is_none(),
            error,
        }
    }

    /// Something that may have crossed with what the server was sending.
    fn crossed(id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let message = format!("there is nothing '{shown}' (any more) to which this could be done");
        let failure = Failure::of_field(ErrorCode::InvalidRequest, "id", message);
        Self {
            id: Some(id.to_owned()),
            error: failure.into(),
            counts: false,
        }
    }

    fn of_session(error: impl Into<ApiError>) -> Self {
        let error = error.into();
        Self {
            id: None,
            counts: error.retry_after.is_none(),
            error,
        }
    }
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
            error: failure.into(),
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

    /// How the next utterance is spoken.
    fn delivery(&self, voice: Option<String>, speed: Option<f64>) -> Result<Delivery, Failure> {
        let settings = self.settings()?;
        Ok(Delivery {
            manner: settings.manner.with(voice, speed),
            tier: settings.tier,
            format: settings.format,
            carrier: settings.carrier,
        })
    }

    fn check_speech(&self, delivery: &Delivery, input: &str) -> Result<(), Failure> {
        let Delivery { manner, format, .. } = delivery;
        let wish = Manner::wish(manner, input, *format);
        steering::check(
            wish,
            &self.app.catalog_now(),
            self.app.limits.max_sync_chars,
        )
    }

    /// A new turn of this name, if there may be one.
    fn open(&mut self, id: &str, kind: TurnKind) -> Result<Arc<Turn>, ApiError> {
        self.entries.retain(|entry| entry.turn.is_open());
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

    fn speak(&mut self, message: Speak) -> Result<(), Refusal> {
        let Speak {
            id,
            input,
            voice,
            speed,
            ..
        } = message;
        let refuse = |failure: Failure| Refusal::of(&id, failure);
        let delivery = self.delivery(voice, speed).map_err(refuse)?;
        self.check_speech(&delivery, &input).map_err(refuse)?;
        let turn = self
            .open(&id, TurnKind::Speech)
            .map_err(|error| Refusal::of(&id, error))?;
        let sentence = Line::Sentence {
            turn: Arc::clone(&turn),
            delivery: Arc::new(delivery),
            text: input,
            index: 0,
        };
        let lines = vec![sentence, Line::End(Arc::clone(&turn))];
        self.say(lines).map_err(|error| Refusal::of(&id, error))?;
        self.entries.push(Entry { turn, draft: None });
        Ok(())
    }

    /// Hands lines over to be spoken, all of them or none.
    fn say(&self, lines: Vec<Line>) -> Result<(), ApiError> {
        let Ok(places) = self.lines.try_reserve_many(lines.len()) else {
            let message = format!("more than {SENTENCES} sentences wait in this session");
            return Err(ApiError::new(ErrorCode::RateLimited, message).retry_after(1));
        };
        for (place, line) in places.zip(lines) {
            place.send(line);
        }
        Ok(())
    }

    async fn append(&mut self, message: SpeakAppend) -> Result<(), Refusal> {
        let SpeakAppend {
            id,
            text,
            voice,
            speed,
            ..
        } = message;
        let refuse = |failure: Failure| Refusal::of(&id, failure);
        if !self.is_being_written(&id) {
            let delivery = self.delivery(voice, speed).map_err(refuse)?;
            self.check_speech(&delivery, "a").map_err(refuse)?;
            let turn = self
                .open(&id, TurnKind::Speech)
                .map_err(|error| Refusal::of(&id, error))?;
            let draft = Some(Draft {
                delivery: Arc::new(delivery),
                cutter: Cutter::default(),
                chars: 0,
                sentences: 0,
            });
            self.entries.push(Entry { turn, draft });
        } else if voice.is_some() || speed.is_some() {
            let field = if voice.is_some() { "voice" } else { "speed" };
            let message = "an utterance is spoken as its first part says";
            return Err(refuse(Failure::of_field(
                ErrorCode::InvalidRequest,
                field,
                message,
            )));
        }
        let most = self.app.limits.max_job_chars;
        self.write(&id, |draft| {
            let chars = draft.chars.saturating_add(text.chars().count());
            if chars > most {
                let message = format!("more than {most} characters have been appended");
                return Err(Failure::of_field(ErrorCode::TextTooLong, "text", message));
            }
            draft.chars = chars;
            Ok(draft.cutter.push(&text))
        })
        .await
    }

    async fn flush(&mut self, message: SpeakFlush) -> Result<(), Refusal> {
        let rest = |draft: &mut Draft| Ok(draft.cutter.rest().into_iter().collect());
        self.write(&message.id, rest).await
    }

    async fn end(&mut self, message: SpeakEnd) -> Result<(), Refusal> {
        let SpeakEnd { id, .. } = message;
        let rest = |draft: &mut Draft| Ok(draft.cutter.rest().into_iter().collect());
        self.write(&id, rest).await?;
        let Some(entry) = self.draft_of(&id) else {
            return Ok(());
        };
        let turn = Arc::clone(&entry.turn);
        let draft = entry.draft.take();
        if draft.is_some_and(|draft| draft.sentences > 0) {
            if let Err(error) = self.say(vec![Line::End(Arc::clone(&turn))]) {
                self.fail(turn, &error).await;
            }
            return Ok(());
        }
        let nothing = text::check("", 1, "text").map_err(ApiError::from);
        if let Err(error) = nothing {
            self.fail(turn, &error).await;
        }
        Ok(())
    }

    fn is_being_written(&self, id: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.is(id) && entry.draft.is_some())
    }

    fn draft_of(&mut self, id: &str) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.is(id) && entry.draft.is_some())
    }

    /// Has the sentences spoken that `change` makes of a draft.
    async fn write(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Draft) -> Result<Vec<String>, Failure>,
    ) -> Result<(), Refusal> {
        let entry = self.draft_of(id).ok_or_else(|| Refusal::crossed(id))?;
        let turn = Arc::clone(&entry.turn);
        let Some(draft) = &mut entry.draft else {
            return Ok(());
        };
        let sentences = change(draft).map_err(|failure| Refusal::of(id, failure))?;
        let delivery = Arc::clone(&draft.delivery);
        let numbered = sentences.into_iter().zip(draft.sentences..);
        let lines: Vec<Line> = numbered
            .map(|(text, index)| Line::Sentence {
                turn: Arc::clone(&turn),
                delivery: Arc::clone(&delivery),
                text,
                index,
            })
            .collect();
        draft.sentences += lines.len();
        if let Err(error) = self.say(lines) {
            // A part of its text is lost, so it is not gone on with.
            self.fail(turn, &error).await;
        }
        Ok(())
    }

    async fn fail(&self, turn: Arc<Turn>, error: &ApiError) {
        turn.give_up();
        let event = LiveServerEvent::error(Some(turn.id.clone()), true, error);
        self.tell(Outgoing::Last(turn, event, "failed")).await;
    }

    async fn cancel(&mut self, message: SpeakCancel) -> Result<(), Refusal> {
        let wanted = |entry: &&Entry| {
            entry.turn.kind == TurnKind::Speech
                && message.id.as_ref().is_none_or(|id| entry.turn.id == *id)
        };
        let turns = self.entries.iter().filter(wanted);
        let turns: Vec<_> = turns
            .filter(|entry| entry.turn.cancel())
            .map(|entry| Arc::clone(&entry.turn))
            .collect();
        if let Some(id) = message.id.filter(|_| turns.is_empty()) {
            return Err(Refusal::crossed(&id));
        }
        for turn in turns {
            self.tell(Outgoing::Cancelled(turn)).await;
        }
        Ok(())
    }

    async fn record(&mut self, message: AudioStart) -> Result<(), Refusal> {
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

    async fn binary(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
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
    fn listens_to(&self, id: &str) -> bool {
        match &self.listening {
            Listening::Nothing => false,
            Listening::To(recording) => recording.turn.id == id,
            Listening::Past(past) => past == id,
        }
    }

    fn transcribe(&mut self, message: &AudioEnd) -> Result<(), Refusal> {
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

    async fn drop_recording(&mut self, message: &AudioCancel) -> Result<(), Refusal> {
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
    /// Whether it is what this id stands for now.
    fn is(&self, id: &str) -> bool {
        self.turn.id == id && self.turn.is_open()
    }
}
