//! Convolutions with numbers of 16 bits.
//!
//! A bfloat16 has the range of a float and 8 bits of precision. Weights and input are rounded to them; products and sums
//! are floats, so that the error of a sum is some thousandth of what is summed. The processor multiplies twice as many of them at a
//! time as floats.

use half::bf16;

/// Changes with the order of [packed](pack) weights. Whoever keeps them keeps this with them.
pub const LAYOUT: &str = "1";

/// The largest number of a form: products of three are then far from overflowing.
const LARGEST: usize = 1 << 20;

/// Output channels that are computed together.
pub(crate) const ROWS: usize = 8;

/// The weights of [`ROWS`] output channels for one tap and two input channels.
pub(crate) type Panel = [u32; ROWS];

/// The form of a convolution over time with stride 1.
///
/// A transposed convolution is one too: of the [`phases`](Self::phases) samples that it makes between two others,
/// each is an output of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Channels that go in.
    pub inputs: usize,
    /// Channels that come out, once for each phase: those of one channel side by side.
    pub outputs: usize,
    /// Weights in time.
    pub taps: usize,
    /// Steps of time between taps.
    pub dilation: usize,
    /// Zeros before the first and after the last value.
    pub padding: [usize; 2],
    /// Consecutive samples of a channel that are computed at one step.
    pub phases: usize,
    /// Samples that are left out at the begin and at the end.
    pub cut: [usize; 2],
}

impl Form {
    /// Steps of time between the first and the last tap.
    pub(crate) fn reach(&self) -> usize {
        self.dilation * (self.taps - 1)
    }

    /// Steps that are computed of `length` values.
    pub(crate) fn steps(&self, length: usize) -> usize {
        (self.padding[0] + length + self.padding[1]).saturating_sub(self.reach())
    }

    /// Channels that come out.
    pub fn channels(&self) -> usize {
        self.outputs / self.phases
    }

    /// Samples of each channel that come out of `length` values.
    pub fn length(&self, length: usize) -> usize {
        (self.steps(length) * self.phases).saturating_sub(self.cut[0] + self.cut[1])
    }

    /// Two input channels make a word.
    pub(crate) fn pairs(&self) -> usize {
        self.inputs.div_ceil(2)
    }

    /// How many words [`pack`] makes.
    pub(crate) fn packed_length(&self) -> usize {
        self.outputs.div_ceil(ROWS) * self.taps * self.pairs() * ROWS
    }

    /// Whether each output at each step is a sample.
    pub fn is_plain(&self) -> bool {
        self.phases == 1 && self.cut == [0, 0]
    }

    /// Whether there is such a convolution. What a form says of lengths is only of worth if so.
    pub fn is_sound(&self) -> bool {
        let counts = [
            self.inputs,
            self.outputs,
            self.taps,
            self.dilation,
            self.phases,
        ];
        let lengths = [self.padding, self.cut];
        counts.iter().all(|count| (1..=LARGEST).contains(count))
            && lengths
                .as_flattened()
                .iter()
                .all(|length| *length <= LARGEST)
            && self.outputs.is_multiple_of(self.phases)
    }
}

/// Weights `[outputs][inputs][taps]` as [`Convolution`] reads them: `[outputs / 8][taps][inputs / 2][8]` words of
/// two weights, the first input's in the lower half. What there is not weighs nothing.
///
/// # Panics
/// If there are not as many as the form has.
pub fn pack(form: &Form, weights: &[f32]) -> Vec<u32> {
    let Form { inputs, taps, .. } = *form;
    assert_eq!(weights.len(), form.outputs * inputs * taps, "weights");
    let mut words = vec![0; form.packed_length()];
    let (panels, _) = words.as_chunks_mut::<ROWS>();
    for (output, weights) in weights.chunks_exact(inputs * taps).enumerate() {
        let block = output / ROWS * taps * form.pairs();
        for (input, weights) in weights.chunks_exact(taps).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                let panel = &mut panels[block + tap * form.pairs() + input / 2];
                let bits = u32::from(bf16::from_f32(*weight).to_bits());
                panel[output % ROWS] |= bits << (16 * (input % 2));
            }
        }
    }
    words
}

/// What a convolution runs on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// `[inputs][length]`.
    pub values: &'a [f32],
    /// Steps of time. Not zero.
    pub length: usize,
    /// Negative values are multiplied by this first: 1 leaves them as they are. From 0 to 1.
    pub slope: f32,
    /// Each as long as the output, to which they are added. Only for one phase without cuts.
    pub added: &'a [&'a [f32]],
}

/// Memory that one run needs and the next can use again: two bytes for each number of a thousand steps of the input.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The rounded input: rows of words, a word is two channels at one time.
    pub(crate) words: Vec<u32>,
    /// As much of it as is worked on together.
    pub(crate) tile: Vec<u32>,
}

/// A convolution with weights that were [packed](pack).
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a> {
    form: Form,
    panels: &'a [Panel],
    bias: &'a [f32],
}

impl<'a> Convolution<'a> {
    /// The convolution with these weights and one bias for each output; nothing if there are not as many as the form has, or
    /// if it has none.
    pub fn new(form: Form, packed: &'a [u32], bias: &'a [f32]) -> Option<Self> {
        let fits =
            form.is_sound() && packed.len() == form.packed_length() && bias.len() == form.outputs;
        fits.then_some(Self {
            form,
            panels: packed.as_chunks().0,
            bias,
        })
    }

    /// Runs the convolution into `output` (`[channels][samples]`).
    ///
    /// # Panics
    /// If a slice has not the length that the form and the input's length ask for, or if the processor cannot
    /// ([`is_supported`]).
    pub fn apply(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        let form = &self.form;
        assert!(input.length > 0, "an input of no length");
        assert_eq!(input.values.len(), form.inputs * input.length, "values");
        let made = form.channels() * form.length(input.length);
        assert_eq!(output.len(), made, "output");
        assert!(input.added.iter().all(|added| added.len() == made), "added");
        assert!(input.added.is_empty() || form.is_plain(), "phases or cuts");
        self.run(input, scratch, output);
    }

    #[cfg(target_arch = "x86_64")]
    fn run(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        assert!(is_supported(), "no AVX-512 with bfloat16");
        #[expect(unsafe_code, reason = "the processor's own instructions")]
        // SAFETY: the processor has them, by the assertion.
        unsafe {
            crate::avx512::bfloat16::run(self, input, scratch, output);
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn run(&self, _: &Input<'_>, _: &mut Scratch, _: &mut [f32]) {
        panic!("no AVX-512 with bfloat16");
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// Blocks of [`ROWS`] outputs: their panels `[taps][pairs]`, and the biases of those that there are.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (&'a [Panel], &'a [f32])> + Clone {
        let panels = self.form.taps * self.form.pairs();
        self.panels.chunks_exact(panels).zip(self.bias.chunks(ROWS))
    }
}

/// Whether this processor has the instructions that [`Convolution::apply`] needs: Intel servers since 2020 (Cooper Lake) but for
/// Ice Lake, AMD since 2022 (Zen 4).
pub fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}
