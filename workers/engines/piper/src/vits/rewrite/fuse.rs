//! Leaky rectifiers and additions become part of the convolutions behind and before them.

use std::collections::{HashMap, HashSet};

use voicefleet_onnx::graph::Node;

use crate::vits::operator;

/// What ONNX takes for a leaky rectifier that says nothing else.
const USUAL_SLOPE: f32 = 0.01;

/// Nodes that compute the same as `nodes` do of `sequence`. What is not used any more is still there.
pub(super) fn fuse(nodes: Vec<Node>, sequence: &str) -> Vec<Node> {
    with_additions(with_slopes(nodes), sequence)
}

/// A convolution of what a leaky rectifier makes bends its input itself: that costs it nothing.
fn with_slopes(nodes: Vec<Node>) -> Vec<Node> {
    let bent: HashMap<String, (String, f32)> = (nodes.iter())
        .filter(|node| node.op_type == "LeakyRelu")
        .map(|node| {
            let slope = node.attribute("alpha").and_then(|alpha| alpha.f);
            let slope = slope.unwrap_or(USUAL_SLOPE);
            (node.output[0].clone(), (node.input[0].clone(), slope))
        })
        .filter(|(_, (_, slope))| (0.0..=1.0).contains(slope))
        .collect();
    let with_slope = |mut node: Node| match bent.get(&node.input[0]) {
        Some((input, slope)) if operator::is_ours(&node) => {
            node.input[0].clone_from(input);
            operator::with_slope(node, *slope)
        }
        _ => node,
    };
    nodes.into_iter().map(with_slope).collect()
}

/// The sum of a convolution and another value becomes the convolution with one more input, in the place of the addition: if nobody
/// else uses the convolution's output, and if the other value comes of the sequence, for what does not can be as short as one frame.
fn with_additions(nodes: Vec<Node>, sequence: &str) -> Vec<Node> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for input in nodes.iter().flat_map(Node::inputs) {
        *uses.entry(input.clone()).or_default() += 1;
    }
    let mut of_sequence = HashSet::from([sequence.to_owned()]);
    let mut fused: Vec<Option<Node>> = Vec::with_capacity(nodes.len());
    // Where the convolutions are to which something can be added.
    let mut open: HashMap<String, usize> = HashMap::new();
    for node in nodes {
        let comes_of_it = |input: &String| of_sequence.contains(input);
        let is_like = node.input.iter().all(comes_of_it);
        if node.inputs().any(comes_of_it) {
            of_sequence.extend(node.outputs().cloned());
        }
        let mut placed = node;
        if placed.op_type == "Add" && is_like {
            // The later one, so that what is added to it is there.
            let convolved = [0, 1].map(|side| open.get(&placed.input[side]).copied());
            let side = usize::from(convolved[1] > convolved[0]);
            if let Some(mut convolution) = convolved[side].and_then(|place| fused[place].take()) {
                open.remove(&placed.input[side]);
                convolution.input.push(placed.input.swap_remove(1 - side));
                convolution.output = placed.output;
                placed = convolution;
            }
        }
        let output = placed.output[0].clone();
        if operator::can_add(&placed) && uses.get(&output) == Some(&1) {
            open.insert(output, fused.len());
        }
        fused.push(Some(placed));
    }
    fused.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use voicefleet_convolution::bfloat16::Form;

    use super::*;

    fn convolution(image: &str, output: &str) -> Node {
        let form = Form {
            inputs: 1,
            outputs: 1,
            taps: 3,
            dilation: 1,
            padding: [1, 1],
            phases: 1,
            cut: [0, 0],
        };
        operator::node(&form, [image, "weights", "bias"], output)
    }

    fn of(nodes: &[Node]) -> Vec<String> {
        let told = |node: &Node| format!("{} of {}", node.output[0], node.input.join(" "));
        nodes.iter().map(told).collect()
    }

    #[test]
    fn a_block_is_one_node_for_each_convolution() {
        let nodes = vec![
            Node::new("LeakyRelu", &["x"], "bent").with_float("alpha", 0.1),
            convolution("bent", "convolved"),
            Node::new("Add", &["convolved", "x"], "first"),
            convolution("x", "other"),
            Node::new("Add", &["first", "other"], "both"),
        ];
        let fused = fuse(nodes, "x");
        assert_eq!(
            of(&fused),
            [
                "bent of x",
                "first of x weights bias x",
                "both of x weights bias first",
            ]
        );
        assert!((fused[1].attribute("slope").unwrap().f.unwrap() - 0.1).abs() < 1e-6);
        assert!(fused[2].attribute("slope").is_none());
    }

    #[test]
    fn what_others_use_too_stays() {
        let nodes = vec![
            convolution("x", "convolved"),
            Node::new("Add", &["convolved", "x"], "sum"),
            Node::new("Tanh", &["convolved"], "bent"),
        ];
        assert_eq!(fuse(nodes.clone(), "x"), nodes);
    }

    #[test]
    fn what_can_be_shorter_is_added_as_it_was() {
        let nodes = vec![
            convolution("x", "convolved"),
            convolution("speaker", "timbre"),
            Node::new("Add", &["convolved", "timbre"], "sum"),
        ];
        assert_eq!(fuse(nodes.clone(), "x"), nodes);
    }
}
