//! What ONNX Runtime's layout optimisation leaves lying.

use std::collections::HashMap;

use super::{Network, Node};

/// The domain of the operators on blocked channels (`NCHWc`).
const BLOCKED: &str = "com.microsoft.nchwc";

impl Network {
    /// Computes `LeakyRelu` on blocked channels where its input comes from there and its output goes there.
    /// ONNX Runtime 1.31 does so with other activations, and copies tensors back and forth for this one.
    pub(crate) fn keep_leaky_relu_blocked(&mut self) {
        let mut moved: HashMap<String, String> = HashMap::new();
        let mut sources: HashMap<String, String> = HashMap::new();
        let producers = self.producers();
        let consumers = self.consumers();
        let graph = self.graph();
        let is_output = |name: &String| graph.output.iter().any(|output| output.name == *name);
        for node in &graph.node {
            let (Some(input), Some(output)) = (node.input.first(), node.output.first()) else {
                continue;
            };
            let unblocked = (producers.get(input.as_str()))
                .filter(|producer| is_blocked(producer, "ReorderOutput"));
            let users = consumers
                .get(output.as_str())
                .map_or(&[][..], Vec::as_slice);
            let all_block = !users.is_empty()
                && !is_output(output)
                && users.iter().all(|user| is_blocked(user, "ReorderInput"));
            if node.op_type == "LeakyRelu"
                && all_block
                && let Some(unblocked) = unblocked
            {
                sources.insert(output.clone(), unblocked.input[0].clone());
                for user in users {
                    moved.insert(user.output[0].clone(), output.clone());
                }
            }
        }
        for node in &mut self.graph_mut().node {
            if let Some(source) = node.output.first().and_then(|output| sources.get(output)) {
                node.input[0].clone_from(source);
            }
            for input in &mut node.input {
                if let Some(direct) = moved.get(input) {
                    input.clone_from(direct);
                }
            }
        }
        self.prune();
    }
}

fn is_blocked(node: &Node, op: &str) -> bool {
    node.op_type == op && node.domain.as_deref() == Some(BLOCKED)
}
