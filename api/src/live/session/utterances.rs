//! Utterances: given as a whole, or as a text that comes in parts.

use std::sync::Arc;

use voicefleet_core::{ErrorCode, Failure, text};

use super::{Entry, Refusal, Session};
use crate::{
    live::{
        outbox::Outgoing,
        protocol::{Speak, SpeakAppend, SpeakCancel, SpeakEnd, SpeakFlush},
        sentences::Cutter,
        settings::Manner,
        speaking::{Delivery, Line, SENTENCES},
        turn::TurnKind,
    },
    problem::ApiError,
    speech::steering,
};

/// The text of an utterance that comes in parts.
pub(super) struct Draft {
    delivery: Arc<Delivery>,
    cutter: Cutter,
    chars: usize,
    sentences: usize,
}

impl Session {
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

    pub(super) fn speak(&mut self, message: Speak) -> Result<(), Refusal> {
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

    pub(super) async fn append(&mut self, message: SpeakAppend) -> Result<(), Refusal> {
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

    pub(super) async fn flush(&mut self, message: SpeakFlush) -> Result<(), Refusal> {
        let rest = |draft: &mut Draft| Ok(draft.cutter.rest().into_iter().collect());
        self.write(&message.id, rest).await
    }

    pub(super) async fn end(&mut self, message: SpeakEnd) -> Result<(), Refusal> {
        let SpeakEnd { id, .. } = message;
        let rest = |draft: &mut Draft| Ok(draft.cutter.rest().into_iter().collect());
        self.write(&id, rest).await?;
        let Some(entry) = self.draft_of(&id) else {
            return Ok(());
        };
        let turn = Arc::clone(&entry.turn);
        let draft = entry.draft.take();
        if !turn.is_wanted() {
            return Ok(());
        }
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
        let Some(draft) = entry.draft.as_mut().filter(|_| turn.is_wanted()) else {
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

    pub(super) async fn cancel(&mut self, message: SpeakCancel) -> Result<(), Refusal> {
        let mut turns = Vec::new();
        for entry in &mut self.entries {
            let is_meant = message.id.as_ref().is_none_or(|id| entry.turn.id == *id);
            if entry.turn.kind == TurnKind::Speech && is_meant {
                entry.draft = None;
                if entry.turn.cancel() {
                    turns.push(Arc::clone(&entry.turn));
                }
            }
        }
        if let Some(id) = message.id.filter(|_| turns.is_empty()) {
            return Err(Refusal::crossed(&id));
        }
        for turn in turns {
            self.tell(Outgoing::Cancelled(turn)).await;
        }
        Ok(())
    }
}
