//! Looks into a ggml file before whisper.cpp reads it.
//!
//! whisper.cpp loads a file without weights ("for tests"), does not notice a file that ends in the
//! middle of its last tensor, and throws a C++ exception, which ends the process, on absurd lengths.
//! So the frame of the file is walked here first: header, vocabulary, and every tensor's place.
//! No weights are read.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::Path,
};

/// First four bytes of a ggml file, little-endian ("ggml").
const MAGIC: u32 = 0x6767_6d6c;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Defect {
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("it is not a ggml file")]
    NotGgml,
    #[error("its {0} is out of range")]
    Implausible(&'static str),
    #[error("it ends too early")]
    Truncated,
    #[error("it has no weights")]
    Weightless,
}

/// What a Whisper model is made of, as far as we need to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// Tokens, special ones included: 51 864 for English-only models, more for others.
    pub(crate) vocabulary: i32,
    pub(crate) audio_layers: i32,
    pub(crate) text_layers: i32,
    /// Attention heads per text layer.
    pub(crate) text_heads: i32,
}

/// Walks a Whisper model file.
pub(crate) fn inspect_whisper(path: &Path) -> Result<Architecture, Defect> {
    let mut file = GgmlFile::open(path)?;
    let vocabulary = file.within("vocabulary", 51_864..=60_000)?;
    file.within("audio context", 1_500..=1_500)?;
    file.within("audio width", 64..=8_192)?;
    file.within("audio head count", 1..=64)?;
    let audio_layers = file.within("audio layer count", 1..=64)?;
    file.within("text context", 448..=448)?;
    file.within("text width", 64..=8_192)?;
    let text_heads = file.within("text head count", 1..=64)?;
    let text_layers = file.within("text layer count", 1..=64)?;
    let mels = file.within("mel band count", 80..=128)?;
    file.within("weight format", 0..=99_999)?;
    file.skip_mel_filters(mels)?;
    file.skip_vocabulary(vocabulary)?;
    file.walk_tensors()?;
    Ok(Architecture {
        vocabulary,
        audio_layers,
        text_layers,
        text_heads,
    })
}

/// Walks a Silero voice activity model file.
pub(crate) fn inspect_vad(path: &Path) -> Result<(), Defect> {
    let mut file = GgmlFile::open(path)?;
    let kind = file.within("model kind", 1..=64)?;
    file.skip(kind)?;
    for _ in 0..3 {
        file.within("version", 0..=1_000)?;
    }
    file.within("window", 512..=512)?;
    file.within("context", 0..=512)?;
    file.within("layer count", 4..=4)?;
    for _ in 0..4 {
        file.within("input channel count", 1..=4_096)?;
        file.within("output channel count", 1..=4_096)?;
        file.within("kernel size", 1..=64)?;
    }
    for _ in 0..4 {
        file.within("width", 1..=4_096)?;
    }
    file.walk_tensors()
}

struct GgmlFile {
    reader: BufReader<File>,
    /// Bytes from the current place to the end.
    left: u64,
}

impl GgmlFile {
    fn open(path: &Path) -> Result<Self, Defect> {
        let file = File::open(path).map_err(Defect::Unreadable)?;
        let left = file.metadata().map_err(Defect::Unreadable)?.len();
        let mut ggml = Self {
            reader: BufReader::new(file),
            left,
        };
        match ggml.number() {
            Ok(magic) if magic.cast_unsigned() == MAGIC => Ok(ggml),
            Err(Defect::Unreadable(error)) => Err(Defect::Unreadable(error)),
            Ok(_) | Err(_) => Err(Defect::NotGgml),
        }
    }

    fn number(&mut self) -> Result<i32, Defect> {
        let mut bytes = [0; 4];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => Defect::Truncated,
                _ => Defect::Unreadable(error),
            })?;
        self.left = self.left.saturating_sub(4);
        Ok(i32::from_le_bytes(bytes))
    }

    fn within(
        &mut self,
        what: &'static str,
        range: std::ops::RangeInclusive<i32>,
    ) -> Result<i32, Defect> {
        let number = self.number()?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(Defect::Implausible(what))
        }
    }

    fn skip(&mut self, bytes: impl Into<i64>) -> Result<(), Defect> {
        let bytes = bytes.into();
        let left = self.left.checked_sub(bytes.unsigned_abs());
        self.left = left.ok_or(Defect::Truncated)?;
        self.reader.seek_relative(bytes).map_err(Defect::Unreadable)
    }

    fn skip_mel_filters(&mut self, mels: i32) -> Result<(), Defect> {
        let bands = self.within("mel filter count", mels..=mels)?;
        let bins = self.within("mel filter width", 1..=4_096)?;
        self.skip(i64::from(bands) * i64::from(bins) * 4)
    }

    fn skip_vocabulary(&mut self, at_most: i32) -> Result<(), Defect> {
        for _ in 0..self.within("token count", 1..=at_most)? {
            let length = self.within("token length", 0..=4_096)?;
            self.skip(length)?;
        }
        Ok(())
    }

    /// Steps from tensor to tensor; the last one must end where the file ends.
    fn walk_tensors(&mut self) -> Result<(), Defect> {
        if self.left == 0 {
            return Err(Defect::Weightless);
        }
        while self.left > 0 {
            let dimensions = self.within("tensor rank", 0..=4)?;
            let name_length = self.within("tensor name", 1..=256)?;
            let (block, block_bytes) = block_layout(self.number()?)?;
            let mut elements = 1_i64;
            for _ in 0..dimensions {
                let size = self.within("tensor size", 1..=i32::MAX)?;
                // More than whisper.cpp's own 32-bit count can hold is out of range as well.
                elements = elements.saturating_mul(i64::from(size));
            }
            if elements > i64::from(i32::MAX) {
                return Err(Defect::Implausible("tensor size"));
            }
            self.skip(name_length)?;
            self.skip(elements / block * block_bytes)?;
        }
        Ok(())
    }
}

