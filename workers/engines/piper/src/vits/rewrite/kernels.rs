//! What computes the convolutions: our operator, or ONNX Runtime's kernels for two dimensions.

use voicefleet_convolution::{
    Instructions,
    bfloat16::{Form, pack},
};
use voicefleet_onnx::graph::{Node, Tensor};

use super::{Precision, writer::Writer};
use crate::vits::operator;

/// A convolution that is to be written.
pub(super) struct Convolved<'a> {
    pub(super) form: Form,
    /// Groups of channels that are convolved by themselves.
    pub(super) groups: usize,
    pub(super) image: &'a str,
    /// `[outputs][inputs of a group][taps]`.
    pub(super) weights: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) output: &'a str,
}

impl Writer<'_, '_> {
    pub(super) fn write_convolved(&mut self, convolved: &Convolved<'_>) -> Result<(), String> {
        if !convolved.form.is_sound() || convolved.groups == 0 {
            return Err(format!("'{}' is no convolution", convolved.output));
        }
        // Ours has no groups; ONNX Runtime computes such a one in either case.
        match self.precision {
            Precision::Bfloat16(instructions) if convolved.groups == 1 => {
                self.write_ours(instructions, convolved);
            }
            Precision::Bfloat16(_) | Precision::Single => self.write_blocked(convolved),
        }
        Ok(())
    }

    fn write_ours(&mut self, instructions: Instructions, convolved: &Convolved<'_>) {
        let Convolved { form, output, .. } = convolved;
        let words = pack(instructions, form, convolved.weights);
        let weights = self.write_constant("weights", output, bytemuck::cast_slice(&words));
        let none = vec![0.0; form.outputs];
        let bias = self.write_constant("bias", output, convolved.bias.unwrap_or(&none));
        let inputs = [convolved.image, &weights, &bias];
        self.nodes.push(operator::node(form, inputs, output));
    }

    fn write_constant(&mut self, what: &str, output: &str, values: &[f32]) -> String {
        let name = format!("{what} of {output}");
        self.write(Tensor::of_floats(&name, &[as_i64(values.len())], values))
    }

    fn write_blocked(&mut self, convolved: &Convolved<'_>) {
        let Convolved { form, output, .. } = convolved;
        let [outputs, inputs, taps] =
            [form.outputs, form.inputs / convolved.groups, form.taps].map(as_i64);
        let dims = [outputs, inputs, 1, taps];
        let kernel = Tensor::of_floats(&format!("weights of {output}"), &dims, convolved.weights);
        let mut taken = vec![convolved.image.to_owned(), self.write(kernel)];
        if let Some(bias) = convolved.bias {
            taken.push(self.write_constant("bias", output, bias));
        }
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        let [before, after] = form.padding.map(as_i64);
        let phases = format!("{output}, phases");
        let made = if form.is_plain() {
            output
        } else {
            phases.as_str()
        };
        self.nodes.push(
            Node::new("Conv", &taken, made)
                .with_ints("kernel_shape", &[1, taps])
                .with_ints("dilations", &[1, as_i64(form.dilation)])
                .with_ints("pads", &[0, before, 0, after])
                .with_ints("strides", &[1, 1])
                .with_int("group", as_i64(convolved.groups)),
        );
        if !form.is_plain() {
            self.write_reordering(form, made, output);
        }
    }

    /// Puts the samples that were computed as channels side by side.
    fn write_reordering(&mut self, form: &Form, phases: &str, output: &str) {
        let step = |what: &str| format!("{output}, {what}");
        let channels = as_i64(form.channels());
        let apart = [1, channels, as_i64(form.phases), -1];
        let apart = self.write(Tensor::of_ints(&step("channels, phases"), &apart));
        let joined = self.write(Tensor::of_ints(&step("channels"), &[1, channels, 1, -1]));
        let [begin, end] = form.cut.map(as_i64);
        let begin = self.write(Tensor::of_ints(&step("begin"), &[begin]));
        let end = if end == 0 { i64::MAX } else { -end };
        let end = self.write(Tensor::of_ints(&step("end"), &[end]));
        let time = self.write(Tensor::of_ints("axis of time", &[3]));
        let between = [step("apart"), step("in order"), step("joined"), step("cut")];
        self.nodes.extend([
            Node::new("Reshape", &[phases, &apart], &between[0]),
            Node::new("Transpose", &[&between[0]], &between[1]).with_ints("perm", &[0, 1, 3, 2]),
            Node::new("Reshape", &[&between[1], &joined], &between[2]),
            Node::new("Slice", &[&between[2], &begin, &end, &time], &between[3]),
            // The largest of one: ONNX Runtime blocks its channels, and those of all that comes of it.
            Node::new("MaxPool", &[&between[3]], output)
                .with_ints("kernel_shape", &[1, 1])
                .with_ints("strides", &[1, 1]),
        ]);
    }
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
