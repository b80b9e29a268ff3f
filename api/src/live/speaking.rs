//! Sentences become jobs, in order, a few ahead of what is being heard.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{AudioFormat, ErrorCode, JobSpec, SpeechSpec, Tier, TraceContext};

use super::{
    events::LiveServerEvent,
    outbox::Outgoing,
    settings::{Carrier, Manner},
    turn::Turn,
};
use crate::{
    app::SharedApp,
    problem::ApiError,
    speech::steering::{Urgency, resolve_and_steer},
    streaming::{self, Pieces},
    submit::NewJob,
    tenancy::{self, Caller},
};

/// Jobs in the making at a time: the one that is heard, and those that are made ahead.
pub(super) const AHEAD: u32 = 3;

/// Those that are made ahead.
const LATER: usize = AHEAD as usize - 1;

/// Sentences that wait to be submitted; with more the client is told to wait.
pub(super) const SENTENCES: usize = 1_024;

/// How an utterance is spoken, from its beginning to its end.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) manner: Manner,
    pub(super) tier: Tier,
    pub(super) format: AudioFormat,
    pub(super) carrier: Carrier,
}

/// A part of what is to be said.
pub(super) enum Line {
    Sentence {
        turn: Arc<Turn>,
        delivery: Arc<Delivery>,
        text: String,
        /// Which sentence of its utterance, from 0.
        index: usize,
    },
    /// The utterance is complete.
    End(Arc<Turn>),
}

/// A line that is being made.
pub(super) enum Made {
    Sentence(Box<Sentence>),
    End(Arc<Turn>),
    /// It could not be begun; what is said before it is heard.
    Refused(Arc<Turn>, Box<ApiError>),
}

/// A sentence whose job is submitted.
pub(super) struct Sentence {
    pub(super) turn: Arc<Turn>,
    pub(super) delivery: Arc<Delivery>,
    pub(super) index: usize,
    pub(super) spec: SpeechSpec,
    pub(super) pieces: Pieces,
    /// Its place among those in the making.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Submits.
pub(super) struct Speaking {
    pub(super) app: SharedApp,
    pub(super) caller: Caller,
    pub(super) trace: Option<TraceContext>,
    pub(super) lines: mpsc::Receiver<Line>,
    pub(super) made: mpsc::Sender<Made>,
    pub(super) outbox: mpsc::Sender<Outgoing>,
    /// Set when the key is found to be of no use any more.
    pub(super) dismissed: CancellationToken,
    pub(super) places: Arc<Semaphore>,
    /// What the utterance at hand is spoken with: one that nobody chose is kept to.
    pub(super) settled: Option<(Arc<Turn>, SpeechSpec)>,
}

impl Speaking {
    /// Submits as there is room, until the session ends.
    pub(super) async fn run(mut self) {
        while let Some(line) = self.lines.recv().await {
            let made = match line {
                Line::End(turn) if turn.is_wanted() => Some(Made::End(turn)),
                Line::Sentence {
                    turn,
                    delivery,
                    text,
                    index,
                } if turn.is_wanted() => self.sentence(turn, delivery, text, index).await,
                Line::End(_) | Line::Sentence { .. } => None,
            };
            if let Some(made) = made
                && self.made.send(made).await.is_err()
            {
                return;
            }
        }
    }

    async fn sentence(
        &mut self,
        turn: Arc<Turn>,
        delivery: Arc<Delivery>,
        text: String,
        index: usize,
    ) -> Option<Made> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        match self.begin(&turn, &delivery, &text, index, place).await {
            Ok(Some((spec, pieces, place))) => Some(Made::Sentence(Box::new(Sentence {
                turn,
                delivery,
                index,
                spec,
                pieces,
                _place: place,
            }))),
            Ok(None) => None,
            Err(error) => self.refused(turn, error, index).await,
        }
    }

    /// `None` where the client has changed its mind.
    async fn begin(
        &mut self,
        turn: &Arc<Turn>,
        delivery: &Delivery,
        text: &str,
        index: usize,
        mut place: OwnedSemaphorePermit,
    ) -> Result<Option<(SpeechSpec, Pieces, OwnedSemaphorePermit)>, ApiError> {
        let caller = tenancy::still_admitted(&self.app, &self.caller).await?;
        if index == 0 {
            tenancy::count_as_request(&self.app, &caller).await?;
        }
        let spec = self.spec(turn, &caller, delivery, text).await?;
        let mut pieces = self.submit(turn, &caller, delivery.tier, &spec).await;
        let refused = pieces
            .as_ref()
            .is_err_and(|error| error.retry_after.is_some());
        if refused && self.places.available_permits() < LATER {
            // What this session is having made already may be all that is in the way.
            let others = Arc::clone(&self.places).acquire_many_owned(AHEAD - 1).await;
            place.merge(others.map_err(|_| ApiError::internal("the places are closed"))?);
            pieces = self.submit(turn, &caller, delivery.tier, &spec).await;
            drop(place.split(LATER));
        }
        Ok(pieces?.map(|pieces| (spec, pieces, place)))
    }

    async fn submit(
        &self,
        turn: &Turn,
        caller: &Caller,
        tier: Tier,
        spec: &SpeechSpec,
    ) -> Result<Option<Pieces>, ApiError> {
        if !turn.is_wanted() {
            return Ok(None);
        }
        let work = NewJob {
            id: None,
            patient: false,
            waits: None,
            spec: JobSpec::Speech(spec.clone()),
            tier,
            deadline: None,
            trace: self.trace.clone(),
            upload: None,
        };
        let pieces = streaming::submit(&self.app, caller, work).await?;
        if turn.is_wanted() {
            return Ok(Some(pieces));
        }
        pieces.withdraw();
        Ok(None)
    }

    async fn spec(
        &mut self,
        turn: &Arc<Turn>,
        caller: &Caller,
        delivery: &Delivery,
        text: &str,
    ) -> Result<SpeechSpec, ApiError> {
        let settled = self.settled.take();
        let settled = settled.filter(|(settled, _)| Arc::ptr_eq(settled, turn));
        let manner = settled.map_or_else(
            || delivery.manner.clone(),
            |(_, spec)| Manner {
                engine: Some(spec.engine.to_string()),
                model: Some(spec.model),
                voice: Some(spec.voice),
                speed: delivery.manner.speed,
            },
        );
        let wish = manner.wish(text, delivery.format);
        let urgency = Urgency {
            tier: delivery.tier,
            deadline: None,
        };
        let (app, most) = (&self.app, self.app.limits.max_sync_chars);
        let spec = resolve_and_steer(app, caller, wish, urgency, most, delivery.format).await?;
        self.settled = Some((Arc::clone(turn), spec.clone()));
        Ok(spec)
    }

    /// Of an utterance of which nothing is being made yet the client hears at once.
    async fn refused(&self, turn: Arc<Turn>, error: ApiError, index: usize) -> Option<Made> {
        turn.give_up();
        if error.failure.code == ErrorCode::Unauthenticated {
            self.dismissed.cancel();
        }
        if index > 0 {
            return Some(Made::Refused(turn, Box::new(error)));
        }
        let event = LiveServerEvent::error(Some(turn.id.clone()), true, &error);
        let _ = self
            .outbox
            .send(Outgoing::Last(turn, event, "failed"))
            .await;
        None
    }
}
