//! Real files, damaged at random: whatever comes of it, it is an answer and not a crash.

mod support;

use std::sync::LazyLock;

use proptest::{collection::vec, prelude::*, sample::Index};
use support::{decode, seal, speech_as};

/// A second of speech in each format, with the arguments that make it.
const FORMATS: [(&str, &[&str]); 22] = [
    ("wav", &["-c:a", "pcm_s16le"]),
    ("wav", &["-c:a", "pcm_f32le", "-ac", "6"]),
    ("wav", &["-c:a", "pcm_mulaw", "-ar", "8000"]),
    ("wav", &["-c:a", "adpcm_ms"]),
    ("wav", &["-c:a", "adpcm_ima_wav", "-ac", "2"]),
    ("mp3", &["-b:a", "64k"]),
    (
        "mp3",
        &["-ac", "2", "-ar", "44100", "-q:a", "5", "-write_xing", "0"],
    ),
    ("flac", &["-ac", "2", "-ar", "44100"]),
    ("ogg", &["-c:a", "libvorbis"]),
    ("ogg", &["-c:a", "libvorbis", "-ac", "2", "-ar", "44100"]),
    ("ogg", &["-c:a", "libopus"]),
    ("ogg", &["-c:a", "libopus", "-ac", "6", "-ar", "48000"]),
    ("ogg", &["-c:a", "flac"]),
    ("m4a", &["-c:a", "aac"]),
    (
        "m4a",
        &["-c:a", "aac", "-ac", "2", "-movflags", "faststart"],
    ),
    (
        "m4a",
        &["-c:a", "aac", "-movflags", "frag_keyframe+delay_moov"],
    ),
    ("mp4", &["-c:a", "flac", "-strict", "-2"]),
    ("aac", &["-c:a", "aac", "-ac", "2"]),
    ("webm", &["-c:a", "libopus"]),
    ("webm", &["-c:a", "libopus", "-live", "1"]),
    ("webm", &["-c:a", "libvorbis"]),
    ("mkv", &["-c:a", "flac"]),
];

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let excerpt = |(extension, arguments): (&str, &[&str])| {
        speech_as(&[&["-ss", "1", "-t", "1.2"], arguments].concat(), extension)
    };
    FORMATS.into_iter().map(excerpt).collect()
});

/// Numbers that programs stumble over.
const AWKWARD: [u32; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX];

/// One kind of damage, at a place.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Number(Index, usize, bool),
    Remove(Index, usize),
    Repeat(Index, usize),
    CutOff(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        4 => (at(), any::<u8>()).prop_map(|(at, value)| Damage::Set(at, value)),
        4 => (at(), 0..AWKWARD.len(), any::<bool>()).prop_map(|(at, n, big)| Damage::Number(at, n, big)),
        1 => (at(), 1_usize..64).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (at(), 1_usize..300).prop_map(|(at, length)| Damage::Repeat(at, length)),
        1 => at().prop_map(Damage::CutOff),
    ]
}

/// Headers are small and hold the traps: half of the damage goes there.
fn apply(bytes: &mut Vec<u8>, damage: &Damage, in_header: bool) {
    let reach = if in_header {
        bytes.len().min(600)
    } else {
        bytes.len()
    };
    if reach < 4 {
        return;
    }
    let place = |at: &Index| at.index(reach - 3);
    match damage {
        Damage::Flip(at, bit) => bytes[place(at)] ^= 1 << bit,
        Damage::Set(at, value) => bytes[place(at)] = *value,
        Damage::Number(at, n, big_endian) => {
            let number = AWKWARD[*n];
            let number = if *big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            };
            bytes[place(at)..][..4].copy_from_slice(&number);
        }
        Damage::Remove(at, length) => {
            let end = bytes.len().min(place(at) + length);
            bytes.drain(place(at)..end);
        }
        Damage::Repeat(at, length) => {
            let end = bytes.len().min(place(at) + length);
            let copy = bytes[place(at)..end].to_vec();
            bytes.splice(end..end, copy);
        }
        Damage::CutOff(at) => bytes.truncate(place(at)),
    }
}

/// Makes the checksums of Ogg pages right again, so that the damage gets past them.
fn seal_pages(bytes: &mut [u8]) {
    let mut rest = bytes;
    while rest.starts_with(b"OggS") && rest.len() > 27 {
        let segments = 27 + usize::from(rest[26]);
        let table = &rest[27..segments.min(rest.len())];
        let length = segments + table.iter().map(|n| usize::from(*n)).sum::<usize>();
        if length > rest.len() {
            return;
        }
        let (page, next) = rest.split_at_mut(length);
        seal(page);
        rest = next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_files_give_an_answer(
        file in any::<Index>(),
        damages in vec((damage(), any::<bool>()), 1..8),
    ) {
        let mut bytes = file.get(&FILES).clone();
        for (damage, in_header) in &damages {
            apply(&mut bytes, damage, *in_header);
        }
        seal_pages(&mut bytes);
        if let Ok(pcm) = decode(&bytes) {
            prop_assert!(pcm.samples.iter().all(|sample| sample.is_finite()));
        }
    }

    #[test]
    fn noise_gives_an_answer(bytes in vec(any::<u8>(), 0..2_000), start in any::<Index>()) {
        let _ = decode(&bytes);
        // The same behind the beginning of a real file.
        let file = start.get(&FILES);
        let _ = decode(&[&file[..start.index(200)], &bytes].concat());
    }
}
