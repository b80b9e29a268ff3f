//! The silence at the edges of a chunk's audio.

/// Length of the frames whose loudness is judged: 5 ms.
const FRAME: usize = 120;
/// [`FRAME`] as a divisor.
const LENGTH: f32 = 120.0;
/// A frame counts as sound if its RMS is above this: -50 dB. Speech lies at -23 dB; the model leaves 0.15 to
/// 0.4 s before it and 0.2 to 0.56 s after it below this.
const AUDIBLE: f32 = 0.003_16;
/// Silence kept before the first sound: 20 ms, for soft onsets.
const LEAD: usize = 480;
/// Silence kept after the last sound: 60 ms, for soft endings.
const TAIL: usize = 1440;

/// Trims silence at both ends, so that the pause between two chunks is what was asked for.
pub(crate) fn trim(samples: &[f32]) -> &[f32] {
    let loud = |frame: &[f32]| {
        let square: f32 = frame.iter().map(|sample| sample * sample / LENGTH).sum();
        square > AUDIBLE * AUDIBLE
    };
    let mut frames = samples
        .chunks(FRAME)
        .enumerate()
        .filter(|(_, frame)| loud(frame))
        .map(|(at, _)| at);
    let Some(first) = frames.next() else {
        return &[];
    };
    let last = frames.next_back().unwrap_or(first);
    let start = (first * FRAME).saturating_sub(LEAD);
    let end = ((last + 1) * FRAME + TAIL).min(samples.len());
    &samples[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_goes_but_a_margin_stays() {
        let sound = vec![0.5; 10 * FRAME];
        let audio = [vec![0.0; 100 * FRAME], sound, vec![0.001; 200 * FRAME]].concat();
        assert_eq!(trim(&audio), &audio[100 * FRAME - LEAD..110 * FRAME + TAIL]);
    }

    #[test]
    fn audio_without_silence_stays_whole_and_silence_without_audio_goes() {
        let sound = vec![0.5; 10 * FRAME + 7];
        assert_eq!(trim(&sound), sound);
        assert_eq!(trim(&[0.001; 500]), [0.0; 0]);
        assert_eq!(trim(&[]), [0.0; 0]);
    }
}
