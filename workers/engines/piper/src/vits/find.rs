//! Where in the graph the parts are.

use std::collections::{HashMap, HashSet};

use voicefleet_onnx::graph::{ElementType, Network, Node, Tensor};

/// Operations that the flow and the decoder are made of.
const KNOWN: [&str; 17] = [
    "Add",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Div",
    "Exp",
    "LeakyRelu",
    "Mul",
    "Neg",
    "Relu",
    "Shape",
    "Sigmoid",
    "Slice",
    "Split",
    "Sub",
    "Tanh",
];

/// Flow and decoder: everything that is computed from the latent sequence.
pub(super) struct Vocoder<'n> {
    /// The latent sequence `[1, channels, frames]`.
    pub(super) latent: &'n str,
    /// Its channels.
    pub(super) channels: i64,
    /// The nodes in order.
    pub(super) nodes: Vec<&'n Node>,
    /// What is used beside the latent and constants, and is not 1 everywhere.
    pub(super) conditions: Vec<&'n str>,
    /// Values that are 1 everywhere: the mask of frames that belong to the sentence, which all do when
    /// a sentence is spoken by itself.
    pub(super) ones: HashSet<&'n str>,
}

impl<'n> Vocoder<'n> {
    /// Finds it in `network`; else says what was not found.
    pub(super) fn find(network: &'n Network) -> Result<Self, String> {
        let graph = network.graph();
        let producers = network.producers();
        let latent = latent(network).ok_or("it has no noise of which a latent is made")?;
        let mut made = HashSet::from([latent]);
        let mut nodes = Vec::new();
        for node in &graph.node {
            if node.inputs().any(|input| made.contains(input.as_str())) {
                made.extend(node.outputs().map(String::as_str));
                nodes.push(node);
            }
        }
        let last = nodes.last().map(|node| node.output[0].as_str());
        for node in &nodes {
            let ends = node.op_type == "Unsqueeze" && last == Some(&node.output[0]);
            if !ends && !KNOWN.contains(&node.op_type.as_str()) {
                return Err(format!("its decoder has an operation {}", node.op_type));
            }
        }
        if graph.output.len() != 1 || last != Some(&graph.output[0].name) {
            return Err("it has other outputs than audio".to_owned());
        }
        let constants = network.constants();
        let channels = (nodes.iter())
            .find_map(|node| split_channels(node, &constants))
            .ok_or("its flow does not split channels")?;
        let mut conditions = Vec::new();
        let mut ones = HashSet::new();
        for input in nodes.iter().flat_map(|node| node.inputs()) {
            let input = input.as_str();
            if made.contains(input) || constants.contains_key(input) {
                continue;
            }
            if is_mask(input, &producers) {
                ones.insert(input);
            } else if !conditions.contains(&input) {
                conditions.push(input);
            }
        }
        Ok(Self {
            latent,
            channels,
            nodes,
            conditions,
            ones,
        })
    }
}

/// How many channels a node splits into two. The flow does so with those of the latent, first of all.
fn split_channels(node: &Node, constants: &HashMap<&str, &Tensor>) -> Option<i64> {
    if node.op_type != "Split" || node.int("axis") != Some(1) {
        return None;
    }
    let sizes = match node.input.get(1) {
        Some(sizes) => constants.get(sizes.as_str())?.ints()?,
        None => node.ints("split").to_vec(),
    };
    (sizes.len() == 2).then(|| sizes.iter().sum())
}

/// The latent is mean + noise × deviation × scale, and its noise is the last of the network.
fn latent(network: &Network) -> Option<&str> {
    let consumers = network.consumers();
    let only_consumer = |name: &str, op: &str| -> Option<&Node> {
        let [consumer] = consumers.get(name)?.as_slice() else {
            return None;
        };
        (consumer.op_type == op).then_some(*consumer)
    };
    let nodes = &network.graph().node;
    let noise = nodes
        .iter()
        .rev()
        .find(|node| node.op_type == "RandomNormalLike")?;
    let mut value = noise.output.first()?.as_str();
    for op in ["Mul", "Mul", "Add"] {
        let node = only_consumer(value, op)?;
        value = node.output.first()?;
    }
    // The names live as long as the network, the map does not.
    let owner = nodes
        .iter()
        .find(|node| node.output.first().is_some_and(|output| output == value))?;
    owner.output.first().map(String::as_str)
}

/// Whether `name` is "position < length" as numbers. Of one sentence by itself no position is behind
/// the end.
fn is_mask(name: &str, producers: &HashMap<&str, &Node>) -> bool {
    let mut name = name;
    let mut is_number = false;
    loop {
        let Some(node) = producers.get(name) else {
            return false;
        };
        match node.op_type.as_str() {
            "Cast" if node.int("to") == Some(i64::from(ElementType::FLOAT.0)) => is_number = true,
            "Unsqueeze" => {}
            "Less" => return is_number,
            _ => return false,
        }
        name = &node.input[0];
    }
}
