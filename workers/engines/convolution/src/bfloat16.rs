//! Convolutions with numbers of 16 bits.
//!
//! A bfloat16 has the range of a float and 8 bits of precision. Weights and input are rounded to them; products and sums
//! are floats, so that the error of a sum is some thousandth of what is summed. The processor multiplies twice as many of them at a
//! time as floats.

use half::bf16;

use crate::{FURTHEST, Instructions, order::Order};

/// The largest number of a form: products of three are then far from overflowing.
const LARGEST: usize = 1 << 20;

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
    fn pairs(&self) -> usize {
        self.inputs.div_ceil(2)
    }

    /// The order of packed weights.
    pub(crate) fn order(&self, instructions: Instructions) -> Order {
        Order {
            instructions,
            outputs: self.outputs,
            taps: self.taps,
            words: self.pairs(),
        }
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
            && self.reach() <= FURTHEST
    }
}

/// Weights `[outputs][inputs][taps]` as [`Convolution`] reads them with these instructions: words of two weights, the first
/// input's in the lower half.
///
/// # Panics
/// If there are not as many as the form has.
pub fn pack(instructions: Instructions, form: &Form, weights: &[f32]) -> Vec<u32> {
    let Form { inputs, taps, .. } = *form;
    assert_eq!(weights.len(), form.outputs * inputs * taps, "weights");
    let order = form.order(instructions);
    let mut words = vec![0; order.length()];
    for (output, weights) in weights.chunks_exact(inputs * taps).enumerate() {
        for (input, weights) in weights.chunks_exact(taps).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                let bits = u32::from(bf16::from_f32(*weight).to_bits());
                words[order.index(output, tap, input / 2)] |= bits << (16 * (input % 2));
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
    instructions: Instructions,
    form: Form,
    packed: &'a [u32],
    bias: &'a [f32],
}

impl<'a> Convolution<'a> {
    /// The convolution with these weights, packed for these instructions, and one bias for each output; nothing if there are
    /// not as many as the form has, or if it has none.
    pub fn new(
        instructions: Instructions,
        form: Form,
        packed: &'a [u32],
        bias: &'a [f32],
    ) -> Option<Self> {
        let fits = form.is_sound()
            && packed.len() == form.order(instructions).length()
            && bias.len() == form.outputs;
        fits.then_some(Self {
            instructions,
            form,
            packed,
            bias,
        })
    }

    /// Runs the convolution into `output` (`[channels][samples]`).
    ///
    /// # Panics
    /// If a slice has not the length that the form and the input's length ask for, or if the processor has not the
    /// [`Instructions`].
    pub fn apply(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        let form = &self.form;
        assert!(input.length > 0, "an input of no length");
        assert_eq!(input.values.len(), form.inputs * input.length, "values");
        let made = form.channels() * form.length(input.length);
        assert_eq!(output.len(), made, "output");
        assert!(input.added.iter().all(|added| added.len() == made), "added");
        assert!(input.added.is_empty() || form.is_plain(), "phases or cuts");
        let mut able = Instructions::all_for_bfloat16();
        assert!(
            able.any(|able| able == self.instructions),
            "{:?} for bfloat16 are not there",
            self.instructions
        );
        self.run(input, scratch, output);
    }

    #[cfg(target_arch = "x86_64")]
    fn run(&self, input: &Input<'_>, scratch: &mut Scratch, output: &mut [f32]) {
        #[expect(unsafe_code, reason = "the processor's own instructions")]
        // SAFETY: the processor has them, by the assertion above; tiles are there with vectors only.
        unsafe {
            crate::avx512::bfloat16::run(self, input, scratch, output);
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn run(&self, _: &Input<'_>, _: &mut Scratch, _: &mut [f32]) {
        unreachable!("no instructions are there");
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    pub(crate) fn order(&self) -> Order {
        self.form.order(self.instructions)
    }

    pub(crate) fn packed(&self) -> &'a [u32] {
        self.packed
    }

    pub(crate) fn bias(&self) -> &'a [f32] {
        self.bias
    }
}
