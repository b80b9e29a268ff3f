//! Writes a network, node by node.

use std::collections::{HashMap, HashSet};

use voicefleet_onnx::graph::{
    ElementType, Network, Node, Tensor,
    proto::{Graph, ValueInfo},
};

use super::{BETWEEN, Precision, fuse::fuse, simple::Simple};
use crate::vits::{operator, reach::Reaches};

/// Writes one of the two networks.
pub(super) struct Writer<'w, 'n> {
    pub(super) constants: &'w HashMap<&'n str, &'n Tensor>,
    pub(super) simple: &'w Simple<'n>,
    pub(super) precision: Precision,
    inputs: Vec<ValueInfo>,
    /// The input that the audio is made of, frame by frame.
    sequence: String,
    pub(super) nodes: Vec<Node>,
    written: Vec<Tensor>,
    /// What the images of the sequences are called.
    images: HashMap<String, String>,
    /// Values that still have to be multiplied by this; a convolution's weights will be.
    pub(super) pending: HashMap<String, f32>,
    pub(super) reaches: Reaches,
}

impl<'w, 'n> Writer<'w, 'n> {
    pub(super) fn new(
        constants: &'w HashMap<&'n str, &'n Tensor>,
        simple: &'w Simple<'n>,
        precision: Precision,
    ) -> Self {
        Self {
            constants,
            simple,
            precision,
            inputs: Vec::new(),
            sequence: String::new(),
            nodes: Vec::new(),
            written: Vec::new(),
            images: HashMap::new(),
            pending: HashMap::new(),
            reaches: Reaches::default(),
        }
    }

    pub(super) fn takes_sequence(&mut self, name: &str, dims: [Option<i64>; 3]) {
        let info = ValueInfo::tensor(name, ElementType::FLOAT, Some(&dims));
        self.inputs.push(info);
        name.clone_into(&mut self.sequence);
        self.as_image(name);
    }

    pub(super) fn takes_condition(&mut self, name: &str) {
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

    pub(super) fn takes_window(&mut self, name: &str, dims: [Option<i64>; 4], scale: Option<f32>) {
        let info = ValueInfo::tensor(BETWEEN, ElementType::FLOAT, Some(&dims));
        self.inputs.push(info);
        BETWEEN.clone_into(&mut self.sequence);
        self.images.insert(name.to_owned(), BETWEEN.to_owned());
        self.pending
            .extend(scale.map(|scale| (name.to_owned(), scale)));
        self.reaches.begin_with(name);
    }

    /// What a value is called here.
    pub(super) fn image(&self, name: &str) -> String {
        let name = self.simple.resolve(name);
        self.images
            .get(name)
            .cloned()
            .unwrap_or_else(|| name.to_owned())
    }

    /// Keeps a constant, once.
    pub(super) fn write(&mut self, tensor: Tensor) -> String {
        let name = tensor.name.clone();
        if !self.written.iter().any(|written| written.name == name) {
            self.written.push(tensor);
        }
        name
    }

    pub(super) fn constant(&self, name: &str) -> Result<&'n Tensor, String> {
        let constant = self.constants.get(name).copied();
        constant.ok_or_else(|| format!("'{name}' is not a constant"))
    }

    pub(super) fn weights(&self, node: &Node) -> Result<&'n Tensor, String> {
        self.constant(node.input.get(1).map_or("", String::as_str))
    }

    pub(super) fn write_all(&mut self, nodes: &[&Node]) -> Result<(), String> {
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

    /// The network that makes `output`, under another name if one is given.
    pub(super) fn finish(mut self, network: &Network, output: &str, name: Option<&str>) -> Network {
        let image = self.image(output);
        let name = name.unwrap_or("audio");
        self.nodes.push(Node::new("Identity", &[&image], name));
        if self.precision != Precision::Single {
            self.nodes = fuse(self.nodes, &self.sequence);
        }
        let mut written = network.of(Graph {
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
        });
        if self.precision != Precision::Single {
            written.prune();
            written.add_operators(operator::operators());
        }
        written
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
