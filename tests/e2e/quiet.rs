//! Nothing is heard where nothing is said.

use voicefleet_tests::Client;

use crate::fresh_server;

const RATE: u32 = 16_000;

fn wav(samples: impl Iterator<Item = f32>) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a writer");
    for sample in samples {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "samples are within [-1, 1]"
        )]
        writer
            .write_sample((sample * 32_767.0) as i16)
            .expect("written");
    }
    writer.finalize().expect("finished");
    file.into_inner()
}

/// Ten seconds of noise from a linear congruential generator (constants of Numerical Recipes), uniform.
fn noise(level: f32) -> impl Iterator<Item = f32> {
    let mut state = 1_u32;
    (0..10 * RATE).map(move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
        let uniform = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        uniform * level
    })
}

fn hum() -> impl Iterator<Item = f32> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    (0..10 * RATE).map(|n| 0.2 * (std::f32::consts::TAU * 50.0 * n as f32 / RATE as f32).sin())
}

async fn heard(client: &Client, audio: Vec<u8>) -> String {
    client.heard(audio, &[]).await.expect("a transcript")
}

#[tokio::test]
async fn silence_noise_and_hum_transcribe_to_nothing() {
    let (_data, server) = fresh_server(&[]).await;
    let client = server.client().expect("a client");
    let silence = (0..10 * RATE).map(|_| 0.0);
    assert_eq!(heard(&client, wav(silence)).await, "");
    for level in [0.001, 0.05, 0.5] {
        assert_eq!(
            heard(&client, wav(noise(level))).await,
            "",
            "noise at {level}"
        );
    }
    assert_eq!(heard(&client, wav(hum())).await, "");
    server.stop().await.expect("stops");
}
