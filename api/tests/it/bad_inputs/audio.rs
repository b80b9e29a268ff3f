//! Bytes that are audio, or look as if they were.

/// A second of it is 16 000 samples.
const WAV_RATE: u32 = 16_000;

/// Sample rate and samples per frame of [`silent_flac`]: the longest frames that FLAC has.
const FLAC_RATE: u32 = 8_000;
const FLAC_BLOCK: u16 = 65_535;

/// Bytes without any meaning, always the same.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// A WAV file with a tone in it.
pub(crate) fn tone_wav(seconds: u32) -> Vec<u8> {
    let sample = |n: u32| if n % 40 < 20 { 8_000_i16 } else { -8_000 };
    let data: Vec<u8> = (0..seconds * WAV_RATE)
        .flat_map(|n| sample(n).to_le_bytes())
        .collect();
    let size = u32::try_from(data.len()).expect("short");
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&WAV_RATE.to_le_bytes());
    wav.extend_from_slice(&(WAV_RATE * 2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&data);
    wav
}

/// A FLAC file of digital silence: two bytes for a second of it.
pub(crate) fn silent_flac(seconds: u32) -> Vec<u8> {
    let frames = (seconds * FLAC_RATE).div_ceil(u32::from(FLAC_BLOCK));
    let mut flac = b"fLaC\x80\0\0\x22".to_vec();
    flac.extend_from_slice(&stream_info(u64::from(frames) * u64::from(FLAC_BLOCK)));
    for number in 0..frames {
        flac.extend_from_slice(&silent_frame(number));
    }
    flac
}

/// RFC 9639, 8.2: block sizes, no frame sizes, rate, one channel, 16 bits, samples, no checksum.
fn stream_info(samples: u64) -> Vec<u8> {
    let mut info = [FLAC_BLOCK.to_be_bytes(), FLAC_BLOCK.to_be_bytes()].concat();
    info.extend_from_slice(&[0; 6]);
    let packed = (u64::from(FLAC_RATE) << 44) | (15 << 36) | samples;
    info.extend_from_slice(&packed.to_be_bytes());
    info.extend_from_slice(&[0; 16]);
    info
}

/// RFC 9639, 9: a frame with one constant subframe of zero.
fn silent_frame(number: u32) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf8, 0x70, 0x08];
    frame.extend_from_slice(&coded_number(number));
    frame.extend_from_slice(&(FLAC_BLOCK - 1).to_be_bytes());
    frame.push(crc8(&frame));
    frame.extend_from_slice(&[0; 3]);
    let checksum = crc16(&frame);
    frame.extend_from_slice(&checksum.to_be_bytes());
    frame
}

/// Numbers in frames are coded as UTF-8 codes characters.
fn coded_number(number: u32) -> Vec<u8> {
    let character = char::from_u32(number).expect("fewer frames than there are surrogates");
    character.to_string().into_bytes()
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc: u8, byte| {
        (0..8).fold(crc ^ byte, |crc, _| {
            (crc << 1) ^ if crc & 0x80 == 0 { 0 } else { 0x07 }
        })
    })
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x8005 }
        })
    })
}
