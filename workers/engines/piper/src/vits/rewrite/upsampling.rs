//! Transposed convolutions as convolutions.

use voicefleet_onnx::graph::{Node, Tensor};

use super::{
    convolution::{as_usize, pads, scaled},
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
        let dims = [outputs * stride, inputs, 1, reads];
        let kernel = self.write(Tensor::of_floats(
            &format!("weights of {output}"),
            &dims,
            &phases,
        ));
        let mut taken = vec![self.image(&node.input[0]), kernel];
        if let Some(name) = node.input.get(2).filter(|name| !name.is_empty()) {
            let bias = scaled(self.constant(name)?, 1.0)?;
            let repeated: Vec<f32> = (bias.iter())
                .flat_map(|value| std::iter::repeat_n(*value, as_usize(stride)))
                .collect();
            let bias = Tensor::of_floats(&format!("bias of {output}"), &dims[..1], &repeated);
            taken.push(self.write(bias));
        }
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        let step = |what: &str| format!("{output}, {what}");
        self.nodes.push(
            Node::new("Conv", &taken, &step("phases"))
                .with_ints("kernel_shape", &[1, reads])
                .with_ints("pads", &[0, reads - 1, 0, reads - 1])
                .with_ints("strides", &[1, 1]),
        );
        let apart = self.write(Tensor::of_ints(
            &step("channels, phases"),
            &[1, outputs, stride, -1],
        ));
        let joined = self.write(Tensor::of_ints(&step("channels"), &[1, outputs, 1, -1]));
        let begin = self.write(Tensor::of_ints(&step("begin"), &[before]));
        let end = if after == 0 { i64::MAX } else { -after };
        let end = self.write(Tensor::of_ints(&step("end"), &[end]));
        let time = self.write(Tensor::of_ints("axis of time", &[3]));
        let between = [step("apart"), step("in order"), step("joined"), step("cut")];
        self.nodes.extend([
            Node::new("Reshape", &[&step("phases"), &apart], &between[0]),
            Node::new("Transpose", &[&between[0]], &between[1]).with_ints("perm", &[0, 1, 3, 2]),
            Node::new("Reshape", &[&between[1], &joined], &between[2]),
            Node::new("Slice", &[&between[2], &begin, &end, &time], &between[3]),
            // The largest of one: ONNX Runtime blocks its channels, and those of all that comes of it.
            Node::new("MaxPool", &[&between[3]], output)
                .with_ints("kernel_shape", &[1, 1])
                .with_ints("strides", &[1, 1]),
        ]);
        self.reaches.set(output, reach.upsampled(stride, taps));
        Ok(())
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
