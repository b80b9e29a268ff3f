//! Kokoro: text to speech with the 82-million-parameter Kokoro v1.0 model on ONNX Runtime.
//!
//! The way of a text, and where to begin reading:
//!
//! 1. [`KokoroLoader`] opens the model, the vocabulary and the voices (`loader`, `model`, `vocabulary`,
//!    `voices`);
//! 2. `engine` plans a request: the voice's name tells the language (`language`), the text becomes
//!    sentences of phonemes (`english` with misaki's dictionaries, `foreign` with espeak-ng), sentences
//!    are packed into chunks of a length that the model speaks well (`chunks`);
//! 3. `engine` speaks a chunk: phonemes to token ids, one run of the network with the voice's style for
//!    that length, silence at the edges trimmed (`edges`), what the network cannot speed up shortened (`tempo`), and the pause of the closing
//!    mark added.
//!
//! Voices: the first letter of a voice's name is its language (`af_heart` American, `bm_george` British,
//! `ef_dora` Spanish, ...). A mix of voices speaks the language of its first voice. Japanese and Chinese
//! voices are refused except inside a mix: there is no reader for their scripts here (see `language`).

mod chunks;
mod edges;
mod engine;
mod english;
mod floats;
mod foreign;
mod fused;
mod language;
mod loader;
mod model;
mod sentences;
mod tempo;
mod vocabulary;
mod voices;

pub use floats::model_of_floats;
pub use loader::{KokoroFiles, KokoroLoader, check_device};
pub use voicefleet_onnx::OnnxError;
