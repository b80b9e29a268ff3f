//! Where decoded frames become mono at the wanted rate, and the limits are kept.

use voicefleet_core::{
    audio::Pcm,
    ports::{AudioError, AudioLimits},
};

use super::decoder::Frames;
use crate::resample::Resampler;

/// Peak below which a recording holds nothing: -80 dBFS, three steps of 16-bit audio. Dither and
/// the idle noise of a muted converter stay below it, the quietest speech lies far above.
const SILENCE_PEAK: f32 = 1e-4;

/// Sample rates that are taken (Hz): from half of the telephone's to the fastest converters'.
/// Outside of it the header is wrong, and a rate of a few hertz would make hours out of a kilobyte.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Changes of the sample rate within a file: chained recordings have a few. Each costs a new
/// transform, which a file of thousands of tiny ones would turn into minutes.
const MAX_RATE_CHANGES: usize = 16;

/// The part of a track that is meant to be heard, in seconds of the decoded stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cut {
    /// Time to drop at the start.
    pub(super) skip: f64,
    /// Time to keep after that; all there is if `None`.
    pub(super) keep: Option<f64>,
    /// The most that may be dropped at the end; where it would be more, `keep` is not believed.
    pub(super) max_trim: f64,
}

/// Collects frames.
pub(super) struct Sink {
    limits: AudioLimits,
    cut: Cut,
    /// The rate asked for, or else the first rate seen.
    to: Option<u32>,
    /// The rate of what comes in, with the conversion from it.
    source: Option<(u32, Resampler)>,
    rate_changes: usize,
    /// Seconds that came in, those of the cut included.
    seconds: f64,
    /// Mono frames of the packet at hand.
    mono: Vec<f32>,
    out: Vec<f32>,
    peak: f32,
    samples: u64,
    unusable: u64,
}

impl Sink {
    pub(super) fn new(rate: Option<u32>, limits: AudioLimits) -> Self {
        Self {
            limits,
            cut: Cut::default(),
            to: rate,
            source: None,
            rate_changes: 0,
            seconds: 0.0,
            mono: Vec::new(),
            out: Vec::new(),
            peak: 0.0,
            samples: 0,
            unusable: 0,
        }
    }

    /// Sets which part of what comes is kept; before anything comes.
    pub(super) fn set_cut(&mut self, cut: Cut) {
        self.cut = cut;
    }

    /// Takes frames in; [`AudioError::TooLong`] once there are more than the limit allows.
    pub(super) fn push(&mut self, frames: &Frames<'_>) -> Result<(), AudioError> {
        if frames.samples.is_empty() || frames.channels == 0 {
            return Ok(());
        }
        self.mono.clear();
        for frame in frames.samples.chunks_exact(frames.channels) {
            let sum: f32 = frame.iter().map(|&sample| self.clean(sample)).sum();
            self.mono.push(sum / count(frames.channels));
        }
        self.samples += frames.samples.len() as u64;
        self.append(frames.rate)
    }

    /// Takes in silence as long as the last frames were, for a packet that is lost.
    pub(super) fn push_gap(&mut self) -> Result<(), AudioError> {
        let Some((rate, _)) = self.source else {
            return Ok(());
        };
        self.mono.fill(0.0);
        self.append(rate)
    }

    /// What a converter would play: nothing for a value that is not a number, and no more than
    /// full scale.
    fn clean(&mut self, sample: f32) -> f32 {
        if sample.is_finite() {
            sample.clamp(-1.0, 1.0)
        } else {
            self.unusable += 1;
            0.0
        }
    }

    /// Appends `mono`, less what is skipped.
    fn append(&mut self, rate: u32) -> Result<(), AudioError> {
        self.follow_rate(rate)?;
        let skipped = frames(self.cut.skip - self.seconds, rate).min(self.mono.len());
        self.seconds += seconds(self.mono.len(), rate);
        if self.seconds > self.allowed_seconds() {
            return Err(AudioError::TooLong {
                max_seconds: self.limits.max_seconds,
            });
        }
        let heard = &self.mono[skipped..];
        self.peak = heard
            .iter()
            .fold(self.peak, |peak, sample| peak.max(sample.abs()));
        if let Some((_, resampler)) = &mut self.source {
            resampler.push(heard, &mut self.out);
        }
        Ok(())
    }

    /// How much may be decoded: the limit, and what the cut drops. That costs time as well, so it
    /// is bounded too: the start by the limit, the end by a second, which is more than padding.
    fn allowed_seconds(&self) -> f64 {
        let limit = self.limits.max_seconds;
        let padding = if self.cut.keep.is_some_and(|keep| keep <= limit) {
            1.0
        } else {
            0.0
        };
        limit + self.cut.skip.min(limit) + padding
    }

    /// Begins a new conversion where the source's rate is new or changes.
    fn follow_rate(&mut self, rate: u32) -> Result<(), AudioError> {
        if matches!(self.source, Some((current, _)) if current == rate) {
            return Ok(());
        }
        if !RATES.contains(&rate) {
            return Err(AudioError::NotAudio(format!(
                "a sample rate of {rate} Hz (from {} to {} are read)",
                RATES.start(),
                RATES.end()
            )));
        }
        let to = *self.to.get_or_insert(rate);
        let resampler = Resampler::new(rate, to)
            .ok_or_else(|| AudioError::NotAudio(format!("it cannot be brought to {to} Hz")))?;
        if let Some((_, finished)) = self.source.replace((rate, resampler)) {
            finished.finish(&mut self.out);
            self.rate_changes += 1;
        }
        if self.rate_changes > MAX_RATE_CHANGES {
            return Err(AudioError::NotAudio(
                "its sample rate changes again and again".to_owned(),
            ));
        }
        Ok(())
    }

    /// Drops what comes after the part to be heard.
    fn trim_end(&mut self, rate: u32) {
        let heard = self.seconds - self.cut.skip;
        if let Some(keep) = self.cut.keep
            && heard - keep <= self.cut.max_trim
        {
            self.out.truncate(frames(keep, rate));
        }
    }

    /// The audio, if there is any in it.
    pub(super) fn finish(mut self) -> Result<Pcm, AudioError> {
        if let Some((_, resampler)) = self.source.take() {
            resampler.finish(&mut self.out);
        }
        let rate = self.to.unwrap_or_default();
        self.trim_end(rate);
        let pcm = Pcm {
            samples: self.out,
            rate,
        };
        if pcm.samples.is_empty() {
            return Err(AudioError::NotAudio("it holds no samples".to_owned()));
        }
        if self.unusable * 2 > self.samples {
            return Err(AudioError::NotAudio(
                "most of its samples are not numbers".to_owned(),
            ));
        }
        let seconds = pcm.seconds();
        if seconds > self.limits.max_silent_seconds && self.peak < SILENCE_PEAK {
            return Err(AudioError::Silent { seconds });
        }
        Ok(pcm)
    }
}

/// Length of `frames` in seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "a packet is far shorter than 2^52 frames"
)]
fn seconds(frames: usize, rate: u32) -> f64 {
    frames as f64 / f64::from(rate)
}

/// Whole frames in `seconds`; 0 for negative time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
fn frames(seconds: f64, rate: u32) -> usize {
    (seconds * f64::from(rate)).round() as usize
}

#[expect(
    clippy::cast_precision_loss,
    reason = "channel counts are small numbers"
)]
fn count(channels: usize) -> f32 {
    channels as f32
}