/// Elements and bytes per block of a ggml tensor type (`ggml_type` and its block structs in ggml).
fn block_layout(tensor_type: i32) -> Result<(i64, i64), Defect> {
    Ok(match tensor_type {
        0 => (1, 4),      // F32
        1 | 30 => (1, 2), // F16, BF16
        2 => (32, 18),    // Q4_0
        3 => (32, 20),    // Q4_1
        6 => (32, 22),    // Q5_0
        7 => (32, 24),    // Q5_1
        8 => (32, 34),    // Q8_0
        10 => (256, 84),  // Q2_K
        11 => (256, 110), // Q3_K
        12 => (256, 144), // Q4_K
        13 => (256, 176), // Q5_K
        14 => (256, 210), // Q6_K
        _ => return Err(Defect::Implausible("tensor type")),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use voicefleet_testkit::model_file;

    use super::*;

    /// The first `share` of a real file, in a temporary one.
    fn cut(path: &str, share: f64) -> tempfile::NamedTempFile {
        let whole = std::fs::read(model_file(path)).unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a file's length"
        )]
        let length = (whole.len() as f64 * share) as usize;
        with_bytes(&whole[..length])
    }

    fn with_bytes(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// The real file up to its first tensor: what whisper.cpp takes for an "empty model for testing".
    fn without_weights(path: &str) -> tempfile::NamedTempFile {
        let real = model_file(path);
        let mut file = GgmlFile::open(&real).unwrap();
        let header: Vec<i32> = (0..11).map(|_| file.number().unwrap()).collect();
        file.skip_mel_filters(header[9]).unwrap();
        file.skip_vocabulary(header[0]).unwrap();
        let whole = std::fs::read(real).unwrap();
        let tensors = usize::try_from(file.left).unwrap();
        with_bytes(&whole[..whole.len() - tensors])
    }

    #[test]
    fn real_files_pass_and_tell_their_architecture() {
        let base = inspect_whisper(&model_file("whisper/ggml-base-q8_0.bin")).unwrap();
        assert_eq!(
            base,
            Architecture {
                vocabulary: 51_865,
                audio_layers: 6,
                text_layers: 6,
                text_heads: 8
            }
        );
        let tiny = inspect_whisper(&model_file("whisper/ggml-tiny.en.bin")).unwrap();
        assert_eq!((tiny.vocabulary, tiny.text_layers), (51_864, 4));
        inspect_vad(&model_file("vad/ggml-silero-v6.2.0.bin")).unwrap();
    }

    #[test]
    fn a_file_without_weights_is_told_apart() {
        let file = without_weights("whisper/ggml-tiny.en-q8_0.bin");
        assert!(matches!(
            inspect_whisper(file.path()),
            Err(Defect::Weightless)
        ));
    }

    #[test]
    fn a_file_cut_short_anywhere_is_told_apart() {
        for share in [0.000_001, 0.001, 0.2, 0.999_999] {
            let whisper = cut("whisper/ggml-tiny.en-q8_0.bin", share);
            assert!(
                matches!(inspect_whisper(whisper.path()), Err(Defect::Truncated)),
                "whisper {share}"
            );
            let vad = cut("vad/ggml-silero-v6.2.0.bin", share.max(0.000_01));
            assert!(
                matches!(inspect_vad(vad.path()), Err(Defect::Truncated)),
                "vad {share}"
            );
        }
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"gg", b"RIFF....WAVEfmt "] {
            let file = with_bytes(bytes);
            assert!(matches!(inspect_whisper(file.path()), Err(Defect::NotGgml)));
        }
        let vad = model_file("vad/ggml-silero-v6.2.0.bin");
        assert!(matches!(inspect_whisper(&vad), Err(Defect::Implausible(_))));
        let whisper = model_file("whisper/ggml-tiny.en-q8_0.bin");
        assert!(matches!(inspect_vad(&whisper), Err(Defect::Implausible(_))));
        let nowhere = Path::new("/nowhere/model.bin");
        assert!(matches!(
            inspect_whisper(nowhere),
            Err(Defect::Unreadable(_))
        ));
    }
}
