//! Recordings: a known clip, pieces of it at known places, and noise.

use voicefleet_core::Pcm;
use voicefleet_testkit::model_file;

pub(crate) const RATE: usize = 16_000;

/// What is said in the clip.
pub(crate) const JFK: &str = "And so my fellow Americans ask not what your country can do for you \
                              ask what you can do for your country";

/// When each word of the clip is said: (word, start, end) in seconds, by a forced alignment with another
/// recogniser (`PocketSphinx` 5, its English model).
pub(crate) const JFK_TIMES: [(&str, f64, f64); 22] = [
    ("and", 0.29, 0.63),
    ("so", 0.63, 0.97),
    ("my", 0.97, 1.24),
    ("fellow", 1.24, 1.63),
    ("americans", 1.63, 2.16),
    ("ask", 3.25, 3.99),
    ("not", 3.99, 4.30),
    ("what", 5.37, 5.61),
    ("your", 5.61, 5.86),
    ("country", 5.86, 6.42),
    ("can", 6.42, 6.66),
    ("do", 6.66, 6.91),
    ("for", 6.91, 7.05),
    ("you", 7.05, 7.67),
    ("ask", 8.15, 8.53),
    ("what", 8.53, 8.82),
    ("you", 8.82, 9.20),
    ("can", 9.20, 9.37),
    ("do", 9.37, 9.63),
    ("for", 9.63, 9.78),
    ("your", 9.78, 9.99),
    ("country", 9.99, 10.46),
];

/// 11 s of speech at 16 kHz.
pub(crate) fn jfk() -> Pcm {
    recording("speech/jfk.wav")
}

/// A recording of the models folder, at 16 kHz.
pub(crate) fn recording(path: &str) -> Pcm {
    let mut reader = hound::WavReader::open(model_file(path)).expect("the test's own audio");
    assert_eq!(
        (reader.spec().sample_rate, reader.spec().channels),
        (16_000, 1)
    );
    pcm(reader
        .samples::<i16>()
        .map(|sample| f32::from(sample.expect("the test's own audio")) / 32_768.0)
        .collect())
}

pub(crate) fn pcm(samples: Vec<f32>) -> Pcm {
    Pcm {
        samples,
        rate: 16_000,
    }
}

/// The part of a recording between two moments, tenths of a second.
pub(crate) fn part(audio: &Pcm, from: usize, to: usize) -> Vec<f32> {
    audio.samples[from * RATE / 10..to * RATE / 10].to_vec()
}

pub(crate) fn silence(tenths: usize) -> Vec<f32> {
    vec![0.0; tenths * RATE / 10]
}

/// Uniform noise of this amplitude; the same every time.
pub(crate) fn white(samples: usize, amplitude: f32) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    (0..samples)
        .map(|_| {
            // Xorshift (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let unit = f32::from(u16::try_from(state >> 16).expect("the test's own audio"))
                / f32::from(u16::MAX);
            (unit * 2.0 - 1.0) * amplitude
        })
        .collect()
}

/// Noise with less energy the higher the frequency: a leaky sum of white noise.
pub(crate) fn brown(samples: usize) -> Vec<f32> {
    let mut level = 0.0;
    white(samples, 0.05)
        .into_iter()
        .map(|step| {
            level = level * 0.98 + step;
            level
        })
        .collect()
}

/// A sum of harmonics of the pitch that `pitch` gives for each second, with its loudness.
pub(crate) fn tones(samples: usize, pitch: impl Fn(f32) -> (f32, f32)) -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..u16::try_from(samples / 16).expect("the test's own audio"))
        .flat_map(|millisecond| (0..16_u8).map(move |step| (millisecond, step)))
        .map(|(millisecond, step)| {
            let time = (f32::from(millisecond) + f32::from(step) / 16.0) / 1_000.0;
            let (frequency, loudness) = pitch(time);
            phase = (phase + frequency / 16_000.0).fract();
            let wave = |harmonic: f32| (phase * harmonic * std::f32::consts::TAU).sin() / harmonic;
            (wave(1.0) + wave(2.0) + wave(3.0) + wave(4.0)) * loudness
        })
        .collect()
}
