//! Recordings: gathered as they are sent, within the bounds of uploads, and transcribed when they are complete.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use voicefleet_core::{ErrorCode, Failure, Job, JobSpec, Tier, TraceContext, Transcript};

use super::{
    events::{LiveServerEvent, LiveTranscript, TranscriptDelta},
    outbox::Outgoing,
    protocol::AudioStart,
    turn::Turn,
};
use crate::{
    app::{App, SharedApp},
    problem::ApiError,
    results,
    submit::NewJob,
    synchronous,
    tenancy::{self, Caller},
    transcription::{
        self, CheckedWish, TranscriptionWish,
        formats::{segments, words},
        upload,
    },
};

/// Rates of a recording without a header, Hz.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Bytes of a WAV file before its samples.
const WAV_HEADER: usize = 44;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    /// A file, whose format is found from its bytes.
    File,
    /// Samples of 16 bits, little-endian, mono, at this rate (Hz).
    Pcm16(u32),
}

/// A recording that is being sent.
pub(super) struct Recording {
    pub(super) turn: Arc<Turn>,
    container: Container,
    wish: CheckedWish,
    words: bool,
    segments: bool,
    stream: bool,
    /// With room for a header before samples.
    bytes: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

impl Recording {
    /// Checks everything but the audio.
    pub(super) fn begin(app: &App, message: &AudioStart, turn: Arc<Turn>) -> Result<Self, Failure> {
        let container = container(message.format.as_deref(), message.sample_rate)?;
        let wish = TranscriptionWish {
            model: message.model.as_deref(),
            language: message.language.as_deref(),
            temperature: message.temperature,
            prompt: message.prompt.as_deref(),
            translate: false,
        };
        let mut bytes = BytesMut::new();
        if let Container::Pcm16(_) = container {
            bytes.put_bytes(0, WAV_HEADER);
        }
        Ok(Self {
            turn,
            container,
            wish: transcription::check(wish, &app.catalog_now(), app.limits.max_prompt_chars)?,
            words: message.words,
            segments: message.segments,
            stream: message.stream,
            bytes,
            room: None,
        })
    }

