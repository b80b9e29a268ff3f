//! Convolutions as they stand in the network.

use voicefleet_convolution::bfloat16::Form;
use voicefleet_onnx::graph::{Node, Tensor};

use super::{kernels::Convolved, writer::Writer};
use crate::vits::reach::Reach;

impl Writer<'_, '_> {
    /// Writes a convolution, or one for each slice of its channels; says which values are made.
    pub(super) fn write_convolution(
        &mut self,
        node: &Node,
        scale: f32,
        reach: Reach,
    ) -> Result<Vec<String>, String> {
        let weights = self.weights(node)?;
        let values = scaled(weights, scale)?;
        let [outputs, inputs, taps] = weights.dims[..] else {
            return Err("a convolution is not one-dimensional".to_owned());
        };
        if node.attribute("auto_pad").is_some() || !matches!(node.ints("strides"), [] | [1]) {
            return Err("a convolution has strides".to_owned());
        }
        let groups = node.int("group").unwrap_or(1);
        let apart = node.ints("dilations").first().copied().unwrap_or(1);
        let [before, after] = pads(node)?;
        let bias = self.bias(node)?;
        let mut slices = self.slices(node, outputs);
        if slices.is_empty() || groups != 1 {
            slices = vec![(node.output[0].clone(), 0..as_usize(outputs))];
        }
        let image = self.image(&node.input[0]);
        let per_output = as_usize(inputs * taps);
        let mut made = Vec::new();
        for (output, range) in slices {
            self.write_convolved(&Convolved {
                form: Form {
                    inputs: as_usize(inputs * groups),
                    outputs: range.len(),
                    taps: as_usize(taps),
                    dilation: as_usize(apart),
                    padding: [as_usize(before), as_usize(after)],
                    phases: 1,
                    cut: [0, 0],
                },
                groups: as_usize(groups),
                image: &image,
                weights: &values[range.start * per_output..range.end * per_output],
                bias: bias.as_ref().map(|bias| &bias[range]),
                output: &output,
            })?;
            let ahead = (taps - 1) * apart - before;
            self.reaches.set(&output, reach.convolved(before, ahead));
            made.push(output);
        }
        Ok(made)
    }

    /// The biases of a node, one for each of its channels.
    pub(super) fn bias(&self, node: &Node) -> Result<Option<Vec<f32>>, String> {
        match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => Ok(Some(scaled(self.constant(name)?, 1.0)?)),
            None => Ok(None),
        }
    }

    /// The slices of channels that all users of the node's output take; empty if some take something else.
    fn slices(&self, node: &Node, channels: i64) -> Vec<(String, std::ops::Range<usize>)> {
        let users = self.simple.consumers.get(node.output[0].as_str());
        let slice = |user: &&Node| {
            let ints = |at: usize| self.constants.get(user.input.get(at)?.as_str())?.ints();
            let steps = ints(4).unwrap_or_else(|| vec![1]);
            if user.op_type != "Slice" || ints(3)? != [1] || steps != [1] {
                return None;
            }
            let [begin] = ints(1)?[..] else { return None };
            let [end] = ints(2)?[..] else { return None };
            let range = usize::try_from(begin).ok()?..as_usize(end.min(channels));
            (range.start < range.end).then(|| (user.output[0].clone(), range))
        };
        let users = users.map_or(&[][..], Vec::as_slice);
        users
            .iter()
            .map(slice)
            .collect::<Option<_>>()
            .unwrap_or_default()
    }
}

/// Zeros before and after.
pub(super) fn pads(node: &Node) -> Result<[i64; 2], String> {
    match *node.ints("pads") {
        [] => Ok([0, 0]),
        [before, after] if before >= 0 && after >= 0 => Ok([before, after]),
        _ => Err("a convolution's pads are of an unknown kind".to_owned()),
    }
}

pub(super) fn scaled(tensor: &Tensor, scale: f32) -> Result<Vec<f32>, String> {
    let mut values = tensor
        .floats()
        .ok_or_else(|| format!("'{}' does not hold 32-bit numbers", tensor.name))?;
    let length: i64 = tensor.dims.iter().product();
    if values.len() != as_usize(length) {
        return Err(format!(
            "'{}' has not as many numbers as it says",
            tensor.name
        ));
    }
    for value in &mut values {
        *value *= scale;
    }
    Ok(values)
}

/// Lengths in a file that was read are not negative, but for one that is broken.
pub(super) fn as_usize(length: i64) -> usize {
    usize::try_from(length).unwrap_or(0)
}
