//! Audio on its way to a client.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use voicefleet_audio::{Codec, resample};
use voicefleet_core::{
    AudioFormat, Pcm,
    audio::PCM_RESPONSE_RATE,
    ports::{AudioCodec, AudioLimits},
};

/// Of a Piper voice, Hz.
const RATE: u32 = 22_050;

#[library_benchmark]
#[bench::wav(args = (AudioFormat::Wav), setup = one_second)]
#[bench::mp3(args = (AudioFormat::Mp3), setup = one_second)]
#[bench::opus(args = (AudioFormat::Opus), setup = one_second)]
#[bench::flac(args = (AudioFormat::Flac), setup = one_second)]
fn encode((pcm, format): (Pcm, AudioFormat)) -> Vec<u8> {
    Codec.encode(black_box(&pcm), format).expect("encodes")
}

fn one_second(format: AudioFormat) -> (Pcm, AudioFormat) {
    (sound(), format)
}

#[library_benchmark]
#[bench::one_second(setup = stored)]
fn decode_flac(file: Vec<u8>) -> Pcm {
    let decoded = Codec.decode(black_box(&file), None, AudioLimits::default());
    decoded.expect("decodes")
}

fn stored() -> Vec<u8> {
    Codec.encode(&sound(), AudioFormat::Flac).expect("encodes")
}

#[library_benchmark]
#[bench::one_second(setup = sound)]
fn resampled(pcm: Pcm) -> Pcm {
    resample(black_box(&pcm), PCM_RESPONSE_RATE)
}

/// A second of a tone that swells, with some noise, so that encoders have something to do.
#[expect(clippy::cast_precision_loss, reason = "a second has few samples")]
fn sound() -> Pcm {
    let mut noise = fastrand::Rng::with_seed(1);
    let sample = |index: u32| {
        let seconds = index as f32 / RATE as f32;
        let tone = (seconds * 220.0 * std::f32::consts::TAU).sin();
        0.6 * seconds * tone + 0.02 * (noise.f32() - 0.5)
    };
    Pcm {
        samples: (0..RATE).map(sample).collect(),
        rate: RATE,
    }
}

library_benchmark_group!(name = sounds, benchmarks = [encode, decode_flac, resampled]);
