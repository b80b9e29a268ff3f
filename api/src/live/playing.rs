//! The audio of what is said: one utterance after the other, each a file of its own.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use voicefleet_core::{
    Pcm,
    ports::{AudioError, AudioWriter},
};

use super::{
    events::{LiveServerEvent, SpeechDone, SpeechSentence, SpeechStarted},
    outbox::Outgoing,
    settings::Carrier,
    speaking::{Made, Sentence},
    turn::Turn,
};
use crate::{app::SharedApp, problem::ApiError};

/// Most bytes of audio in one message: a third of a second of PCM. What has been handed over cannot be taken back.
const FRAME: usize = 16 * 1024;

/// Plays.
pub(super) struct Playing {
    pub(super) app: SharedApp,
    pub(super) made: mpsc::Receiver<Made>,
    pub(super) outbox: mpsc::Sender<Outgoing>,
    /// The utterance that is being heard.
    pub(super) file: Option<File>,
}

/// A file in the making.
pub(super) struct File {
    turn: Arc<Turn>,
    carrier: Carrier,
    /// `None` while it writes.
    writer: Option<Box<dyn AudioWriter>>,
    rate: u32,
    samples: u64,
    sentences: usize,
}

impl Playing {
    /// Plays until the session ends.
    pub(super) async fn run(mut self) {
        while let Some(made) = self.made.recv().await {
            let (turn, outcome) = match made {
                Made::Sentence(sentence) => self.sentence(*sentence).await,
                Made::End(turn) => {
                    let outcome = self.end(&turn).await;
                    (turn, outcome)
                }
                Made::Refused(turn, error) => (turn, Err(*error)),
            };
            if let Err(error) = outcome {
                self.fail(turn, &error).await;
            }
        }
    }

    /// Says it, as long as the client wants to hear it.
    async fn sentence(&mut self, sentence: Sentence) -> (Arc<Turn>, Result<(), ApiError>) {
        let mut sentence = sentence;
        let turn = Arc::clone(&sentence.turn);
        let said = turn.over().run_until_cancelled(self.say(&mut sentence));
        let Some(said) = said.await else {
            self.file = None;
            sentence.pieces.withdraw();
            return (turn, Ok(()));
        };
        (turn, said)
    }

    async fn say(&mut self, sentence: &mut Sentence) -> Result<(), ApiError> {
        let first = sentence.pieces.next().await?;
        let Some(first) = first else {
            return Ok(());
        };
        self.open(sentence, &first).await?;
        let mut piece = Some(first);
        while let Some(pcm) = piece {
            self.write(pcm).await?;
            piece = sentence.pieces.next().await?;
        }
        Ok(())
    }

    /// Tells the client what it is about to hear.
    async fn open(&mut self, sentence: &Sentence, first: &Pcm) -> Result<(), ApiError> {
        let Sentence {
            turn,
            delivery,
            spec,
            ..
        } = sentence;
        if self
            .file
            .as_ref()
            .is_none_or(|file| !Arc::ptr_eq(&file.turn, turn))
        {
            self.app.meters.rendered(delivery.format.name());
            let writer = self.app.codec.begin(first.rate, delivery.format);
            self.file = Some(File {
                turn: Arc::clone(turn),
                carrier: delivery.carrier,
                writer: Some(writer.map_err(|error| defect(&error))?),
                rate: first.rate,
                samples: 0,
                sentences: 0,
            });
            let started = LiveServerEvent::SpeechStarted(SpeechStarted {
                id: turn.id.clone(),
                engine: spec.engine.to_string(),
                voice: spec.voice.clone(),
            });
            self.tell(Outgoing::Of(Arc::clone(turn), started)).await;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.sentences += 1;
        let begun = LiveServerEvent::SpeechSentence(SpeechSentence {
            id: turn.id.clone(),
            index: sentence.index,
            text: sentence.spec.text.clone(),
            at_ms: file.millis(),
            job_id: sentence.pieces.job().id.to_string(),
        });
        self.tell(Outgoing::Of(Arc::clone(turn), begun)).await;
        Ok(())
    }

    async fn write(&mut self, pcm: Pcm) -> Result<(), ApiError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if pcm.rate != file.rate {
            let (was, is) = (file.rate, pcm.rate);
            return Err(ApiError::internal(&format!(
                "an utterance at {was} Hz goes on at {is} Hz"
            )));
        }
        let Some(mut writer) = file.writer.take() else {
            return Err(ApiError::internal("an utterance goes on after its end"));
        };
        let from_ms = file.millis();
        file.samples += pcm.samples.len() as u64;
        let until_ms = file.millis();
        let written = self.app.codec_lanes.go_on(move |_| {
            let bytes = writer.push(&pcm.samples)?;
            Ok((writer, bytes))
        });
        let (writer, bytes) = written.await?.map_err(|error| defect(&error))?;
        file.writer = Some(writer);
        self.send(bytes.into(), from_ms, until_ms).await;
        Ok(())
    }

