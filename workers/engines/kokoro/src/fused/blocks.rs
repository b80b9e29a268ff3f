//! Finding the blocks of a network, and putting one node in the place of each.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use bytes::Bytes;
use voicefleet_convolution::{Convolution, Instructions, Shape, Weights};
use voicefleet_onnx::graph::{Network, Node, Tensor};

use super::{DOMAIN, NUMBER, OPERATOR, pattern::Pattern};

/// What one of our nodes computes.
#[derive(Debug)]
pub(super) struct Block {
    /// The convolution, packed by whoever asks first.
    pub(super) convolution: LazyLock<Convolution, Pack>,
    /// What is added to the variance, if the input is normalised. The second and third input of the node
    /// are then gain and shift.
    pub(super) epsilon: Option<f32>,
    /// What bends the input.
    pub(super) bend: Bend,
    /// Whether the last input of the node is added to the output.
    pub(super) adds: bool,
}

/// Packs a convolution. It holds the weights as they are in the file.
type Pack = Box<dyn FnOnce() -> Convolution + Send>;

/// What bends the input.
#[derive(Debug)]
pub(super) enum Bend {
    None,
    /// The slope of what is negative.
    LeakyRelu(f32),
    /// A factor for each channel, and its inverse.
    Snake {
        alpha: Vec<f32>,
        inverse: Vec<f32>,
    },
}

impl Bend {
    /// Whether it can bend so many channels.
    fn is_for(&self, channels: usize) -> bool {
        match self {
            Self::None | Self::LeakyRelu(_) => true,
            Self::Snake { alpha, inverse } => alpha.len() == channels && inverse.len() == channels,
        }
    }
}

/// Puts a node in the place of each block, to be computed by these instructions. What made the values in between stays, for others that use them.
pub(super) fn replace(network: &mut Network, instructions: Instructions) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut nodes = HashMap::new();
    let pattern = Pattern::of(network);
    let mut taken = HashSet::new();
    let convolutions = network.graph().node.iter();
    for node in convolutions.filter(|node| node.op_type == "ConvInteger") {
        let Some(found) = find(&pattern, node, &mut taken, instructions) else {
            continue;
        };
        nodes.insert(found.output.to_owned(), found.node(blocks.len()));
        blocks.push(found.block);
    }
    for node in &mut network.graph_mut().node {
        if let [output] = node.output.as_slice()
            && let Some(fused) = nodes.remove(output)
        {
            *node = fused;
        }
    }
    blocks
}

/// A block, and the values that go in and come out.
struct Found<'a> {
    block: Block,
    inputs: Vec<&'a str>,
    output: &'a str,
}

impl Found<'_> {
    fn node(&self, number: usize) -> Node {
        let mut node = Node::new(OPERATOR, &self.inputs, self.output)
            .with_int(NUMBER, i64::try_from(number).unwrap_or(i64::MAX));
        node.domain = Some(DOMAIN.to_owned());
        node
    }
}

/// The block around the convolution `node`. `taken` are sums that are part of another one.
fn find<'a>(
    pattern: &Pattern<'a>,
    node: &'a Node,
    taken: &mut HashSet<&'a str>,
    instructions: Instructions,
) -> Option<Found<'a>> {
    let [bytes, weights, _, zero] = node.input.as_slice() else {
        return None;
    };
    let quantise = pattern.made_by(bytes, "DynamicQuantizeLinear")?;
    let [value] = quantise.input.as_slice() else {
        return None;
    };
    let weights = pattern.constant(weights)?;
    let shape = shape(node, weights)?;
    let scaled = scaled_back(pattern, node, quantise.output.get(1)?)?;
    let bent = bent(pattern, value);
    if !bent.bend.is_for(shape.inputs) {
        return None;
    }
    let normalised = normalised(pattern, bent.value);
    let mut inputs = match &normalised {
        Some(normal) => vec![normal.value, normal.gain, normal.shift],
        None => vec![bent.value],
    };
    let sum =
        (pattern.used_by(scaled.output, "Add")).filter(|sum| taken.insert(sum.output[0].as_str()));
    let mut output = scaled.output;
    if let Some(sum) = sum {
        output = sum.output.first()?;
        inputs.extend(
            sum.input
                .iter()
                .find(|input| *input != scaled.output)
                .map(String::as_str),
        );
    }
    let zero = *bytes_of(pattern.constant(zero)?)?.first()?;
    let weights = Weights::new(
        shape,
        bytes_of(weights)?,
        zero,
        scaled.scale,
        scaled.bias.as_deref(),
    );
    let weights = weights.ok()?;
    Some(Found {
        block: Block {
            convolution: LazyLock::new(Box::new(move || weights.pack(instructions))),
            epsilon: normalised.map(|normal| normal.epsilon),
            bend: bent.bend,
            adds: sum.is_some(),
        },
        inputs,
        output,
    })
}

/// The shape of a convolution with stride 1, if its output is as long as its input.
fn shape(node: &Node, weights: &Tensor) -> Option<Shape> {
    let [outputs, inputs, taps] = weights.dims.as_slice() else {
        return None;
    };
    let size = |number: &i64| usize::try_from(*number).ok();
    let dilation = match node.ints("dilations") {
        [] => 1,
        [dilation] => size(dilation)?,
        _ => return None,
    };
    let shape = Shape {
        inputs: size(inputs)?,
        outputs: size(outputs)?,
        taps: size(taps)?,
        dilation,
    };
    let padding = i64::try_from(shape.padding()).ok()?;
    let is_same = matches!(node.ints("strides"), [] | [1])
        && node.ints("pads") == [padding, padding]
        && node.int("group").unwrap_or(1) == 1;
    is_same.then_some(shape)
}

