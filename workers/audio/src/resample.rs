//! Changing the sample rate of mono audio.

use rubato::{
    Fft, FixedSync, Indexing, Resampler as _, WindowFunction,
    audioadapter_buffers::direct::SequentialSlice,
};
use voicefleet_core::audio::Pcm;

/// Samples per transform on the slower side. The longer, the closer the filter's edge lies to the
/// band's edge; with 1024 it lies at 98.7 % of it (`calculate_cutoff` of rubato).
const BLOCK: u32 = 1024;

/// Brings `pcm` to `rate` (Hz). The result has `len * rate / pcm.rate` samples, rounded up, begins
/// and ends where the input does, and is a plain copy where the rates are equal. A rate of zero
/// on either side has no time, so there is nothing in the result.
pub fn resample(pcm: &Pcm, rate: u32) -> Pcm {
    let mut samples = Vec::new();
    if let Some(mut resampler) = Resampler::new(pcm.rate, rate) {
        resampler.push(&pcm.samples, &mut samples);
        resampler.finish(&mut samples);
    }
    Pcm { samples, rate }
}

/// The same for audio that comes in pieces: [`push`](Self::push) them, then
/// [`finish`](Self::finish).
pub(crate) enum Resampler {
    /// The rates are equal.
    Copy,
    /// They differ.
    Convert(Box<Converter>),
}

impl Resampler {
    /// `None` if a rate is zero.
    pub(crate) fn new(from: u32, to: u32) -> Option<Self> {
        if from == to {
            return (from > 0).then_some(Self::Copy);
        }
        Some(Self::Convert(Box::new(Converter::new(from, to)?)))
    }

    /// Takes samples in and appends to `out` what is ready.
    pub(crate) fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        match self {
            Self::Copy => out.extend_from_slice(input),
            Self::Convert(converter) => converter.push(input, out),
        }
    }

    /// Appends the rest.
    pub(crate) fn finish(self, out: &mut Vec<f32>) {
        if let Self::Convert(converter) = self {
            converter.finish(out);
        }
    }
}

/// Feeds whole blocks to the transform, and hides its delay at both ends.
pub(crate) struct Converter {
    fft: Fft<f32>,
    from: u64,
    to: u64,
    /// Samples that do not fill a block yet.
    waiting: Vec<f32>,
    /// What one transform gives.
    block: Vec<f32>,
    /// Samples taken in.
    consumed: u64,
    /// Samples given out.
    produced: u64,
    /// Samples of the filter's delay that are still to be dropped.
    delay: usize,
}

impl Converter {
    fn new(from: u32, to: u32) -> Option<Self> {
        let slower = u64::from(from.min(to));
        // The block is counted in input samples, so that the slower side gets BLOCK of them.
        let block = (u64::from(BLOCK) * u64::from(from)).checked_div(slower)?;
        let mut fft = transform(from, to, usize::try_from(block).ok()?)?;
        if !fft.fft_size_in().is_multiple_of(2) {
            // The middle of its filter lies between two samples then, which its delay does not
            // tell: the audio would come half a sample early.
            fft = transform(from, to, 2 * fft.fft_size_in())?;
        }
        Some(Self {
            block: vec![0.0; fft.output_frames_max()],
            waiting: Vec::with_capacity(fft.input_frames_max()),
            delay: fft.output_delay(),
            fft,
            from: from.into(),
            to: to.into(),
            consumed: 0,
            produced: 0,
        })
    }

    fn push(&mut self, mut input: &[f32], out: &mut Vec<f32>) {
        self.consumed += input.len() as u64;
        let size = self.fft.input_frames_next();
        while self.waiting.len() + input.len() >= size {
            let (head, tail) = input.split_at(size - self.waiting.len());
            self.waiting.extend_from_slice(head);
            input = tail;
            self.convert(out);
        }
        self.waiting.extend_from_slice(input);
    }

    /// Feeds silence until everything that went in has come out.
    fn finish(mut self, out: &mut Vec<f32>) {
        let wanted = (self.consumed * self.to).div_ceil(self.from);
        while self.produced < wanted {
            self.convert(out);
        }
        let excess = usize::try_from(self.produced - wanted).unwrap_or(0);
        out.truncate(out.len() - excess);
    }

    /// Transforms what waits, a block at most, filled up with silence.
    fn convert(&mut self, out: &mut Vec<f32>) {
        let size = self.fft.input_frames_next();
        self.waiting.resize(size, 0.0);
        let frames = self.block.len();
        let input = SequentialSlice::new(&self.waiting, 1, size).expect("one channel of this size");
        let mut output =
            SequentialSlice::new_mut(&mut self.block, 1, frames).expect("one channel of this size");
        let (_, made) = self
            .fft
            .process_into_buffer(&input, &mut output, Some(&Indexing::new()))
            .expect("the buffers have the sizes that were asked for");
        let ready = &self.block[..made];
        let ready = &ready[self.delay.min(made)..];
        self.delay -= made - ready.len();
        out.extend_from_slice(ready);
        self.produced += ready.len() as u64;
        self.waiting.clear();
    }
}

/// `None` if a rate is zero.
fn transform(from: u32, to: u32, block: usize) -> Option<Fft<f32>> {
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
    let window = WindowFunction::BlackmanHarris2;
    Fft::new_custom(from, to, block, 1, 1, window, FixedSync::Both).ok()
}
