//! Transposed convolutions as convolutions.

use voicefleet_convolution::bfloat16::Form;
use voicefleet_onnx::graph::Node;

use super::{
    convolution::{as_usize, pads, scaled},
    kernels::Convolved,
    writer::Writer,
};
use crate::vits::reach::Reach;

impl Writer<'_, '_> {
    /// Writes a transposed convolution with `stride` × n taps: each input sample makes `stride` output
    /// samples (phases) from n inputs.
    pub(super) fn write_upsampling(
        &mut self,
        node: &Node,
        scale: f32,
        reach: Reach,
    ) -> Result<(), String> {
        let weights = self.weights(node)?;
        let [inputs, outputs, taps] = weights.dims[..] else {
            return Err("a transposed convolution is not one-dimensional".to_owned());
        };
        let stride = node.ints("strides").first().copied().unwrap_or(1);
        let [before, after] = pads(node)?;
        let plain = node.int("group").unwrap_or(1) == 1
            && matches!(node.ints("dilations"), [] | [1])
            && matches!(node.ints("output_padding"), [] | [0])
            && node.ints("output_shape").is_empty()
            && node.attribute("auto_pad").is_none();
        if !plain || taps % stride != 0 {
            return Err("a transposed convolution is of an unknown kind".to_owned());
        }
        let output = &node.output[0];
        let phases = by_phase(&scaled(weights, scale)?, [inputs, outputs, taps], stride);
        let reads = taps / stride;
        let bias = self.bias(node)?.map(|bias| {
            let repeated = |value| std::iter::repeat_n(value, as_usize(stride));
            bias.into_iter().flat_map(repeated).collect::<Vec<_>>()
        });
        self.reaches.set(output, reach.upsampled(stride, taps));
        self.write_convolved(&Convolved {
            form: Form {
                inputs: as_usize(inputs),
                outputs: as_usize(outputs * stride),
                taps: as_usize(reads),
                dilation: 1,
                padding: [as_usize(reads - 1); 2],
                phases: as_usize(stride),
                cut: [as_usize(before), as_usize(after)],
            },
            groups: 1,
            image: &self.image(&node.input[0]),
            weights: &phases,
            bias: bias.as_deref(),
            output,
        })
    }
}

/// Weights `[inputs, outputs, taps]` of a transposed convolution as those of a convolution,
/// `[outputs, phases, inputs, taps of a phase]`.
fn by_phase(weights: &[f32], [inputs, outputs, taps]: [i64; 3], stride: i64) -> Vec<f32> {
    let [inputs, outputs, taps, stride] = [inputs, outputs, taps, stride].map(as_usize);
    let reads = taps / stride;
    let mut phases = Vec::with_capacity(weights.len());
    for output in 0..outputs {
        for phase in 0..stride {
            for input in 0..inputs {
                for read in 0..reads {
                    // A convolution reads forward in time, a transposed one backward.
                    let tap = phase + stride * (reads - 1 - read);
                    phases.push(weights[(input * outputs + output) * taps + tap]);
                }
            }
        }
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_has_every_stride_th_tap_the_latest_first() {
        // One input, one output, four taps, two phases.
        let phases = by_phase(&[0.0, 1.0, 2.0, 3.0], [1, 1, 4], 2);
        assert_eq!(phases, [2.0, 0.0, 3.0, 1.0]);
    }
}