/// The numbers of a constant of bytes, which a file may have as bytes or as words.
fn bytes_of(tensor: &Tensor) -> Option<Bytes> {
    /// `TensorProto.DataType.UINT8`.
    const UINT8: i32 = 2;
    if tensor.data_type != UINT8 {
        return None;
    }
    if let Some(raw) = &tensor.raw_data {
        return Some(raw.clone());
    }
    let words = tensor.int32_data.iter();
    words.map(|word| u8::try_from(*word).ok()).collect()
}

/// What makes floats of the integers again.
struct Scaled<'a> {
    /// Of the weights.
    scale: f32,
    bias: Option<Vec<f32>>,
    output: &'a str,
}

/// The integers of `node`, plus a bias, times the scale of the input and that of the weights.
fn scaled_back<'a>(pattern: &Pattern<'a>, node: &'a Node, input: &str) -> Option<Scaled<'a>> {
    let integers = node.output.first()?;
    let (integers, bias) = match pattern.used_by(integers, "Add") {
        None => (integers, None),
        Some(sum) => {
            let bias = sum.input.iter().find(|input| *input != integers)?;
            (sum.output.first()?, Some(bias_of(pattern, bias)?))
        }
    };
    let floats = pattern.used_by(integers, "Cast")?.output.first()?;
    let scaled = pattern.used_by(floats, "Mul")?;
    let scale = scaled.input.iter().find(|input| *input != floats)?;
    let scale = pattern.either_way(scale, "Mul", |left, right| {
        (left == input).then(|| pattern.number(right)).flatten()
    })?;
    Some(Scaled {
        scale,
        bias,
        output: scaled.output.first()?,
    })
}

/// The bias before it was rounded to a step of the product.
fn bias_of(pattern: &Pattern<'_>, integers: &str) -> Option<Vec<f32>> {
    let shaped = pattern.made_by(integers, "Reshape")?;
    let cast = pattern.made_by(shaped.input.first()?, "Cast")?;
    let floor = pattern.made_by(cast.input.first()?, "Floor")?;
    let steps = pattern.made_by(floor.input.first()?, "Div")?;
    pattern.floats(steps.input.first()?)
}

/// A value before it was bent.
struct Bent<'a> {
    bend: Bend,
    value: &'a str,
}

fn bent<'a>(pattern: &Pattern<'a>, value: &'a str) -> Bent<'a> {
    let leaky = |node: &'a Node| {
        Some(Bent {
            bend: Bend::LeakyRelu(node.attribute("alpha")?.f?),
            value: node.input.first()?,
        })
    };
    (pattern.made_by(value, "LeakyRelu").and_then(leaky))
        .or_else(|| snake(pattern, value))
        .unwrap_or(Bent {
            bend: Bend::None,
            value,
        })
}

/// `x + inverse * sin(alpha * x)^2`.
fn snake<'a>(pattern: &Pattern<'a>, value: &str) -> Option<Bent<'a>> {
    pattern.either_way(value, "Add", |value, wave| {
        pattern.either_way(wave, "Mul", |inverse, square| {
            let inverse = pattern.floats(inverse)?;
            let power = pattern.made_by(square, "Pow")?;
            let [sine, exponent] = power.input.as_slice() else {
                return None;
            };
            let sine = pattern.made_by(sine, "Sin")?;
            let alpha = pattern.either_way(sine.input.first()?, "Mul", |alpha, same| {
                (same == value).then(|| pattern.floats(alpha)).flatten()
            })?;
            let is_square = pattern
                .number(exponent)
                .is_some_and(|number| (number - 2.0).abs() < f32::EPSILON);
            is_square.then_some(Bent {
                bend: Bend::Snake { alpha, inverse },
                value,
            })
        })
    })
}

/// A value before it was normalised over time.
struct Normalised<'a> {
    value: &'a str,
    gain: &'a str,
    shift: &'a str,
    epsilon: f32,
}

/// `gain * (x - mean(x)) / sqrt(variance(x) + epsilon) + shift`.
fn normalised<'a>(pattern: &Pattern<'a>, value: &str) -> Option<Normalised<'a>> {
    let mean_of = |value: &str| {
        let mean = pattern.made_by(value, "ReduceMean")?;
        let axes = pattern.constant(mean.input.get(1)?)?.ints()?;
        matches!(*axes, [2 | -1]).then_some(mean.input.first()?.as_str())
    };
    pattern.either_way(value, "Add", |gained, shift| {
        pattern.either_way(gained, "Mul", |gain, normal| {
            let divided = pattern.made_by(normal, "Div")?;
            let [distance, deviation] = divided.input.as_slice() else {
                return None;
            };
            let minus = pattern.made_by(distance, "Sub")?;
            let [value, mean] = minus.input.as_slice() else {
                return None;
            };
            let root = pattern.made_by(deviation, "Sqrt")?;
            let variance = pattern.either_way(root.input.first()?, "Add", |variance, epsilon| {
                Some((mean_of(variance)?, pattern.number(epsilon)?))
            });
            let (squares, epsilon) = variance?;
            let square = pattern.made_by(squares, "Mul")?;
            let is_normal =
                mean_of(mean)? == value && square.input.iter().all(|input| input == distance);
            is_normal.then_some(Normalised {
                value,
                gain,
                shift,
                epsilon,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_a_factor_of_its_own() {
        let snake = |alpha: usize, inverse: usize| Bend::Snake {
            alpha: vec![1.0; alpha],
            inverse: vec![1.0; inverse],
        };
        assert!(snake(3, 3).is_for(3));
        assert!(!snake(1, 1).is_for(3), "one for all of them");
        assert!(!snake(3, 1).is_for(3));
        assert!(Bend::LeakyRelu(0.1).is_for(3));
    }
}
