//! What goes into a model and what comes out.

/// What a model computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// One core of the CPU for each lane, weights of 8 bits.
    #[default]
    Cpu,
    /// A GPU with CUDA, by its number from 0; weights of 8 bits, computing in 16.
    Cuda(u16),
}

/// Log-mel spectrograms of equal length: `rows` of `bands` of `frames` values, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Spectrograms.
    pub rows: usize,
    /// Mel bands of each.
    pub bands: usize,
    /// Frames of 10 ms of each, at most 3,000.
    pub frames: usize,
    /// All values, `rows * bands * frames`.
    pub values: Vec<f32>,
}

/// How to write down what was encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// Texts that are followed side by side; 1 takes the most probable token each time.
    pub beam_size: usize,
    /// 0 takes what is most probable, more draws at random.
    pub temperature: f32,
    /// Texts that are drawn where the temperature is above 0; the best one is returned.
    pub candidates: usize,
    /// Tokens of a text at most, its prompt included.
    pub max_length: usize,
}

/// A text that was generated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// Its tokens, without the prompt and without the end of text.
    pub tokens: Vec<usize>,
    /// Mean of the log probabilities of its tokens (what CTranslate2 calls its score, length penalty 1).
    pub score: f32,
    /// Probability that nobody speaks.
    pub no_speech: f32,
}

/// When the tokens of a text were said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alignment {
    /// A path through tokens and positions of the encoder (20 ms): (token, position) pairs that grow by at most one each.
    pub path: Vec<(usize, usize)>,
    /// The probability of each token.
    pub probabilities: Vec<f32>,
}
