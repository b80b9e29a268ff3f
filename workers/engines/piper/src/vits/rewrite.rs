//! Flow and decoder, written anew.
//!
//! - What adds 0, multiplies by 1 or masks nothing is left out.
//! - Sequences `[1, channels, time]` become images `[1, channels, 1, time]`: ONNX Runtime computes
//!   two-dimensional convolutions on blocked channels, one-dimensional ones by copying the input once
//!   for each tap.
//! - A transposed convolution becomes a convolution that computes the samples between two others as
//!   channels, and a reordering.
//! - A convolution whose channels go separate ways becomes several.
//! - A division before a convolution goes into its weights.

use std::collections::{HashMap, HashSet};

use voicefleet_onnx::graph::{
    ElementType, Network, Node, Tensor,
    proto::{Graph, ValueInfo},
};

use super::{
    find::Vocoder,
    reach::{Reach, Reaches},
};

/// Frames that the lengths are fixed to while ONNX Runtime optimises. Any number will do.
const FRAMES: i64 = 1024;

/// The head, with fixed lengths.
pub(super) const HEAD: &str = "head";
/// What the head gives the tail.
pub(super) const BETWEEN: &str = "between";

/// Head and tail.
pub(super) struct Rewritten {
    /// Lengths are fixed.
    pub(super) head: Network,
    /// Lengths are fixed. `None` if there is only one stage of upsampling.
    pub(super) tail: Option<Tail>,
}

/// The later stages of the decoder.
pub(super) struct Tail {
    pub(super) network: Network,
    /// Samples at each edge of a window that are only there for the others.
    pub(super) overlap: i64,
    /// Samples of audio per sample of the window.
    pub(super) rate: i64,
}

/// Writes `vocoder` of `network` anew; else says what stands in the way.
pub(super) fn rewrite(network: &Network, vocoder: &Vocoder) -> Result<Rewritten, String> {
    let constants = network.constants();
    let simple = Simple::of(vocoder, &constants);
    let mut head = Writer::new(&constants, &simple);
    head.takes_sequence(
        vocoder.latent,
        [Some(1), Some(vocoder.channels), Some(FRAMES)],
    );
    for condition in &vocoder.conditions {
        head.takes_condition(condition);
    }
    let upsampling: Vec<&Node> = (simple.nodes.iter().copied())
        .filter(|node| node.op_type == "ConvTranspose")
        .collect();
    let Some(second) = upsampling.get(1) else {
        head.write_all(&simple.nodes)?;
        let head = head.finish(network, &simple.output, None);
        return Ok(Rewritten { head, tail: None });
    };
    let cut = simple.resolve(&second.input[0]).to_owned();
    let (first, later) = split_at(&cut, &simple);
    head.write_all(&first)?;
    let channels = head.weights(second)?.dims[0];
    let scale = head.pending.get(&cut).copied();
    let mut tail = Writer::new(&constants, &simple);
    tail.takes_window(
        &cut,
        [Some(1), Some(channels), Some(1), Some(FRAMES)],
        scale,
    );
    tail.write_all(&later)?;
    let Reach { rate, .. } = tail.reaches.of(std::iter::once(&simple.output));
    let overlap = tail.reaches.of(std::iter::once(&simple.output)).overlap();
    Ok(Rewritten {
        head: head.finish(network, &cut, Some(BETWEEN)),
        tail: Some(Tail {
            network: tail.finish(network, &simple.output, None),
            overlap,
            rate,
        }),
    })
}

/// The nodes that come of `cut`, and those before them.
fn split_at<'n>(cut: &str, simple: &Simple<'n>) -> (Vec<&'n Node>, Vec<&'n Node>) {
    let mut made = HashSet::from([cut.to_owned()]);
    simple.nodes.iter().partition(|node| {
        let later = node
            .inputs()
            .any(|input| made.contains(simple.resolve(input)));
        if later {
            made.extend(node.outputs().cloned());
        }
        !later
    })
}

/// The nodes without those that do nothing.
struct Simple<'n> {
    nodes: Vec<&'n Node>,
    /// What stands for what.
    same: HashMap<&'n str, &'n str>,
    output: String,
    consumers: HashMap<String, Vec<&'n Node>>,
}

