//! The large weights of the front in 16 bits, widened where they are used.
//!
//! Kept so they are half as large. Rounded to 11 bits they move no duration; the 8 bits that the decoder's
//! weights are rounded to would.

use std::collections::HashMap;

use voicefleet_onnx::graph::{ElementType, Network, Node, Tensor};

/// Bytes from which it is worth a node. These are of the text encoder; those that only say durations are smaller, and rounding
/// them too moves a frame here and there.
const LARGE: usize = 1 << 20;

/// Halves the large weights of convolutions.
pub(super) fn halve_weights(network: &mut Network) {
    let mut halves: HashMap<String, Tensor> = HashMap::new();
    let constants = network.constants();
    let mut nodes = Vec::with_capacity(network.graph().node.len());
    for node in &network.graph().node {
        if let Some(weights) = large_weights(node, &constants)
            && !halves.contains_key(&weights.name)
            && let Some(half) = weights.halved(&format!("{} in 16 bits", weights.name))
        {
            let widened = Node::new("Cast", &[&half.name], &weights.name);
            nodes.push(widened.with_int("to", i64::from(ElementType::FLOAT.0)));
            halves.insert(weights.name.clone(), half);
        }
        nodes.push(node.clone());
    }
    let graph = network.graph_mut();
    graph.node = nodes;
    for tensor in &mut graph.initializer {
        if let Some(half) = halves.remove(&tensor.name) {
            *tensor = half;
        }
    }
}

fn large_weights<'n>(node: &Node, constants: &HashMap<&str, &'n Tensor>) -> Option<&'n Tensor> {
    if !matches!(node.op_type.as_str(), "Conv" | "FusedConv") {
        return None;
    }
    let weights = *constants.get(node.input.get(1)?.as_str())?;
    let is_large = |raw: &[u8]| raw.len() >= LARGE;
    weights
        .raw_data
        .as_deref()
        .is_some_and(is_large)
        .then_some(weights)
}

#[cfg(test)]
mod tests {
    use voicefleet_onnx::load_runtime;
    use voicefleet_testkit::model_file;

    use super::*;

    #[test]
    fn large_weights_of_convolutions_are_halved_and_widened_where_they_are_used() {
        let joe = model_file("piper/en_US-joe-medium/en_US-joe-medium.onnx");
        load_runtime(&model_file("onnxruntime/libonnxruntime.so")).unwrap();
        let mut network = Network::read(&joe).unwrap();
        let bytes = |network: &Network| -> usize {
            let tensors = network.graph().initializer.iter();
            tensors
                .filter_map(|tensor| Some(tensor.raw_data.as_ref()?.len()))
                .sum()
        };
        let before = bytes(&network);
        halve_weights(&mut network);
        assert!(bytes(&network) < before * 7 / 10, "of {before}");
        let mut made: Vec<&String> = Vec::new();
        let constants = network.constants();
        for node in &network.graph().node {
            let known = |input: &&String| {
                made.contains(input)
                    || !input.ends_with(".weight")
                    || constants.contains_key(input.as_str())
            };
            assert!(
                node.inputs().all(|input| known(&input)),
                "{}",
                node.output[0]
            );
            made.extend(node.outputs());
        }
    }
}