    /// The rest of the file, and the end of the utterance.
    async fn end(&mut self, turn: &Arc<Turn>) -> Result<(), ApiError> {
        if !self
            .file
            .as_ref()
            .is_some_and(|file| Arc::ptr_eq(&file.turn, turn))
        {
            return self.done(turn, 0, 0).await;
        }
        let writer = self.file.as_mut().and_then(|file| file.writer.take());
        if let Some(writer) = writer {
            let finished = self.app.codec_lanes.go_on(move |_| writer.finish());
            let rest = finished.await?.map_err(|error| defect(&error))?;
            let until_ms = self.file.as_ref().map_or(0, File::millis);
            self.send(rest.into(), until_ms, until_ms).await;
        }
        let file = self.file.take();
        let (audio_ms, sentences) = file.map_or((0, 0), |file| (file.millis(), file.sentences));
        self.done(turn, audio_ms, sentences).await
    }

    async fn done(
        &mut self,
        turn: &Arc<Turn>,
        audio_ms: u64,
        sentences: usize,
    ) -> Result<(), ApiError> {
        let done = LiveServerEvent::SpeechDone(SpeechDone {
            id: turn.id.clone(),
            audio_ms,
            sentences,
        });
        self.tell(Outgoing::Last(Arc::clone(turn), done, "done"))
            .await;
        Ok(())
    }

    async fn fail(&mut self, turn: Arc<Turn>, error: &ApiError) {
        self.file = None;
        turn.give_up();
        let event = LiveServerEvent::error(Some(turn.id.clone()), true, error);
        self.tell(Outgoing::Last(turn, event, "failed")).await;
    }

    /// Sends audio in messages of bounded size, each with how far it goes.
    async fn send(&mut self, mut bytes: Bytes, from_ms: u64, until_ms: u64) {
        let file = self.file.as_ref();
        let Some((turn, carrier)) = file.map(|file| (Arc::clone(&file.turn), file.carrier)) else {
            return;
        };
        let (all, span) = (bytes.len().max(1) as u64, until_ms - from_ms);
        while !bytes.is_empty() {
            let frame = bytes.split_to(bytes.len().min(FRAME));
            let left = bytes.len() as u64;
            let until = until_ms - span * left / all;
            self.tell(Outgoing::Audio(Arc::clone(&turn), carrier, frame, until))
                .await;
        }
    }

    /// Where nobody takes it, the session is over and so is this.
    async fn tell(&mut self, outgoing: Outgoing) {
        let _ = self.outbox.send(outgoing).await;
    }
}

impl File {
    fn millis(&self) -> u64 {
        self.samples * 1000 / u64::from(self.rate.max(1))
    }
}

fn defect(error: &AudioError) -> ApiError {
    ApiError::internal(&error.to_string())
}