impl<'n> Simple<'n> {
    fn of(vocoder: &Vocoder<'n>, constants: &HashMap<&str, &Tensor>) -> Self {
        let mut zeros: HashSet<&str> = HashSet::new();
        let mut ones = vocoder.ones.clone();
        let mut same = HashMap::new();
        let mut nodes = Vec::new();
        for node in &vocoder.nodes {
            let output = node.output[0].as_str();
            let input = |at: usize| node.input.get(at).map_or("", String::as_str);
            match node.op_type.as_str() {
                "ConstantOfShape" if fills_with_zeros(node) => {
                    zeros.insert(output);
                }
                "Neg" if zeros.contains(input(0)) => {
                    zeros.insert(output);
                }
                "Exp" if zeros.contains(input(0)) => {
                    ones.insert(output);
                }
                "Shape" => {}
                "Add" if zeros.contains(input(0)) => drop(same.insert(output, input(1))),
                "Add" if zeros.contains(input(1)) => drop(same.insert(output, input(0))),
                "Mul" if ones.contains(input(0)) => drop(same.insert(output, input(1))),
                "Mul" if ones.contains(input(1)) => drop(same.insert(output, input(0))),
                "Unsqueeze" => drop(same.insert(output, input(0))),
                _ => nodes.push(*node),
            }
        }
        let mut simple = Self {
            nodes,
            same,
            output: String::new(),
            consumers: HashMap::new(),
        };
        let last = vocoder.nodes.last().map_or("", |node| &node.output[0]);
        simple.output = simple.resolve(last).to_owned();
        for node in simple.nodes.clone() {
            for input in node.inputs() {
                let input = simple.resolve(input).to_owned();
                if !constants.contains_key(input.as_str()) {
                    simple.consumers.entry(input).or_default().push(node);
                }
            }
        }
        simple
    }

    fn resolve<'s>(&'s self, name: &'s str) -> &'s str
    where
        'n: 's,
    {
        let mut name = name;
        while let Some(other) = self.same.get(name) {
            name = other;
        }
        name
    }
}

fn fills_with_zeros(node: &Node) -> bool {
    let value = node.attribute("value").and_then(|value| value.t.as_ref());
    value.is_none_or(|value| {
        value
            .floats()
            .is_some_and(|floats| floats.iter().all(|float| *float == 0.0))
    })
}

/// Writes one of the two networks.
struct Writer<'w, 'n> {
    constants: &'w HashMap<&'n str, &'n Tensor>,
    simple: &'w Simple<'n>,
    inputs: Vec<ValueInfo>,
    nodes: Vec<Node>,
    written: Vec<Tensor>,
    /// What the images of the sequences are called.
    images: HashMap<String, String>,
    /// Values that still have to be multiplied by this; a convolution's weights will be.
    pending: HashMap<String, f32>,
    reaches: Reaches,
}

impl<'w, 'n> Writer<'w, 'n> {
    fn new(constants: &'w HashMap<&'n str, &'n Tensor>, simple: &'w Simple<'n>) -> Self {
        Self {
            constants,
            simple,
            inputs: Vec::new(),
            nodes: Vec::new(),
            written: Vec::new(),
            images: HashMap::new(),
            pending: HashMap::new(),
            reaches: Reaches::default(),
        }
    }

    fn takes_sequence(&mut self, name: &str, dims: [Option<i64>; 3]) {
        let info = ValueInfo::tensor(name, ElementType::FLOAT, Some(&dims));
        self.inputs.push(info);
        self.as_image(name);
    }

    fn takes_condition(&mut self, name: &str) {
        let info = ValueInfo::tensor(name, ElementType::FLOAT, None);
        self.inputs.push(info);
        self.as_image(name);
    }

    fn as_image(&mut self, name: &str) {
        let image = format!("{name} as image");
        let axis = self.write(Tensor::of_ints("axis of height", &[2]));
        self.nodes
            .push(Node::new("Unsqueeze", &[name, &axis], &image));
        self.images.insert(name.to_owned(), image);
    }