    /// Takes the next bytes, unless they are too many.
    pub(super) fn push(&mut self, app: &App, bytes: &[u8]) -> Result<(), ApiError> {
        let length = self.bytes.len() + bytes.len();
        self.check_length(app, length)?;
        let held = self
            .room
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = length.div_ceil(1024).saturating_sub(held);
        if wanted > 0 {
            let room = app.room_to_record(u32::try_from(wanted).unwrap_or(u32::MAX))?;
            match &mut self.room {
                Some(held) => held.merge(room),
                none => *none = Some(room),
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn check_length(&self, app: &App, length: usize) -> Result<(), Failure> {
        let most = app.limits.max_upload_bytes;
        if length > most {
            let message = format!("the recording is larger than the limit of {most} bytes");
            return Err(Failure::new(ErrorCode::UploadTooLarge, message));
        }
        let longest = app.limits.audio.max_seconds;
        match self.container {
            Container::Pcm16(rate)
                if seconds(length.saturating_sub(WAV_HEADER), rate) > longest =>
            {
                let message = format!("the recording is longer than the limit of {longest} s");
                Err(Failure::new(ErrorCode::AudioTooLong, message))
            }
            _ => Ok(()),
        }
    }

    /// The file that has been sent.
    fn file(&mut self) -> Result<Bytes, Failure> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if let Container::Pcm16(rate) = self.container {
            let samples = bytes.len() - WAV_HEADER;
            if samples == 0 {
                return Ok(Bytes::new());
            }
            if !samples.is_multiple_of(2) {
                let message = "the recording ends in the middle of a sample";
                return Err(Failure::new(ErrorCode::TruncatedAudio, message));
            }
            bytes[..WAV_HEADER].copy_from_slice(&wav_header(samples, rate));
        }
        Ok(bytes.freeze())
    }
}

fn container(format: Option<&str>, rate: Option<u32>) -> Result<Container, Failure> {
    let refuse =
        |field: &str, message: String| Failure::of_field(ErrorCode::InvalidRequest, field, message);
    match (format, rate) {
        (None | Some("file"), None) => Ok(Container::File),
        (None | Some("file"), Some(_)) => {
            let message = "a file says its rate itself; sample_rate is for pcm16";
            Err(refuse("sample_rate", message.to_owned()))
        }
        (Some("pcm16"), Some(rate)) if RATES.contains(&rate) => Ok(Container::Pcm16(rate)),
        (Some("pcm16"), given) => {
            let given = given.map_or_else(|| "none".to_owned(), |rate| rate.to_string());
            let message = format!("pcm16 needs a sample_rate of 8000 to 48000, not {given}");
            Err(refuse("sample_rate", message))
        }
        (Some(other), _) => {
            let shown: String = other.chars().take(32).collect();
            let message = format!("there is no recording format '{shown}'; use file or pcm16");
            Err(Failure::of_field(
                ErrorCode::UnknownFormat,
                "format",
                message,
            ))
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a recording has far fewer than 2^52 bytes"
)]
fn seconds(bytes: usize, rate: u32) -> f64 {
    bytes as f64 / 2.0 / f64::from(rate)
}

/// The header of a WAV file of 16 bit samples, mono.
fn wav_header(bytes: usize, rate: u32) -> [u8; WAV_HEADER] {
    let size = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut header = [0; WAV_HEADER];
    let mut rest = &mut header[..];
    rest.put_slice(b"RIFF");
    rest.put_u32_le(size.saturating_add(36));
    rest.put_slice(b"WAVEfmt ");
    rest.put_u32_le(16);
    rest.put_u16_le(1);
    rest.put_u16_le(1);
    rest.put_u32_le(rate);
    rest.put_u32_le(rate * 2);
    rest.put_u16_le(2);
    rest.put_u16_le(16);
    rest.put_slice(b"data");
    rest.put_u32_le(size);
    header
}

/// Who transcribes for the session.
#[derive(Clone)]
pub(super) struct Hearing {
    pub(super) app: SharedApp,
    pub(super) caller: Caller,
    pub(super) tier: Tier,
    pub(super) trace: Option<TraceContext>,
    pub(super) outbox: mpsc::Sender<Outgoing>,
    /// Set when the key is found to be of no use any more.
    pub(super) dismissed: CancellationToken,
}

impl Hearing {
    /// Transcribes it, and tells the client.
    pub(super) async fn transcribe(self, mut recording: Recording) {
        let turn = Arc::clone(&recording.turn);
        let work = self.work(&mut recording);
        let prepared = turn.over().run_until_cancelled(work);
        let outcome = match prepared.await {
            None => return,
            Some(Ok((caller, work))) => self.listen(&turn, &caller, work).await,
            Some(Err(error)) => Err(error),
        };
        match outcome {
            Ok(None) => {}
            Ok(Some((job, transcript))) => self.tell(&recording, &job, &transcript).await,
            Err(error) => self.fail(turn, &error).await,
        }
    }

    async fn work(&self, recording: &mut Recording) -> Result<(Caller, NewJob), ApiError> {
        let caller = tenancy::still_admitted(&self.app, &self.caller).await?;
        tenancy::count_as_request(&self.app, &caller).await?;
        let room = self.app.room_for_recording().await?;
        let file = recording.file()?;
        let upload = upload::probe(&self.app, &caller.tenant, file, room).await?;
        // From here on the upload's room is its room.
        recording.room = None;
        let work = NewJob {
            id: None,
            patient: false,
            waits: None,
            spec: JobSpec::Transcription(recording.wish.clone().of(&upload.id)),
            tier: self.tier,
            deadline: None,
            trace: self.trace.clone(),
            upload: Some(upload),
        };
        Ok((caller, work))
    }

    /// `None` where the client has changed its mind.
    async fn listen(
        &self,
        turn: &Turn,
        caller: &Caller,
        work: NewJob,
    ) -> Result<Option<(Job, Transcript)>, ApiError> {
        let done = synchronous::done_unless(&self.app, caller, work, turn.over());
        let Some(job) = done.await? else {
            return Ok(None);
        };
        let transcript = results::transcript(&self.app, &job).await;
        let transcript = transcript.map_err(synchronous::evicted_meanwhile)?;
        Ok(Some((job, transcript)))
    }

    async fn tell(&self, recording: &Recording, job: &Job, transcript: &Transcript) {
        let (turn, id) = (&recording.turn, &recording.turn.id);
        let deltas = transcript.segments.iter().filter(|_| recording.stream);
        for (index, segment) in deltas.enumerate() {
            let space = if index == 0 { "" } else { " " };
            let delta = LiveServerEvent::TranscriptDelta(TranscriptDelta {
                id: id.clone(),
                delta: format!("{space}{}", segment.text),
            });
            self.send(Outgoing::Of(Arc::clone(turn), delta)).await;
        }
        let whole = LiveServerEvent::Transcript(LiveTranscript {
            id: id.clone(),
            text: transcript.text(),
            language: transcript.language.clone(),
            duration: transcript.duration,
            words: recording.words.then(|| words(transcript)),
            segments: recording.segments.then(|| segments(transcript)),
            job_id: job.id.to_string(),
        });
        self.send(Outgoing::Last(Arc::clone(turn), whole, "done"))
            .await;
    }

    async fn fail(&self, turn: Arc<Turn>, error: &ApiError) {
        if error.failure.code == ErrorCode::Unauthenticated {
            self.dismissed.cancel();
        }
        let event = LiveServerEvent::error(Some(turn.id.clone()), true, error);
        self.send(Outgoing::Last(turn, event, "failed")).await;
    }

    /// Where nobody takes it, the session is over and so is this.
    async fn send(&self, outgoing: Outgoing) {
        let _ = self.outbox.send(outgoing).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_with_their_header_are_a_file() {
        let file = [&wav_header(4, 16_000)[..], &[1, 0, 2, 0]].concat();
        let mut reader = hound::WavReader::new(&file[..]).expect("a file");
        let spec = reader.spec();
        assert_eq!(
            (spec.sample_rate, spec.channels, spec.bits_per_sample),
            (16_000, 1, 16)
        );
        let samples: Vec<i16> = reader
            .samples()
            .map(|sample| sample.expect("whole"))
            .collect();
        assert_eq!(samples, [1, 2]);
    }

    #[test]
    fn a_rate_belongs_to_samples_without_a_header() {
        assert_eq!(container(None, None), Ok(Container::File));
        let pcm = container(Some("pcm16"), Some(16_000));
        assert_eq!(pcm, Ok(Container::Pcm16(16_000)));
        for (format, rate, field) in [
            (Some("pcm16"), None, "sample_rate"),
            (Some("pcm16"), Some(4_000), "sample_rate"),
            (Some("file"), Some(16_000), "sample_rate"),
            (Some("mulaw"), None, "format"),
        ] {
            let failure = container(format, rate).expect_err("refused");
            assert_eq!(failure.field.as_deref(), Some(field));
        }
    }
}