    fn takes_window(&mut self, name: &str, dims: [Option<i64>; 4], scale: Option<f32>) {
        let info = ValueInfo::tensor(BETWEEN, ElementType::FLOAT, Some(&dims));
        self.inputs.push(info);
        self.images.insert(name.to_owned(), BETWEEN.to_owned());
        self.pending
            .extend(scale.map(|scale| (name.to_owned(), scale)));
        self.reaches.begin_with(name);
    }

    /// What a value is called here.
    fn image(&self, name: &str) -> String {
        let name = self.simple.resolve(name);
        self.images
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    /// Keeps a constant, once.
    fn write(&mut self, tensor: Tensor) -> String {
        let name = tensor.name.clone();
        if !self.written.iter().any(|written| written.name == name) {
            self.written.push(tensor);
        }
        name
    }

    fn constant(&self, name: &str) -> Result<&'n Tensor, String> {
        let constant = self.constants.get(name).copied();
        constant.ok_or_else(|| format!("'{name}' is not a constant"))
    }

    fn weights(&self, node: &Node) -> Result<&'n Tensor, String> {
        self.constant(node.input.get(1).map_or("", String::as_str))
    }

    fn write_all(&mut self, nodes: &[&Node]) -> Result<(), String> {
        let mut done = HashSet::new();
        for node in nodes {
            if done.contains(&node.output[0]) {
                continue;
            }
            let input = self.simple.resolve(&node.input[0]).to_owned();
            let scale = self.pending.get(&input).copied();
            let resolved: Vec<String> = (node.inputs())
                .map(|input| self.simple.resolve(input).to_owned())
                .collect();
            let reach = self.reaches.of(resolved.iter());
            match node.op_type.as_str() {
                "Conv" => {
                    let made = self.write_convolution(node, scale.unwrap_or(1.0), reach)?;
                    done.extend(made);
                    continue;
                }
                "ConvTranspose" => {
                    self.write_upsampling(node, scale.unwrap_or(1.0), reach)?;
                    continue;
                }
                "Div" if self.goes_into_weights(node) => {
                    let divisor = self.constant(&node.input[1])?.floats().unwrap_or_default();
                    let image = self.image(&node.input[0]);
                    self.images.insert(node.output[0].clone(), image);
                    self.pending
                        .insert(node.output[0].clone(), divisor[0].recip());
                }
                "LeakyRelu" => {
                    // It lets a positive factor through.
                    self.pending
                        .extend(scale.map(|scale| (node.output[0].clone(), scale)));
                    self.copy(node, &[])?;
                }
                "Slice" | "Split" | "Concat" => {
                    expect_channels(node, self)?;
                    self.copy(node, &node.input[1..])?;
                }
                "Add" | "Sub" | "Mul" | "Div" | "Tanh" | "Sigmoid" | "Relu" => {
                    self.copy(node, &[])?;
                }
                other => return Err(format!("its decoder has an operation {other}")),
            }
            self.reaches.set(&node.output[0], reach);
        }
        Ok(())
    }

    /// Writes the node as it is; of its inputs those in `kept` are constants that have no image.
    fn copy(&mut self, node: &Node, kept: &[String]) -> Result<(), String> {
        let mut node = node.clone();
        for input in &mut node.input {
            if let Some(tensor) = self.constants.get(input.as_str()).copied() {
                if !kept.contains(input) && tensor.dims.iter().product::<i64>() != 1 {
                    return Err(format!("'{input}' is added to a sequence"));
                }
                self.write(tensor.clone());
            } else {
                *input = self.image(input);
            }
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Whether this is a division by a positive number of what only weights are applied to afterwards.
    fn goes_into_weights(&self, node: &Node) -> bool {
        let constant = self.constants.get(node.input[1].as_str());
        let divisor = constant.and_then(|constant| constant.floats());
        let users = |name: &str| {
            self.simple
                .consumers
                .get(name)
                .map_or(&[][..], Vec::as_slice)
        };
        let weighted = |user: &&Node| {
            let is_weighted =
                |user: &&Node| matches!(user.op_type.as_str(), "Conv" | "ConvTranspose");
            user.op_type == "LeakyRelu" && users(&user.output[0]).iter().all(is_weighted)
        };
        matches!(divisor.as_deref(), Some([divisor]) if *divisor > 0.0)
            && users(&node.output[0]).iter().all(weighted)
    }

    /// Writes a convolution, or one for each slice of its channels; says which values are made.
    fn write_convolution(
        &mut self,
        node: &Node,
        scale: f32,
        reach: Reach,
    ) -> Result<Vec<String>, String> {
        let weights = self.weights(node)?;
        let mut values = scaled(weights, scale)?;
        let [outputs, inputs, taps] = weights.dims[..] else {
            return Err("a convolution is not one-dimensional".to_owned());
        };
        if node.attribute("auto_pad").is_some() || !matches!(node.ints("strides"), [] | [1]) {
            return Err("a convolution has strides".to_owned());
        }
        let groups = node.int("group").unwrap_or(1);
        let apart = node.ints("dilations").first().copied().unwrap_or(1);
        let [before, after] = pads(node)?;
        let mut bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => Some(scaled(self.constant(name)?, 1.0)?),
            None => None,
        };
        let mut slices = self.slices(node, outputs);
        if slices.is_empty() || groups != 1 {
            slices = vec![(node.output[0].clone(), 0..as_usize(outputs))];
        }
        let image = self.image(&node.input[0]);
        let per_output = as_usize(inputs * taps);
        let mut made = Vec::new();
        for (output, range) in slices {
            let part = &mut values[range.start * per_output..range.end * per_output];
            let dims = [as_i64(range.len()), inputs, 1, taps];
            let kernel = Tensor::of_floats(&format!("weights of {output}"), &dims, part);
            let mut taken = vec![image.clone(), self.write(kernel)];
            if let Some(bias) = &mut bias {
                let part = &bias[range.clone()];
                let bias = Tensor::of_floats(&format!("bias of {output}"), &dims[..1], part);
                taken.push(self.write(bias));
            }
            let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
            self.nodes.push(
                Node::new("Conv", &taken, &output)
                    .with_ints("kernel_shape", &[1, taps])
                    .with_ints("dilations", &[1, apart])
                    .with_ints("pads", &[0, before, 0, after])
                    .with_ints("strides", &[1, 1])
                    .with_int("group", groups),
            );
            self.reaches.set(
                &output,
                reach.convolved(before, (taps - 1) * apart - before),
            );
            made.push(output);
        }
        Ok(made)
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

    /// Writes a transposed convolution with `stride` × n taps: each input sample makes `stride` output
    /// samples (phases) from n inputs.
    fn write_upsampling(&mut self, node: &Node, scale: f32, reach: Reach) -> Result<(), String> {
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

    /// The network that makes `output`, under another name if one is given.
    fn finish(mut self, network: &Network, output: &str, name: Option<&str>) -> Network {
        let image = self.image(output);
        let name = name.unwrap_or("audio");
        self.nodes.push(Node::new("Identity", &[&image], name));
        network.of(Graph {
            name: Some(name.to_owned()),
            node: self.nodes,
            initializer: self.written,
            input: self.inputs,
            output: vec![ValueInfo::tensor(
                name,
                ElementType::FLOAT,
                Some(&[None; 4]),
            )],
            ..Graph::default()
        })
    }
}

/// Slices, splits and concatenations must be of channels: they are the second axis of images too.
fn expect_channels(node: &Node, writer: &Writer) -> Result<(), String> {
    let of_channels = if node.op_type == "Slice" {
        let axes = node.input.get(3).map_or("", String::as_str);
        writer.constant(axes)?.ints().as_deref() == Some(&[1])
    } else {
        node.int("axis") == Some(1)
    };
    if of_channels {
        return Ok(());
    }
    Err(format!("a {} is not of channels", node.op_type))
}

/// Zeros before and after.
fn pads(node: &Node) -> Result<[i64; 2], String> {
    match *node.ints("pads") {
        [] => Ok([0, 0]),
        [before, after] if before >= 0 && after >= 0 => Ok([before, after]),
        _ => Err("a convolution's pads are of an unknown kind".to_owned()),
    }
}

fn scaled(tensor: &Tensor, scale: f32) -> Result<Vec<f32>, String> {
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

/// Lengths in a file that was read are not negative, but for one that is broken.
fn as_usize(length: i64) -> usize {
    usize::try_from(length).unwrap_or(0)
}

fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
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
